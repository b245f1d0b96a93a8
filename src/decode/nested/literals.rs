//! Values that a program puts together from string literals: `"AKIA" + "..."`, `'AKIA' '...'`, `"AKIA".concat("...")`,
//! a line that goes on after a backslash.
//!
//! No grammar is parsed. Between two quotes of one kind there may stand what joins strings in some language, and the
//! pieces must add up to something that is as long as a key.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::is_digit64;
use super::map::Map;
use super::{Decoded, splice};

/// How far before the first joint and behind the last one a value may go, in bytes.
const REACH: usize = 1024;

/// The longest that may stand between two pieces, in bytes.
const JOINT: usize = 96;

/// Pieces of a key, at most (CREDENTIALS.md, 4.3).
const MOST_PIECES: usize = 8;

/// Longer than this a value is a session token, which has any length, in any number of pieces.
const LONGEST_KEY: usize = 40;
const SHORTEST_TOKEN: usize = 100;

/// How far before and after the pieces a call that joins them may stand.
const CALL_REACH: usize = 120;

/// How far from a mark, which may be a joint's, it is looked for what joins, in bytes to each side.
pub(super) const SEEN: usize = 1 + JOINT + CALL_REACH;

/// The values in a stretch of text that are put together from pieces.
pub(super) fn within(text: &[u8], stretch: &Range<usize>) -> Vec<Decoded> {
    let mut values = Vec::new();
    let mut chain: Vec<Range<usize>> = Vec::new();
    for joint in joints(text, stretch) {
        let mark = joint.start;
        let adjoins =
            chain.last().is_some_and(|last| all_digits(&text[last.end..mark.max(last.end)]));
        if !adjoins {
            values.extend(value(text, &chain));
            chain.clear();
        }
        chain.push(joint);
    }
    values.extend(value(text, &chain));
    values
}

/// Whether literals are joined in a stretch of text.
pub(super) fn has_joint(text: &[u8], stretch: &Range<usize>) -> bool {
    // This is asked of every name of a secret, and nearly always in vain.
    let within = &text[stretch.clone()];
    let quotes = memchr::memchr3_iter(b'"', b'\'', b'`', within);
    let mut marks = quotes.chain(memchr::memchr_iter(b'\\', within));
    marks.any(|mark| joint(text, stretch.start + mark).is_some())
}

fn joints(text: &[u8], stretch: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let marks = stretch.clone().filter(|at| matches!(text[*at], b'"' | b'\'' | b'`' | b'\\'));
    marks.filter_map(|mark| joint(text, mark))
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(|byte| is_digit64(*byte))
}

/// The value whose pieces these joints join, if it is as long as a key or a token.
fn value(text: &[u8], joints: &[Range<usize>]) -> Option<Decoded> {
    let (first, last) = (joints.first()?, joints.last()?);
    let digits = |byte: &&u8| is_digit64(**byte);
    let start =
        first.start - text[..first.start].iter().rev().take(REACH).take_while(digits).count();
    let end = last.end + text[last.end..].iter().take(REACH).take_while(digits).count();
    let joined: usize = joints.iter().map(ExactSizeIterator::len).sum();
    let len = end - start - joined;
    let fits = match len {
        20 | LONGEST_KEY => joints.len() < MOST_PIECES,
        _ => len >= SHORTEST_TOKEN,
    };
    if !fits {
        return None;
    }
    let mut map = Map::default();
    let mut folded = Vec::with_capacity(len);
    let mut at = start;
    for joint in joints {
        splice(text, at..joint.start, &mut folded, &mut map);
        at = joint.end;
    }
    splice(text, at..end, &mut folded, &mut map);
    // An ID beside the first half of something: two columns of a table.
    if len == LONGEST_KEY && (folded.starts_with(b"AKIA") || folded.starts_with(b"ASIA")) {
        return None;
    }
    debug_assert_eq!(map.len(), folded.len(), "each byte has its place");
    Some(Decoded { range: start..end, text: folded, map })
}

/// From the mark at `start`, which ends a piece, to where the next one begins.
fn joint(text: &[u8], start: usize) -> Option<Range<usize>> {
    let before = start.checked_sub(1).map(|at| text[at])?;
    if !is_digit64(before) {
        return None;
    }
    let rest = &text[start + 1..text.len().min(start + 1 + JOINT)];
    let len = if text[start] == b'\\' { continuation(rest)? } else { between(rest, text[start])? };
    let end = start + 1 + len;
    if !is_digit64(*text.get(end)?) {
        return None;
    }
    let has_comma = rest[..len].contains(&b',');
    (!has_comma || joins_near(text, start..end)).then_some(start..end)
}

/// A line end and the indent of the next line.
fn continuation(rest: &[u8]) -> Option<usize> {
    let newline = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
    let indent = rest[newline..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (newline > 0).then_some(newline + indent)
}

/// The length of what stands between two literals, up to behind the quote that opens the second.
fn between(rest: &[u8], quote: u8) -> Option<usize> {
    const JOINING: [&[u8]; 3] = [b"append", b"concat", b"StringToken"];
    const PREFIXES: &[u8] = b"bfrusLNq";
    let mut at = 0;
    while at < rest.len() {
        let byte = rest[at];
        if byte == quote {
            return (at > 0).then_some(at + 1);
        }
        let word = rest[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        match word {
            0 if b" \t\r\n+.&<>~|^_\\,()@$-".contains(&byte) => at += 1,
            1 if PREFIXES.contains(&byte) && rest.get(at + 1) == Some(&quote) => at += 1,
            0 => return None,
            _ if JOINING.contains(&&rest[at..at + word]) => at += word,
            _ => return None,
        }
    }
    None
}

/// Calls that join strings.
static CALLS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["join", "concat", "implode", "paste0", "strcat", "fold"])
        .expect("a few short words make a small automaton")
});

/// Whether a call that joins strings stands around the joint.
fn joins_near(text: &[u8], joint: Range<usize>) -> bool {
    let near = joint.start.saturating_sub(CALL_REACH)..text.len().min(joint.end + CALL_REACH);
    CALLS.is_match(&text[near])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        let values = within(text.as_bytes(), &(0..text.len())).into_iter();
        values.map(|value| String::from_utf8(value.text).unwrap()).collect()
    }

    #[test]
    fn joints_of_many_languages() {
        let whole = "Ab1/".repeat(10);
        for joint in [
            "' + '",
            "' '",
            "'\n    '",
            "' . '",
            "' .. '",
            "' & '",
            "' & _\n '",
            "' <> '",
            "' ~ '",
            "' || '",
            "' ++ '",
            "'.concat('",
            "').append('",
            "' \\\n  '",
            "' +\n+  '",
            "' + f'",
            "\\\n    ",
        ] {
            let text = format!("x = '{}{joint}{}'", &whole[..13], &whole[13..]);
            assert_eq!(folded(&text), std::slice::from_ref(&whole), "{text}");
        }
        let list = format!("['{}', '{}', '{}'].join('')", &whole[..9], &whole[9..20], &whole[20..]);
        assert_eq!(folded(&list), [whole]);
    }

    #[test]
    fn other_strings_stay_apart() {
        let half = "Ab1/".repeat(5);
        for text in [
            format!("['{half}', '{half}']"),
            format!("{{'{half}': '{half}'}}"),
            format!("f('{half}' if x else '{half}')"),
            format!("'{half}' + '{half}x'"),
            format!("'{half}' + \"{half}\""),
            format!("| `AKIA{}` | `{half}`", &half[4..]),
        ] {
            assert_eq!(folded(&text), Vec::<String>::new(), "{text}");
        }
    }
}
