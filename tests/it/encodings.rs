//! Encoders, written by themselves: what keylint decodes must not be decided by keylint.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;

use keylint::rules::placeholder::{Expansion, expand};

/// Wraps bytes.
pub(crate) type Encode = fn(&[u8]) -> Vec<u8>;

/// As a JSON string, slashes escaped.
pub(crate) fn json(bytes: &[u8]) -> Vec<u8> {
    let text = serde_json::to_string(&String::from_utf8_lossy(bytes)).unwrap();
    format!("{{\"text\": {}}}\n", text.replace('/', "\\/")).into_bytes()
}

fn each(
    bytes: &[u8],
    plain: impl Fn(u8) -> bool,
    mut write: impl FnMut(&mut String, u8),
) -> Vec<u8> {
    let mut text = String::new();
    for &byte in bytes {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            write(&mut text, byte);
        }
    }
    text.into_bytes()
}

/// With `\u002F` for what is no letter or digit.
pub(crate) fn unicode_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_ascii_alphanumeric() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04X}").unwrap();
            }
        }
    }
    text.into_bytes()
}

/// With `\x2f` for every byte.
pub(crate) fn escapes(bytes: &[u8]) -> Vec<u8> {
    each(bytes, |_| false, |text, byte| write!(text, "\\x{byte:02x}").unwrap())
}

/// As a part of a URL.
pub(crate) fn percent(bytes: &[u8]) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    each(bytes, plain, |text, byte| write!(text, "%{byte:02X}").unwrap())
}

/// With `&#x2F;` for signs.
pub(crate) fn entities(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_ascii_alphanumeric() || " \n.,-_".contains(character) {
            text.push(character);
        } else {
            write!(text, "&#x{:X};", u32::from(character)).unwrap();
        }
    }
    text.into_bytes()
}

/// In lines of 76 characters with soft breaks.
pub(crate) fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    let mut width = 0;
    for &byte in bytes {
        let written = match byte {
            b'\n' => "\n".to_owned(),
            b'=' => "=3D".to_owned(),
            b' '..=b'~' | b'\t' => char::from(byte).to_string(),
            _ => format!("={byte:02X}"),
        };
        if byte != b'\n' && width + written.len() > 75 {
            text.push_str("=\n");
            width = 0;
        }
        width = if byte == b'\n' { 0 } else { width + written.len() };
        text.push_str(&written);
    }
    text.into_bytes()
}

/// In one line.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        text.extend(
            (0..=three.len()).map(|place| DIGITS[(bits >> (18 - 6 * place) & 63) as usize]),
        );
        text.extend(std::iter::repeat_n(b'=', 3 - three.len()));
    }
    text
}

/// With the digits of URLs and without padding.
pub(crate) fn base64_url(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    };
    base64(bytes).into_iter().filter(|byte| *byte != b'=').map(digit).collect()
}

/// In lines of 76 digits.
pub(crate) fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = base64(bytes).chunks(76).map(<[u8]>::to_vec).collect();
    [lines.join(&b'\n'), b"\n".to_vec()].concat()
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> Vec<u8> {
    each(bytes, |_| false, |text, byte| write!(text, "{byte:02x}").unwrap())
}

/// Compressed, in base64.
pub(crate) fn gzip_base64(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    base64(&encoder.finish().unwrap())
}

/// A text with directives in it undone: `{{base64|...}}` stands for the base64 of what is inside, placeholders and
/// further directives included. Also given are the placeholders, by where their values now lie.
///
/// Besides base64 there are `hex`, `json` (slashes), `unicode`, `octal`, `percent`, `entities`, `utf-16`, and
/// `cut:N:JOINT`, which puts a joint into a value behind its first N characters (`\n` in it is a line end).
pub(crate) fn unfold(text: &str) -> (String, Vec<Expansion>) {
    let (mut unfolded, mut expansions) = (String::new(), Vec::new());
    let plain = |text: &str, unfolded: &mut String, expansions: &mut Vec<Expansion>| {
        let (expanded, found) = expand(text);
        expansions.extend(found.into_iter().map(|found| shifted(found, unfolded.len())));
        unfolded.push_str(&expanded);
    };
    let mut rest = text;
    while let Some((before, directive, content, after)) = first_directive(rest) {
        plain(before, &mut unfolded, &mut expansions);
        let (inner, found) = unfold(content);
        let (encoded, starts) = encode(directive, &inner);
        for mut expansion in found {
            let last = expansion.range.end - 1;
            expansion.range = starts[expansion.range.start].start..starts[last].end;
            expansions.push(shifted(expansion, unfolded.len()));
        }
        unfolded.push_str(&encoded);
        rest = after;
    }
    plain(rest, &mut unfolded, &mut expansions);
    (unfolded, expansions)
}

fn shifted(mut expansion: Expansion, by: usize) -> Expansion {
    expansion.range = expansion.range.start + by..expansion.range.end + by;
    expansion
}

/// What stands before the first directive, its name, what is in it, and what stands behind it.
fn first_directive(text: &str) -> Option<(&str, &str, &str, &str)> {
    const NAMES: [&str; 9] = [
        "base64|",
        "hex|",
        "json|",
        "unicode|",
        "octal|",
        "percent|",
        "entities|",
        "utf-16|",
        "cut:",
    ];
    let (open, _) = text
        .match_indices("{{")
        .find(|(open, _)| NAMES.iter().any(|name| text[open + 2..].starts_with(name)))?;
    let (name, rest) = text[open + 2..].split_once('|')?;
    let mut depth = 1;
    let mut at = 0;
    while depth > 0 {
        let (open, close) =
            (rest[at..].find("{{"), rest[at..].find("}}").expect("a directive ends"));
        (depth, at) = match open {
            Some(open) if open < close => (depth + 1, at + open + 2),
            _ => (depth - 1, at + close + 2),
        };
    }
    Some((&text[..open], name, &rest[..at - 2], &rest[at..]))
}

/// A text as a directive has it, and where each byte of it has gone.
fn encode(directive: &str, text: &str) -> (String, Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    if directive == "base64" {
        let places = (0..bytes.len()).map(|at| at * 4 / 3..((at + 1) * 4).div_ceil(3)).collect();
        return (String::from_utf8(base64(bytes)).unwrap(), places);
    }
    let cut = directive.strip_prefix("cut:").map(|cut| {
        let (at, joint) = cut.split_once(':').expect("a place and a joint");
        (at.parse::<usize>().unwrap(), joint.replace("\\n", "\n"))
    });
    let (mut encoded, mut places) = (String::new(), Vec::new());
    for (at, &byte) in bytes.iter().enumerate() {
        if let Some((place, joint)) = &cut
            && at == *place
        {
            encoded.push_str(joint);
        }
        let start = encoded.len();
        let plain = byte.is_ascii_alphanumeric();
        match directive {
            "hex" => write!(encoded, "{byte:02x}").unwrap(),
            "json" if matches!(byte, b'/' | b'"' | b'\\') => {
                encoded.extend(['\\', char::from(byte)]);
            }
            "json" if byte == b'\n' => encoded.push_str("\\n"),
            "unicode" => write!(encoded, "\\u{byte:04x}").unwrap(),
            "octal" if !plain => write!(encoded, "\\{byte:03o}").unwrap(),
            "percent" if !plain => write!(encoded, "%{byte:02X}").unwrap(),
            "entities" if !plain => write!(encoded, "&#{byte};").unwrap(),
            "utf-16" => encoded.extend([char::from(byte), '\0']),
            _ => encoded.push(char::from(byte)),
        }
        places.push(start..encoded.len());
    }
    (encoded, places)
}
