//! Texts made of pieces that a detector knows and of arbitrary bytes, for the targets that need both: bytes alone
//! would hardly ever hold a whole credential.

use keylint::decode::text::Encoding;
use keylint::rules::placeholder::{Kind, value};
use libfuzzer_sys::arbitrary::{self, Arbitrary};

/// A piece of a text.
#[derive(Arbitrary, Debug)]
pub enum Piece<'a> {
    /// Anything.
    Bytes(&'a [u8]),
    /// Anything that is text.
    Text(&'a str),
    /// A made-up credential.
    Credential(Part, u8),
    /// A made-up credential without its end.
    Cut(Part, u8, u8),
    /// A word or sign that stands beside credentials.
    Word(u8),
    /// A byte again and again: up to some 64 KiB, so that texts outgrow the windows and margins.
    Filler(u8, u16),
}

/// What a made-up credential is.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Part {
    Id,
    OldId,
    TemporaryId,
    Secret,
    Token,
}

impl Part {
    fn value(self, number: u8) -> String {
        let kind = match self {
            Self::Id => Kind::AwsAccessKeyId,
            Self::OldId => Kind::AwsOldAccessKeyId,
            Self::TemporaryId => Kind::AwsTemporaryKeyId,
            Self::Secret => Kind::AwsSecretAccessKey,
            Self::Token => Kind::AwsSessionToken,
        };
        value(kind, u32::from(number % 8))
    }
}

const WORDS: [&str; 40] = [
    "\n",
    "\r\n",
    " = ",
    ": ",
    "\"",
    "'",
    ",",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ";",
    "\\n",
    "%3D",
    "\\u003d",
    "<",
    "/>",
    "ENC[",
    "EXAMPLE",
    "AKIA",
    "ASIA",
    "IQoJb3JpZ2luX2Vj",
    "aws_access_key_id",
    "aws_secret_access_key",
    "AWS_SESSION_TOKEN",
    "AccessKeyId",
    "SecretAccessKey",
    "Expiration",
    "2020-01-01T00:00:00Z",
    "[profile x]\n",
    "Access key ID,Secret access key\n",
    "- name: ",
    "value: ",
    "wasabisys.com",
    "sha512-",
    "日本語",
    "🔑",
    "\u{feff}",
];

/// The text of some pieces.
pub fn text(pieces: &[Piece<'_>]) -> Vec<u8> {
    /// Longer texts only take longer.
    const LONGEST: usize = 256 << 10;
    let mut text = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => text.extend_from_slice(bytes),
            Piece::Text(words) => text.extend_from_slice(words.as_bytes()),
            Piece::Credential(part, number) => {
                text.extend_from_slice(part.value(*number).as_bytes())
            }
            Piece::Cut(part, number, length) => {
                let value = part.value(*number);
                text.extend_from_slice(&value.as_bytes()[..usize::from(*length) % value.len()]);
            }
            Piece::Word(index) => {
                text.extend_from_slice(WORDS[usize::from(*index) % WORDS.len()].as_bytes());
            }
            Piece::Filler(byte, length) => {
                text.extend(std::iter::repeat_n(*byte, usize::from(*length)))
            }
        }
        if text.len() > LONGEST {
            break;
        }
    }
    text.truncate(LONGEST);
    text
}

/// How a text is encoded before it is scanned.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// Not at all.
    Bytes,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
}

impl Wrapping {
    /// `text` in this encoding, without a byte order mark.
    pub fn wrap(self, text: Vec<u8>) -> Vec<u8> {
        let units = |to: fn(u16) -> [u8; 2]| {
            String::from_utf8_lossy(&text).encode_utf16().flat_map(to).collect()
        };
        match self {
            Self::Bytes => text,
            Self::Utf16Le => units(u16::to_le_bytes),
            Self::Utf16Be => units(u16::to_be_bytes),
        }
    }

    /// The encoding that decodes it.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::Bytes => Encoding::Bytes,
            Self::Utf16Le => Encoding::Utf16Le,
            Self::Utf16Be => Encoding::Utf16Be,
        }
    }
}
