//! Quoted-printable as mails have it: soft line breaks, and the signs that are written as numbers.
//!
//! Only signs and white space are undone, and only in capitals, as every encoder writes them: in `KEY=2Fab` the sign
//! may well be an operator.

use std::ops::Range;

use super::percent::hex;
use super::units::{Notation, Unit};
use super::{Decoded, is_digit64};
use crate::model::layer::Layer;

/// Whether a soft break follows on the run at the start of a text, where encoders put one: near column 76.
pub(super) fn is_cut(text: &[u8]) -> bool {
    let len = text.iter().take(77).take_while(|byte| is_digit64(**byte)).count();
    let end = &text[len..];
    (len >= 70) && (end.starts_with(b"=\n") || end.starts_with(b"=\r\n"))
}

/// The values in a stretch of text that a soft break cuts.
pub(super) fn within(text: &[u8], stretch: &Range<usize>) -> Vec<Decoded> {
    let Some(notation) = Notation::of(Layer::QuotedPrintable) else { return Vec::new() };
    let mut values: Vec<Decoded> = Vec::new();
    for newline in memchr::memchr_iter(b'\n', &text[stretch.clone()]) {
        let newline = stretch.start + newline;
        let before = text[..newline].strip_suffix(b"\r").unwrap_or(&text[..newline]);
        let cuts = matches!(before, [.., last, b'='] if is_digit64(*last));
        let mark = before.len().saturating_sub(1);
        if cuts && values.last().is_none_or(|last| last.range.end <= mark) {
            values.push(notation.decode(text, &notation.stretch(text, mark)));
        }
    }
    values
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
    let digits = rest.get(..2)?;
    let byte = hex(digits).filter(|_| !digits.iter().any(u8::is_ascii_lowercase))?;
    let is_sign = byte.is_ascii_punctuation() || byte.is_ascii_whitespace();
    is_sign.then(|| Unit::byte(3, byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_and_signs() {
        let text = |written: &str| unit(written.as_bytes(), 0).map(|unit| unit.text().to_vec());
        assert_eq!(text("=\nx"), Some(vec![]));
        assert_eq!(text("=\r\nx"), Some(vec![]));
        assert_eq!(text("=3D"), Some(b"=".to_vec()));
        assert_eq!(text("=2F"), Some(b"/".to_vec()));
        for other in ["=2f", "=41", "=C3", "=", "=x", "= \n"] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
