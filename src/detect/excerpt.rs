//! The line around a value, as far as it is kept to be shown.

use std::ops::Range;

use crate::decode::text::{Encoding, boundary};
use crate::model::secret::Excerpt;
use crate::model::span::{columns, line_around};

/// How much of a line is kept on each side of a value's start, in bytes.
const REACH: usize = 200;

/// The line around a value that starts in `column`, cut between characters.
pub(super) fn excerpt(text: &[u8], value: &Range<usize>, column: u64) -> Excerpt {
    let line = line_around(text, value.start, REACH);
    let cut_before = line.start > 0 && text[line.start - 1] != b'\n';
    let cut_after = text.get(line.end).is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
    let start = if cut_before {
        boundary(text, line.start + 3, Encoding::Bytes).min(value.start)
    } else {
        line.start
    };
    let end = if cut_after {
        boundary(text, line.end, Encoding::Bytes).max(value.start)
    } else {
        line.end
    };
    let part = value.start - start..value.end.min(end) - start;
    let first_column = column - columns(&text[start..value.start]);
    Excerpt::new(&text[start..end], part, first_column, (cut_before, cut_after))
}
