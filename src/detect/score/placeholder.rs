//! Values that stand for a credential without being one: documentation examples, fillers, encrypted values.

/// Why a value is no leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Holds `EXAMPLE`. A random key ID does with probability 3·10⁻¹⁰, so anywhere will do.
    DocumentationExample,
    /// One character again and again, a counted-up row, or characters too few to be random.
    Filler,
    /// Stands inside an encrypted value, such as `ENC[...]`.
    Encrypted,
    /// Made by an emulator of AWS: its account is 000000000000.
    Emulator,
}

impl Reason {
    /// The reason in words.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::DocumentationExample => "a documentation example",
            Self::Filler => "a filler, not a random value",
            Self::Encrypted => "an encrypted value",
            Self::Emulator => "an emulator's key",
        }
    }
}

/// Rows that people type when they need some characters. Six in a row occur in a random value of 40 with probability
/// below 10⁻⁷.
const ROWS: [&[u8]; 3] = [b"abcdefghijklmnopqrstuvwxyz", b"01234567890", b"qwertyuiopasdfghjkl"];
const ROW_LEN: usize = 6;

/// What follows on each byte in each of [`ROWS`]; 0 for nothing.
static NEXT_IN_ROW: [[u8; 256]; 3] = {
    let mut next = [[0; 256]; 3];
    let mut row = 0;
    while row < ROWS.len() {
        let mut at = 1;
        while at < ROWS[row].len() {
            next[row][ROWS[row][at - 1] as usize] = ROWS[row][at];
            at += 1;
        }
        row += 1;
    }
    next
};

/// Session tokens are long and hold more than 5 bits per character, however many slashes stand in a row in them.
const TOKEN_FLOOR: f32 = 4.0;

/// Known hand-made values of test suites. Whole words of seven or more letters: shorter ones occur by chance.
const WORDS: [&[u8]; 6] =
    [b"example", b"deadbeef", b"placeholder", b"changeme", b"redacted", b"notareal"];

/// Whether `value` holds the word that documentation marks its values with.
fn is_documentation_example(value: &[u8]) -> bool {
    memchr::memmem::find(&value.to_ascii_lowercase(), WORDS[0]).is_some()
}

/// Why `value` is a placeholder, if it is. `floor` is the rule's entropy floor in bits per character.
pub(crate) fn reason(value: &[u8], entropy: f32, floor: f32) -> Option<Reason> {
    if is_documentation_example(value) {
        return Some(Reason::DocumentationExample);
    }
    let folded = value.to_ascii_lowercase();
    let filler = entropy < floor
        || WORDS[1..].iter().any(|word| memchr::memmem::find(&folded, word).is_some())
        || has_row(&folded)
        || longest_repeat(&folded) >= ROW_LEN;
    filler.then_some(Reason::Filler)
}

/// Why a session token is a placeholder, if it is. Real ones hold rows of slashes and, being long, anything else that
/// would be odd in a key.
pub(crate) fn reason_of_token(value: &[u8], entropy: f32) -> Option<Reason> {
    if is_documentation_example(value) {
        return Some(Reason::DocumentationExample);
    }
    (entropy < TOKEN_FLOOR).then_some(Reason::Filler)
}

fn has_row(folded: &[u8]) -> bool {
    NEXT_IN_ROW.iter().any(|next| {
        folded
            .chunk_by(|left, right| next[usize::from(*left)] == *right)
            .any(|row| row.len() >= ROW_LEN)
    })
}

fn longest_repeat(folded: &[u8]) -> usize {
    folded.chunk_by(|left, right| left == right).map(<[u8]>::len).max().unwrap_or(0)
}

/// What stands before an encrypted value, on its line.
const ENCRYPTED: [&[u8]; 4] = [b"ENC[", b"secure:", b"$ANSIBLE_VAULT", b"vault:v"];

/// Whether the text before a value on its line says that it is encrypted.
pub(crate) fn is_encrypted(before_on_line: &[u8]) -> bool {
    // Within the value's own field: an encrypted neighbour says nothing about this value.
    let field = before_on_line
        .rsplit(|byte| matches!(byte, b',' | b';' | b'{' | b'}'))
        .next()
        .unwrap_or_default();
    let field = if memchr::memmem::find(before_on_line, b"ENC[").is_some()
        && !before_on_line.contains(&b']')
    {
        before_on_line
    } else {
        field
    };
    ENCRYPTED.iter().any(|mark| memchr::memmem::find(field, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::score::shape::Shape;

    fn of(value: &str, floor: f32) -> Option<Reason> {
        reason(value.as_bytes(), Shape::of(value.as_bytes()).entropy, floor)
    }

    #[test]
    fn examples_and_fillers() {
        assert_eq!(of("AKIAIOSFODNN7EXAMPLE", 3.0), Some(Reason::DocumentationExample));
        assert_eq!(of("ASIAJEXAMPLEXEG2JICE", 3.0), Some(Reason::DocumentationExample));
        assert_eq!(
            of("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 4.25),
            Some(Reason::DocumentationExample)
        );
        assert_eq!(of(&format!("AKIA{}", "X".repeat(16)), 3.0), Some(Reason::Filler));
        assert_eq!(of(&format!("AKIA{}", "ABCDEFGHIJKLMNOP"), 3.0), Some(Reason::Filler));
        assert_eq!(of(&format!("AKIA{}", "DEADBEEFDEADBEEF"), 3.0), Some(Reason::Filler));
        assert_eq!(
            of(&format!("abcdefghijklmnopqrstuvwxyz{}", "ABCDEFGHIJ1234"), 4.25),
            Some(Reason::Filler)
        );
    }

    #[test]
    fn made_up_values_are_no_placeholders() {
        use crate::rules::placeholder::{Kind, value};
        for number in 0..2000 {
            assert_eq!(of(&value(Kind::AwsSecretAccessKey, number), 4.25), None, "{number}");
            assert_eq!(of(&value(Kind::AwsAccessKeyId, number), 3.0), None, "{number}");
        }
    }

    #[test]
    fn encrypted_values() {
        assert!(is_encrypted(b"aws_secret: ENC[AES256_GCM,data:"));
        assert!(is_encrypted(b"  - secure: \""));
        assert!(!is_encrypted(b"secure: \"abc\", secret: \""));
        assert!(!is_encrypted(b"aws_secret_access_key = "));
    }
}
