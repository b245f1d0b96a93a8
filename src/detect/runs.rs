//! Finds isolated runs of exactly 40 base64-class characters, which is what an AWS secret access key looks like, at
//! memory speed. Whether a run is a secret is for the matcher and the scorer to say.
//!
//! # How bytes are skipped
//!
//! A run of 40 that starts at `s` covers `text[x..x + 16]` for every `x` from `s` to `s + 24`. So 16 bytes at every
//! 25th offset decide: if one of them is outside the class, no run of 40 covers them, and the next start to think of
//! lies behind the first of them. The test of 16 bytes has no branch inside and compiles to a handful of vector
//! instructions; since few tokens of source code are that long, the branch behind it is nearly always predicted. Only
//! where all 16 lie in the class are the run's two ends looked for, and the search goes on behind its end. So each
//! byte is looked at a bounded number of times, whatever the input.

use std::ops::Range;

/// The length of a secret access key.
const KEY_LEN: usize = 40;
/// Bytes tested at once.
const WINDOW: usize = 16;
/// The largest distance between windows that lets no run of [`KEY_LEN`] slip through.
const STRIDE: usize = KEY_LEN - WINDOW + 1;
/// `uHHHH`: the part of an escape that lies in the class.
const LONGEST_ESCAPE: usize = 5;

/// Whether `byte` is one of `A-Z`, `a-z`, `0-9`, `+` and `/`.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches a loop over this becomes vector code"
)]
pub const fn is_base64_class(byte: u8) -> bool {
    // `/` stands right before `0`.
    is_among(byte | 0x20, b'a', 26) | is_among(byte, b'/', 11) | (byte == b'+')
}

/// Whether `byte` is among the `count` bytes from `first` on. Numbers with a sign are compared, since the vector code of
/// most processors has an instruction for that.
const fn is_among(byte: u8, first: u8, count: u8) -> bool {
    const fn signed(number: u8) -> i8 {
        number.wrapping_add(0x80).cast_signed()
    }
    signed(byte.wrapping_sub(first)) < signed(count)
}

/// [`is_base64_class`] as a table, for loops that stop at the first byte outside.
static CLASS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_base64_class(byte as u8);
        byte += 1;
    }
    table
};

/// Calls `found` with each run of exactly 40 base64-class bytes in `text`, in ascending order.
///
/// A run must be bounded on both sides: by an end of `text` or by a byte outside the class, which on the right may not
/// be `=` (the padding of some other base64 text). An escape that is glued to the left of a run is no part of it:
/// `\n` and its like, `\xHH`, `\uHHHH`, `%HH`, the `=3D` of mails, the colour of a terminal (`[1;33m`), and the `+` at
/// the start of a line of a diff are taken off a run that is longer than 40 by just that.
pub fn for_each_run(text: &[u8], mut found: impl FnMut(Range<usize>)) {
    for_each_run_or_start(text, |run| {
        if let Run::OfKey(range) = run {
            found(range);
        }
    });
}

/// What [`for_each_run_or_start`] comes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// A run of exactly 40.
    OfKey(Range<usize>),
    /// The start of a run of at least 40.
    Start(usize),
}

/// The same, and calls `found` with the start of each run of at least 40 base64-class bytes, too: something else may be
/// wrapped in it. A run that has been found is not passed over: it is both.
pub fn for_each_run_or_start(text: &[u8], mut found: impl FnMut(Run)) {
    let mut earliest_start = 0;
    while let Some(inside) = window_in_class(text, earliest_start) {
        let after = inside + WINDOW;
        let (whole, _) = text[after..].as_chunks();
        let whole = whole.iter().take_while(|window| all_in_class(window));
        let known_end = after + whole.count() * WINDOW;
        if known_end - inside > KEY_LEN + LONGEST_ESCAPE {
            // Too long whatever its ends are. Its end lies in the window that stopped the count, so the next run
            // starts there or later.
            let before = leading_in_class(text[earliest_start..inside].iter().rev());
            found(Run::Start(inside - before));
            earliest_start = known_end;
            continue;
        }
        let start = inside - leading_in_class(text[earliest_start..inside].iter().rev());
        let end = known_end + leading_in_class(text[known_end..].iter());
        if end - start >= KEY_LEN {
            found(Run::Start(start));
        }
        if let Some(extra) = (end - start).checked_sub(KEY_LEN)
            && text.get(end) != Some(&b'=')
            && is_escape(text, start, extra)
        {
            found(Run::OfKey(end - KEY_LEN..end));
        }
        earliest_start = end + 1;
    }
}

/// The offset of [`WINDOW`] bytes in the class, such that no run of [`KEY_LEN`] or more that starts at or after
/// `earliest_start` ends before that offset; `None` when there is no such run.
fn window_in_class(text: &[u8], earliest_start: usize) -> Option<usize> {
    let mut at = earliest_start + STRIDE - 1;
    while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk) {
        if all_in_class(window) {
            return Some(at);
        }
        at += STRIDE;
    }
    None
}

#[inline]
fn all_in_class(window: &[u8; WINDOW]) -> bool {
    window.iter().fold(true, |all, &byte| all & is_base64_class(byte))
}

/// How many bytes at the front lie in the class.
fn leading_in_class<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes.take_while(|&&byte| CLASS[usize::from(byte)]).count()
}

