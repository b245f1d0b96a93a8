//! The structure of AWS access key IDs: 4 letters and 16 base32 characters, which hold 80 bits.
//!
//! The first bit tells the generation; in the new one the next 40 bits are the account number, which can be read off
//! without asking AWS. In the old one nothing can be read off, and whatever a decoder prints is wrong: the published
//! counter-example is in the tests.

/// Length of a key ID, prefix included.
pub(crate) const LEN: usize = 20;

/// What the characters of a key ID say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Generation bit set: this account owns the key.
    New {
        /// At most 999 999 999 999.
        account: u64,
    },
    /// Generation bit not set, and of the form seen on real keys: fifth character `I` or `J`, last one `A` or `Q`
    /// (observed on some 500 keys of 2017, so a plausibility and no more).
    Old,
    /// Generation bit not set, of a form never seen on a real access key.
    OldUnseen,
    /// Generation bit set, but the account number has more than 12 digits.
    ImpossibleAccount,
    /// A character that base32 does not have: no AWS key.
    NotBase32,
}

/// The five low bits that a base32 character stands for.
fn value(byte: u8) -> Option<u64> {
    match byte {
        b'A'..=b'Z' => Some(u64::from(byte - b'A')),
        b'2'..=b'7' => Some(u64::from(byte - b'2') + 26),
        _ => None,
    }
}

/// Reads the form off a key ID of [`LEN`] bytes.
///
/// # Panics
/// When `id` has another length.
pub(crate) fn form(id: &[u8]) -> Form {
    assert_eq!(id.len(), LEN, "the matcher cuts key IDs to their length");
    let body = &id[4..];
    if !body.iter().all(|byte| value(*byte).is_some()) {
        return Form::NotBase32;
    }
    // Nine characters, 45 bits: generation, account, and four bits more.
    let bits =
        body[..9].iter().filter_map(|byte| value(*byte)).fold(0, |bits, five| (bits << 5) | five);
    if bits >> 44 == 0 {
        let seen = matches!(body[0], b'I' | b'J') && matches!(body[15], b'A' | b'Q');
        return if seen { Form::Old } else { Form::OldUnseen };
    }
    match (bits >> 4) & 0xff_ffff_ffff {
        account @ 0..=999_999_999_999 => Form::New { account },
        _ => Form::ImpossibleAccount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key IDs published with their accounts; put together at run time, since no complete ID stands in this repository.
    fn account(prefix: &str, body: &str) -> Option<String> {
        match form(format!("{prefix}{body}").as_bytes()) {
            Form::New { account } => Some(format!("{account:012}")),
            _ => None,
        }
    }

    #[test]
    fn published_accounts_are_read_off() {
        assert_eq!(account("ASIA", "Y34FZKBOKMUTVV7A").as_deref(), Some("609629065308"));
        assert_eq!(account("ASIA", "QNZGKIQY56JQ7WML").as_deref(), Some("029608264753"));
        assert_eq!(account("AKIA", "SP2TPHJSQH3FJRUX").as_deref(), Some("171436882533"));
        assert_eq!(account("AKIA", "WDB7XWLS3OBANPCE").as_deref(), Some("418892985061"));
        assert_eq!(account("AKIA", "RZPUZDIKGB2VALC4").as_deref(), Some("123456789012"));
        assert_eq!(account("ASIA", "QAAAAAAAGMKEM7X5").as_deref(), Some("000000000000"));
    }

    #[test]
    fn the_old_generation_has_no_account() {
        // STS named another account for this key than the one that decoding gives.
        assert_eq!(form(format!("AKIA{}", "JWMRCSBBKQO4HQCQ").as_bytes()), Form::Old);
        assert_eq!(form(b"AKIAIOSFODNN7EXAMPLE"), Form::OldUnseen);
        assert_eq!(form(format!("AKIA{}", "AYLPMN5HAAAAAAAA").as_bytes()), Form::OldUnseen);
    }

    #[test]
    fn digits_that_sort_below_letters_are_still_of_the_new_generation() {
        for first in ["2", "3", "4", "5", "6", "Q", "Z"] {
            let id = format!("AKIA{first}AAAAAAAAAAAAAAA");
            assert!(matches!(form(id.as_bytes()), Form::New { .. }), "{first}");
        }
        assert_eq!(form(format!("AKIA{}", "7AAAAAAAAAAAAAAA").as_bytes()), Form::ImpossibleAccount);
        assert_eq!(form(b"AKIAI44QH8DHBEXAMPLE"), Form::NotBase32);
    }
}
