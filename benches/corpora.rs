//! Texts to measure on. They are generated, the same on every machine and in every run, so that figures compare and
//! nothing large is committed.

use std::fmt;
use std::sync::OnceLock;

/// A kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Corpus {
    /// Source code in short lines.
    Code,
    /// JavaScript without white space, in few lines.
    Minified,
    /// Base64 in lines of 76 characters, as in mails and certificates.
    Base64Lines,
    /// Random bytes.
    Binary,
    /// 40-character hexadecimal hashes, one a line: the most there can be for the run finder to look at.
    Hashes,
    /// Minified JavaScript in one line of 100 MB.
    OneLine,
    /// 100 MB of `A`.
    OnlyA,
    /// 100 MB of base64 characters in one line.
    OnlyBase64,
}

impl Corpus {
    /// All kinds.
    pub(crate) const ALL: [Self; 8] = [
        Self::Code,
        Self::Minified,
        Self::Base64Lines,
        Self::Binary,
        Self::Hashes,
        Self::OneLine,
        Self::OnlyA,
        Self::OnlyBase64,
    ];

    /// The text, made when it is first asked for.
    pub(crate) fn bytes(self) -> &'static [u8] {
        const USUAL: usize = 16 << 20;
        const LARGE: usize = 100_000_000;
        static TEXTS: [OnceLock<Vec<u8>>; Corpus::ALL.len()] =
            [const { OnceLock::new() }; Corpus::ALL.len()];
        TEXTS[self as usize].get_or_init(|| match self {
            Self::Code => code(USUAL),
            Self::Minified => minified(USUAL, 32 << 10),
            Self::Base64Lines => base64_lines(USUAL),
            Self::Binary => binary(USUAL),
            Self::Hashes => hashes(USUAL),
            Self::OneLine => minified(LARGE, usize::MAX),
            Self::OnlyA => vec![b'A'; LARGE],
            Self::OnlyBase64 => {
                let mut random = Random(7);
                (0..LARGE).map(|_| random.pick(BASE64)).collect()
            }
        })
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// `SplitMix64`: small, fixed for ever, and not for cryptography.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of `items`.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Words of identifiers and comments.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "get", "set", "is", "the", "of", "to", "a", "for", "in", "value", "name", "type", "error", "err", "data",
    "file", "path", "line", "string", "list", "map", "index", "key", "node", "state", "config", "client",
    "request", "response", "context", "buffer", "size", "length", "count", "start", "end", "next", "first",
    "last", "parent", "child", "root", "read", "write", "open", "close", "parse", "format", "print", "test",
    "check", "resource", "schema", "attribute", "block", "module", "provider", "version", "update", "create",
    "delete", "result", "option", "default", "self", "other", "source", "target", "message", "object", "array",
    "table", "column", "row", "user", "group", "role", "service", "server", "host", "port", "address", "url",
    "query", "param", "header", "body", "handler", "callback", "event", "time", "date", "duration", "number",
    "bytes", "offset", "range", "stream", "input", "output", "expected", "actual", "new", "old", "copy",
    "merge", "commit", "branch", "tree", "blob", "hash", "digest", "process", "thread", "lock", "pool", "cache",
    "store", "session", "status", "code", "must", "should", "when", "with", "from", "this", "that", "not",
    "and", "or", "all", "any", "each", "can", "has", "may", "will", "only", "instance", "region", "account",
    "policy", "bucket", "cluster", "network", "subnet", "plan", "apply", "diff",
];

/// Words that some rule has as a keyword.
#[rustfmt::skip]
const RULE_WORDS: &[&str] = &[
    "token", "harness", "secret", "linear", "square", "segment", "terraform", "password", "authorization",
    "credential",
];

/// A word of code. One in about 130 is some rule's keyword, which gives one of them in 800 bytes: what was counted in
/// real repositories for 300 rules like those of `rules_300`.
fn word(random: &mut Random) -> &'static str {
    if random.below(130) == 0 { random.pick(RULE_WORDS) } else { random.pick(WORDS) }
}

