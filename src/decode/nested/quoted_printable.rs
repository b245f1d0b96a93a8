//! Quoted-printable as mails have it: soft line breaks, and the signs that are written as numbers.
//!
//! Letters and digits are left, for they are never escaped, and only capitals are read, as every encoder writes them: in
//! `KEY=2Fab` the sign may well be an operator.

use std::ops::Range;

use super::percent::hex;
use super::units::{Notation, Unit};
use super::{Decoded, is_digit64};
use crate::model::layer::Layer;

/// Where encoders put a soft break, in columns: at the latest at 76.
const NARROWEST: usize = 70;
const WIDEST: usize = 77;

/// Whether a soft break follows on the run of a text that starts at `at`, where encoders put one: near column 76. The
/// run goes on over the signs of URL-safe base64, to both sides.
pub(super) fn is_cut(text: &[u8], at: usize) -> bool {
    let is_digit = |byte: &&u8| is_digit64(**byte) || matches!(**byte, b'-' | b'_');
    // Nearly all runs end elsewhere, so the break is looked for before the digits.
    let ahead = &text[at..text.len().min(at + WIDEST + 1)];
    let Some(len) = memchr::memchr(b'=', ahead) else { return false };
    let after = &text[at + len + 1..];
    let is_break = after.starts_with(b"\n") || after.starts_with(b"\r\n");
    if !is_break || !ahead[..len].iter().all(|byte| is_digit(&byte)) {
        return false;
    }
    let before = text[..at].iter().rev().take(WIDEST).take_while(is_digit).count();
    (NARROWEST..=WIDEST).contains(&(before + len))
}

/// The values in a stretch of text that a soft break cuts, or that an escape stands before as only mails have it: an
/// equals sign, a character beyond ASCII.
pub(super) fn within(text: &[u8], stretch: &Range<usize>) -> Vec<Decoded> {
    let Some(notation) = Notation::of(Layer::QuotedPrintable) else { return Vec::new() };
    let mut values: Vec<Decoded> = Vec::new();
    for mark in memchr::memchr_iter(b'=', &text[stretch.clone()]) {
        let mark = stretch.start + mark;
        if tells_of_a_mail(text, mark) && values.last().is_none_or(|last| last.range.end <= mark) {
            values.push(notation.decode(text, &notation.stretch(text, mark)));
        }
    }
    values
}

fn tells_of_a_mail(text: &[u8], mark: usize) -> bool {
    let Some(unit) = unit(text, mark) else { return false };
    if !unit.text().is_empty() {
        return unit.text() == b"=" || !unit.text().is_ascii();
    }
    let line = &text[mark.saturating_sub(WIDEST)..mark];
    let width = memchr::memrchr(b'\n', line).map_or(line.len(), |newline| line.len() - newline - 1);
    text[..mark].last().is_some_and(|last| is_digit64(*last))
        || (NARROWEST..WIDEST).contains(&width)
}

/// The break or sign whose `=` stands at `at`.
pub(super) fn unit(text: &[u8], at: usize) -> Option<Unit> {
    let rest = &text[at + 1..];
    if rest.starts_with(b"\n") {
        return Some(Unit::nothing(2));
    }
    if rest.starts_with(b"\r\n") {
        return Some(Unit::nothing(3));
    }
    let first = byte(&text[at..])?;
    if first.is_ascii() {
        let is_sign = first.is_ascii_punctuation() || first.is_ascii_whitespace();
        return is_sign.then(|| Unit::byte(3, first));
    }
    let mut character = [0; 4];
    let bytes = text[at..].chunks(3).map_while(byte).zip(&mut character);
    let count = bytes.map(|(byte, place)| *place = byte).count();
    let character = character[..count].utf8_chunks().next()?.valid().chars().next()?;
    Some(Unit::character(3 * character.len_utf8(), character))
}

/// The byte that an escape stands for.
fn byte(escape: &[u8]) -> Option<u8> {
    let digits = escape.strip_prefix(b"=")?.get(..2)?;
    hex(digits).filter(|_| !digits.iter().any(u8::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_a_soft_break_cuts() {
        for (before, run, after, expected) in [
            ("", 75, "=\nk", true),
            ("\n", 70, "=\r\n", true),
            ("k-k_", 71, "=\n", true),
            ("\n-", 40, "-kkkk_kkkkkkkkkkkkkkkkkkkkkkkkkkkkkk=\n", true),
            ("", 60, "=\n", false),
            ("k k", 60, "=\n", false),
            ("", 75, "\n", false),
            ("", 75, "==\n", false),
            ("", 90, "=\n", false),
        ] {
            let text = format!("{before}{}{after}", "k".repeat(run));
            assert_eq!(is_cut(text.as_bytes(), before.len()), expected, "{text}");
        }
    }

    #[test]
    fn breaks_and_signs() {
        let text = |written: &str| unit(written.as_bytes(), 0).map(|unit| unit.text().to_vec());
        assert_eq!(text("=\nx"), Some(vec![]));
        assert_eq!(text("=\r\nx"), Some(vec![]));
        assert_eq!(text("=3D"), Some(b"=".to_vec()));
        assert_eq!(text("=2F"), Some(b"/".to_vec()));
        assert_eq!(text("=C3=BCx"), Some("ü".as_bytes().to_vec()));
        assert_eq!(text("=E2=80=9C=E2"), Some("“".as_bytes().to_vec()));
        for other in ["=2f", "=41", "=C3", "=C3=", "=C3=3D", "=80=80", "=", "=x", "= \n"] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
