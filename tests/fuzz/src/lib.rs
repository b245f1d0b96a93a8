//! Texts made of pieces that a detector knows and of arbitrary bytes, for the targets that need both: bytes alone
//! would hardly ever hold a whole credential.

use keylint::decode::text::Encoding;
use keylint::rules::placeholder::{Kind, value};
use keylint::unpack::Format;
use libfuzzer_sys::arbitrary::{self, Arbitrary};

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../it/containers.rs"]
mod containers;
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../it/encodings.rs"]
mod encodings;

use containers::Wrap;
use encodings::Encode;

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
    /// A made-up credential, encoded.
    Encoded(u8, Part, u8),
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

const ENCODINGS: [Encode; 11] = [
    encodings::json,
    encodings::unicode_escapes,
    encodings::escapes,
    encodings::percent,
    encodings::entities,
    encodings::quoted_printable,
    encodings::base64,
    encodings::base64_lines,
    encodings::base64_url,
    encodings::hex,
    encodings::gzip_base64,
];

/// Bytes compressed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    Wrap::Gzip.wrap("", bytes)
}

/// A valid archive or compressed file of one of the ways there are, with a member that holds `content`.
pub fn container(way: u8, content: &[u8]) -> Vec<u8> {
    Wrap::ALL[usize::from(way) % Wrap::ALL.len()].wrap("member.txt", content)
}

/// What a file of each format begins with, and then `body`: what it says there is for an unpacker to find out.
pub fn headed(format: Format, body: &[u8]) -> Vec<u8> {
    let header: &[u8] = match format {
        Format::Zip => b"PK\x03\x04",
        Format::SevenZip => {
            // What is checksummed is the header at the end: with a checksum that holds it is read.
            let place = [[0; 8], (body.len() as u64).to_le_bytes()].concat();
            let place = [&place[..], &rawzip::crc32(body).to_le_bytes()].concat();
            let sum = rawzip::crc32(&place).to_le_bytes();
            return [b"7z\xbc\xaf\x27\x1c\0\x04", &sum[..], &place, body].concat();
        }
        Format::Tar => {
            let mut header = tar::Header::new_ustar();
            header.set_path("member.txt").expect("it is short");
            header.set_size(body.len() as u64 / 2);
            header.set_cksum();
            return [header.as_bytes(), body].concat();
        }
        Format::Ar => b"!<arch>\n",
        Format::Cpio => {
            let archive = containers::newc(&[("member.txt", b"text")]);
            return [&archive[..128], body].concat();
        }
        Format::Gzip => b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
        Format::Bzip2 => b"BZh91AY&SY",
        Format::Xz => b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46",
        Format::Zstd => b"\x28\xb5\x2f\xfd",
        Format::Lz4 => b"\x04\x22\x4d\x18\x60\x40\x82",
    };
    [header, body].concat()
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
            Piece::Encoded(encoding, part, number) => {
                let encode = ENCODINGS[usize::from(*encoding) % ENCODINGS.len()];
                text.extend(encode(part.value(*number).as_bytes()));
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