/// Whether the first `len` bytes of the run at `start` belong to an escape that is glued to it (or are none).
fn is_escape(text: &[u8], start: usize, len: usize) -> bool {
    let before = start.checked_sub(1).map(|at| text[at]);
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match (before, &text[start..start + len]) {
        (_, []) | (None | Some(b'\n'), [b'+']) | (Some(b'='), [b'3', b'D']) => true,
        (Some(b'\\'), [letter]) => b"0abfnrtv".contains(letter),
        (Some(b'%'), digits @ [_, _]) => hex(digits),
        (Some(b'\\'), [b'x', digits @ ..]) => digits.len() == 2 && hex(digits),
        (Some(b'\\'), [b'u', digits @ ..]) => digits.len() == 4 && hex(digits),
        (Some(b'[' | b';'), [number @ .., b'm']) => {
            number.len() <= 3 && number.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for_each_run(text, |run| found.push(run));
        found
    }

    /// What [`for_each_run`] promises, byte by byte.
    fn runs_by_definition(text: &[u8]) -> Vec<Range<usize>> {
        let in_class =
            |at: usize| text[at].is_ascii_alphanumeric() || text[at] == b'+' || text[at] == b'/';
        let hex = |from: usize, to: usize| text[from..to].iter().all(u8::is_ascii_hexdigit);
        (0..text.len().saturating_sub(KEY_LEN - 1))
            .map(|start| start..start + KEY_LEN)
            .filter(|run| run.clone().all(in_class))
            .filter(|run| run.end == text.len() || (!in_class(run.end) && text[run.end] != b'='))
            .filter(|run| {
                let mut first = run.start;
                while first > 0 && in_class(first - 1) {
                    first -= 1;
                }
                let glued = &text[first..run.start];
                let after = |byte: u8| first > 0 && text[first - 1] == byte;
                let start_of_line = first == 0 || text[first - 1] == b'\n';
                glued.is_empty()
                    || (glued == b"+" && start_of_line)
                    || (glued.len() == 1 && after(b'\\') && b"0abfnrtv".contains(&glued[0]))
                    || (glued.len() == 2 && after(b'%') && hex(first, run.start))
                    || (glued.len() == 3
                        && after(b'\\')
                        && glued[0] == b'x'
                        && hex(first + 1, run.start))
                    || (glued.len() == 5
                        && after(b'\\')
                        && glued[0] == b'u'
                        && hex(first + 1, run.start))
                    || (glued == b"3D" && after(b'='))
                    || ((after(b'[') || after(b';'))
                        && glued.len() <= 4
                        && glued.last() == Some(&b'm')
                        && glued[..glued.len() - 1].iter().all(u8::is_ascii_digit))
            })
            .collect()
    }

    fn found_after(before: &str) -> bool {
        let text = format!("{before}{}", "k".repeat(KEY_LEN));
        !runs(text.as_bytes()).is_empty()
    }

    #[test]
    fn class_is_the_base64_alphabet() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
            assert_eq!(is_base64_class(byte), expected, "{byte:#04x}");
        }
    }

    #[test]
    fn a_run_is_found_wherever_it_lies() {
        for before in 0..100 {
            for after in [0, 1, 39, 40] {
                for len in 30..100 {
                    let text = [vec![b'.'; before], vec![b'k'; len], vec![b'.'; after]].concat();
                    let expected = (len == KEY_LEN).then(|| before..before + KEY_LEN);
                    assert_eq!(runs(&text), Vec::from_iter(expected), "{before} {len} {after}");
                }
            }
        }
    }

    #[test]
    fn boundaries() {
        let run = "k".repeat(KEY_LEN);
        assert_eq!(runs(format!("a={run}\n{run}").as_bytes()), [2..42, 43..83]);
        assert!(runs(format!("{run}=").as_bytes()).is_empty());
        assert!(runs(format!("{run}+").as_bytes()).is_empty());
        assert_eq!(runs(format!("{run}-{run}").as_bytes()), [0..40, 41..81]);
        assert!(runs(b"").is_empty());
    }

    #[test]
    fn glued_escapes_are_taken_off() {
        for before in
            [r"\n", r"\t", r"\0", "%3D", "%3d", r"\x3d", r"\u003D", "+", "x\n+", "=+k=", "_", "=3D"]
                .into_iter()
                .chain(["\x1b[m", "\x1b[33m", "\x1b[38;5;208m"])
        {
            assert!(found_after(before), "{before:?}");
        }
        for before in [r"\k", "n", "%3", "%3DD", r"\x3", r"x3d", r"\u03d", r"u003d", ".+", "\r+"]
            .into_iter()
            .chain(["33m", "[km", "=3E"])
        {
            assert!(!found_after(before), "{before:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn agrees_with_the_definition(
            pieces in prop::collection::vec(
                prop_oneof![
                    4 => "[kA+]{38,46}",
                    2 => "[kA0/+]{0,60}",
                    1 => "k{80,130}",
                    3 => r"\\[0nrtkbu]|%[0-9aFk]{2}|\\x[0-9aFk]{2}|\\u[0-9aFk]{4}",
                    3 => "[=\n+\\\\%.]{1,2}",
                    1 => r"\[[0-9;]{0,6}m|=3[DE]",
                    1 => "[.]{20,90}",
                ],
                0..12,
            ),
        ) {
            let text = pieces.concat();
            prop_assert_eq!(runs(text.as_bytes()), runs_by_definition(text.as_bytes()));
        }
    }
}