const KEYWORDS: &[&str] = &[
    "if ", "for ", "return ", "func ", "def ", "const ", "var ", "let ", "static ", "import ",
    "else ", "case ",
];

const OPERATORS: &[&str] = &[
    " = ", " == ", " != ", "(", ")", ", ", ": ", " := ", ".", "->", " + ", "[", "]", " && ", "\"",
    "'", " {", "; ",
];

/// Appends one to three words in one of the usual styles.
fn identifier(random: &mut Random, text: &mut Vec<u8>) {
    let style = random.below(4);
    for part in 0..=random.below(3) {
        let word = word(random).as_bytes();
        match style {
            // snake_case and SCREAMING_CASE
            0 | 1 => {
                if part > 0 {
                    text.push(b'_');
                }
                let case = if style == 0 { u8::to_ascii_lowercase } else { u8::to_ascii_uppercase };
                text.extend(word.iter().map(case));
            }
            // camelCase and PascalCase
            _ => {
                let capital = part > 0 || style == 3;
                text.push(if capital { word[0].to_ascii_uppercase() } else { word[0] });
                text.extend_from_slice(&word[1..]);
            }
        }
    }
}

fn code(len: usize) -> Vec<u8> {
    let mut random = Random(1);
    let mut text = Vec::with_capacity(len + 256);
    while text.len() < len {
        text.extend(std::iter::repeat_n(b'\t', random.below(4)));
        match random.below(20) {
            0 => {}
            1..=4 => {
                text.extend_from_slice(b"// ");
                for _ in 0..4 + random.below(10) {
                    text.extend_from_slice(word(&mut random).as_bytes());
                    text.push(b' ');
                }
            }
            5 => {
                text.extend_from_slice(b"import \"");
                for _ in 0..2 + random.below(5) {
                    text.extend_from_slice(word(&mut random).as_bytes());
                    text.push(b'/');
                }
                text.push(b'"');
            }
            6 => text.extend_from_slice(format!("0x{:016x},", random.next()).as_bytes()),
            _ => {
                if random.below(2) == 0 {
                    text.extend_from_slice(random.pick(KEYWORDS).as_bytes());
                }
                for _ in 0..=random.below(5) {
                    identifier(&mut random, &mut text);
                    text.extend_from_slice(random.pick(OPERATORS).as_bytes());
                }
            }
        }
        text.push(b'\n');
    }
    text
}

fn minified(len: usize, line: usize) -> Vec<u8> {
    const PUNCTUATION: &[&str] = &[
        "(", ")", ",", ";", "=", "{", "}", "&&", "||", "?", ":", ".", "!", "[", "]", "=>", "\"",
        "+",
    ];
    let mut random = Random(2);
    let mut text = Vec::with_capacity(len + 256);
    let mut line_end = line;
    while text.len() < len {
        match random.below(6) {
            0 => text.extend_from_slice(random.pick(KEYWORDS).as_bytes()),
            1 => identifier(&mut random, &mut text),
            2 => text.extend_from_slice(random.below(1000).to_string().as_bytes()),
            _ => text.push(random.pick(BASE64).to_ascii_lowercase()),
        }
        text.extend_from_slice(random.pick(PUNCTUATION).as_bytes());
        if text.len() > line_end {
            text.push(b'\n');
            line_end = text.len() + line;
        }
    }
    text
}

fn base64_lines(len: usize) -> Vec<u8> {
    let mut random = Random(3);
    (0..len).map(|at| if at % 77 == 76 { b'\n' } else { random.pick(BASE64) }).collect()
}

fn binary(len: usize) -> Vec<u8> {
    let mut random = Random(4);
    (0..len / 8).flat_map(|_| random.next().to_le_bytes()).collect()
}

fn hashes(len: usize) -> Vec<u8> {
    let mut random = Random(5);
    (0..len)
        .map(|at| if at % 41 == 40 { b'\n' } else { random.pick(b"0123456789abcdef") })
        .collect()
}
