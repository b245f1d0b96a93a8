//! Placeholders such as `{{aws-access-key-id:1}}`, expanded to made-up credentials of the right shape.
//!
//! No complete token-shaped literal stands in this repository, since hosting services block pushes that hold one. Rule
//! examples, fixtures and benches hold placeholders instead. The same placeholder always expands to the same value,
//! which is made from the number alone and belongs to nobody: key IDs carry documentation account numbers.

use std::ops::Range;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `aws-access-key-id`: a long-term key ID of the new generation.
    AwsAccessKeyId,
    /// `aws-old-access-key-id`: a long-term key ID of the old generation (no account in it).
    AwsOldAccessKeyId,
    /// `aws-temporary-key-id`: a temporary key ID.
    AwsTemporaryKeyId,
    /// `aws-secret-access-key`: 40 base64 characters.
    AwsSecretAccessKey,
    /// `aws-session-token`: about 400 characters with the current prefix.
    AwsSessionToken,
}

impl Kind {
    const NAMES: [(&'static str, Self); 5] = [
        ("aws-access-key-id", Self::AwsAccessKeyId),
        ("aws-old-access-key-id", Self::AwsOldAccessKeyId),
        ("aws-temporary-key-id", Self::AwsTemporaryKeyId),
        ("aws-secret-access-key", Self::AwsSecretAccessKey),
        ("aws-session-token", Self::AwsSessionToken),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// A placeholder that was expanded, and where its value now lies in the expanded text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// What it stood for.
    pub kind: Kind,
    /// Its number: parts of one credential share it.
    pub number: u32,
    /// Byte offsets in the expanded text.
    pub range: Range<usize>,
}

/// Breaks a literal that would otherwise look like a token in the repository, and expands to nothing: `AKIA{{-}}XXXX`.
const BREAK: &str = "{{-}}";

/// Expands every `{{kind:number}}` of a known kind, and `{{-}}` to nothing; anything else between double braces stays
/// as it is.
pub fn expand(text: &str) -> (String, Vec<Expansion>) {
    let mut expanded = String::with_capacity(text.len());
    let mut expansions = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        expanded.push_str(&rest[..open]);
        rest = &rest[open..];
        if let Some(after) = rest.strip_prefix(BREAK) {
            rest = after;
            continue;
        }
        let parsed = rest.find("}}").and_then(|close| {
            let (name, number) = rest[2..close].split_once(':')?;
            Some((Kind::parse(name)?, number.parse().ok()?, close + 2))
        });
        if let Some((kind, number, len)) = parsed {
            let start = expanded.len();
            expanded.push_str(&value(kind, number));
            expansions.push(Expansion { kind, number, range: start..expanded.len() });
            rest = &rest[len..];
        } else {
            expanded.push_str("{{");
            rest = &rest[2..];
        }
    }
    expanded.push_str(rest);
    (expanded, expansions)
}

/// The made-up credential for a kind and number.
pub fn value(kind: Kind, number: u32) -> String {
    let mut random = Random::new(kind, number);
    match kind {
        Kind::AwsAccessKeyId => format!("AKIA{}", new_generation_body(number, &mut random)),
        Kind::AwsTemporaryKeyId => format!("ASIA{}", new_generation_body(number, &mut random)),
        Kind::AwsOldAccessKeyId => {
            let body: String = (0..14).map(|_| random.pick(BASE32)).collect();
            format!("AKIA{}{body}{}", random.pick(b"IJ"), random.pick(b"AQ"))
        }
        Kind::AwsSecretAccessKey => secret(&mut random),
        Kind::AwsSessionToken => {
            let body: String = (0..384).map(|_| random.pick(BASE64)).collect();
            format!("IQoJb3JpZ2luX2VjE{body}==")
        }
    }
}

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Account numbers that AWS's documentation uses; nobody's.
const ACCOUNTS: [u64; 4] = [111_122_223_333, 123_456_789_012, 444_455_556_666, 777_788_889_999];

/// 16 base32 characters: generation bit, 40 bits of account number, 39 random bits. The tail is drawn until it holds
/// a digit, so that no made-up ID can be taken for a word.
fn new_generation_body(number: u32, random: &mut Random) -> String {
    let account = ACCOUNTS[number as usize % ACCOUNTS.len()];
    loop {
        let bits = (1u128 << 79)
            | (u128::from(account) << 39)
            | u128::from(random.next() & ((1 << 39) - 1));
        let body: String = (0..16)
            .map(|index| char::from(BASE32[(bits >> (75 - 5 * index)) as usize & 31]))
            .collect();
        if body[9..].bytes().any(|byte| byte.is_ascii_digit()) {
            return body;
        }
    }
}

/// 40 base64 characters with all four classes in it, as 72 in 100 real ones have.
fn secret(random: &mut Random) -> String {
    loop {
        let value: String = (0..40).map(|_| random.pick(BASE64)).collect();
        let count =
            |class: fn(&u8) -> bool| value.as_bytes().iter().filter(|byte| class(byte)).count();
        let symbols = 40 - count(u8::is_ascii_alphanumeric);
        if count(u8::is_ascii_digit) >= 3 && symbols >= 1 && count(u8::is_ascii_uppercase) >= 10 {
            return value;
        }
    }
}

/// SplitMix64, seeded by kind and number: small, fixed for ever, and not for cryptography.
struct Random(u64);

impl Random {
    fn new(kind: Kind, number: u32) -> Self {
        Self(((kind as u64) << 32) | u64::from(number))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn pick(&mut self, alphabet: &[u8]) -> char {
        char::from(alphabet[(self.next() % alphabet.len() as u64) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_known_kinds_and_leaves_the_rest() {
        assert_eq!(expand("AKIA{{-}}XXXX").0, "AKIAXXXX");
        let (text, expansions) = expand("id={{aws-access-key-id:1}} {{other}} {{ x }}");
        assert_eq!(expansions.len(), 1);
        assert_eq!(expansions[0].range, 3..23);
        assert!(text.starts_with("id=AKIA"));
        assert!(text.ends_with(" {{other}} {{ x }}"));
        assert_eq!(expand("id={{aws-access-key-id:1}}").0, expand("id={{aws-access-key-id:1}}").0);
    }

    #[test]
    fn numbers_give_different_values() {
        let values: std::collections::BTreeSet<String> =
            (0..200).map(|number| value(Kind::AwsSecretAccessKey, number)).collect();
        assert_eq!(values.len(), 200);
        assert!(values.iter().all(|value| value.len() == 40));
    }
}
