//! Byte spans, and the only conversion from an offset to a line and a column.
//!
//! Everything up to a report speaks of byte offsets. Positions are made once, when a finding is concluded, by a
//! [`LineCursor`] that walks forward through the text; it can be handed a large blob window by window.

use std::ops::Range;

use serde::Serialize;

/// A half-open range of byte offsets into the original blob (before any decoding).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte; never smaller than `start`.
    pub end: u64,
}

impl Span {
    /// A span from `start` up to, not including, `end`.
    ///
    /// # Panics
    /// When `end` is smaller than `start`: no matcher may make such a span.
    pub fn new(start: u64, end: u64) -> Self {
        assert!(start <= end, "a span ends where it starts or after");
        Self { start, end }
    }

    /// The number of bytes covered.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether the span covers no byte.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// A place in a text as editors show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, counted from 1; lines end at `\n`.
    pub line: u64,
    /// Column, counted from 1 in Unicode code points; a byte sequence that is no UTF-8 counts one column per
    /// replacement character that a lossy decoder would show for it. A byte order mark takes no column.
    pub column: u64,
}

/// Walks forward through a text and says at which line and column an offset lies.
///
/// The text may come in pieces: the cursor remembers the line and column it has reached, so the windows of a large
/// file give the same positions as the whole. Pieces must not be cut inside a UTF-8 sequence.
#[derive(Clone, Debug)]
pub struct LineCursor {
    reached: Position,
}

impl Default for LineCursor {
    fn default() -> Self {
        Self { reached: Position { line: 1, column: 1 } }
    }
}

impl LineCursor {
    /// The position of the byte after everything passed to [`advance`](Self::advance) so far.
    pub fn position(&self) -> Position {
        self.reached
    }

    /// Moves over `text`, which follows directly on what was passed before.
    pub fn advance(&mut self, text: &[u8]) {
        let newlines = memchr::memchr_iter(b'\n', text).count() as u64;
        let tail = match memchr::memrchr(b'\n', text) {
            Some(newline) => {
                self.reached = Position { line: self.reached.line + newlines, column: 1 };
                &text[newline + 1..]
            }
            None => text,
        };
        self.reached.column += columns(tail);
    }
}

/// The number of columns that `text` takes, which holds no line end.
pub fn columns(text: &[u8]) -> u64 {
    if text.is_ascii() {
        return text.len() as u64;
    }
    text.utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty()))
        .sum::<usize>() as u64
}

/// The bytes of the line around `at`, without its line end, as a range of `text`, at most `reach` bytes to each side.
pub fn line_around(text: &[u8], at: usize, reach: usize) -> Range<usize> {
    let at = at.min(text.len());
    let low = at.saturating_sub(reach);
    let high = at.saturating_add(reach).min(text.len());
    let start = memchr::memrchr(b'\n', &text[low..at]).map_or(low, |newline| low + newline + 1);
    let end = memchr::memchr(b'\n', &text[at..high]).map_or(high, |newline| at + newline);
    let end = if end > start && end < text.len() && text[end - 1] == b'\r' { end - 1 } else { end };
    start..end.max(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &[u8], offset: usize) -> (u64, u64) {
        let mut cursor = LineCursor::default();
        cursor.advance(&text[..offset]);
        (cursor.position().line, cursor.position().column)
    }

    #[test]
    fn columns_count_code_points() {
        assert_eq!(at("日本語 x".as_bytes(), 10), (1, 5));
        assert_eq!(at("😀x".as_bytes(), 4), (1, 2));
        assert_eq!(at(b"\tx", 1), (1, 2));
        assert_eq!(at(b"a\r\nbc", 4), (2, 2));
    }

    #[test]
    fn invalid_bytes_count_as_their_replacement_characters() {
        assert_eq!(at(b"\xff\xfex", 2), (1, 3));
        assert_eq!(at(b"\xa9x", 1), (1, 2));
        assert_eq!(at(b"\xe6\x97x", 2), (1, 2));
    }

    #[test]
    fn pieces_give_the_same_position_as_the_whole() {
        let text = "ab\ncd\u{e9}f\n\ngh".as_bytes();
        for cut in [0, 2, 3, 5, 7, 9, 10, text.len()] {
            let mut cursor = LineCursor::default();
            cursor.advance(&text[..cut]);
            cursor.advance(&text[cut..]);
            assert_eq!((cursor.position().line, cursor.position().column), at(text, text.len()));
        }
    }

    #[test]
    fn line_around_stays_within_the_line_and_the_reach() {
        let text = b"first\r\nsecond line\nthird";
        assert_eq!(&text[line_around(text, 9, 100)], b"second line");
        assert_eq!(&text[line_around(text, 0, 100)], b"first");
        assert_eq!(&text[line_around(text, 22, 2)], b"hird");
    }
}
