//! Finds the tokens of comments that silence in a blob's text, piece by piece.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Mark, foreign, inline};
use crate::model::span::LineCursor;

/// Marks kept of one blob: a hostile file must not fill the memory with them.
pub const MAX_MARKS: usize = 10_000;

/// All tokens, ready to be searched for from many threads.
#[derive(Debug)]
pub struct Search {
    automaton: AhoCorasick,
    tokens: Vec<&'static str>,
    longest: usize,
}

/// The marks of one blob.
#[derive(Debug, Default)]
pub struct Marks {
    /// Sorted by place; at most [`MAX_MARKS`].
    pub marks: Vec<Mark>,
    /// Whether there are more.
    pub more: bool,
}

impl Search {
    /// A search for keylint's own tokens, for those of other tools, or for both; `None` if there are none.
    ///
    /// # Panics
    /// Never: a few short tokens always make an automaton.
    pub fn new(own: bool, foreign: bool) -> Option<Self> {
        let own = own.then_some(inline::TOKEN);
        let foreign = if foreign { foreign::inline::TOKENS } else { &[] };
        let tokens: Vec<&str> = own.into_iter().chain(foreign.iter().copied()).collect();
        let longest = tokens.iter().map(|token| token.len()).max()?;
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&tokens)
            .expect("a few short tokens make an automaton");
        Some(Self { automaton, tokens, longest })
    }

    /// Adds the marks that start within `core`, a range of `text`, to `marks`. Around the core there are
    /// [`Mark::REACH`] bytes and a token's length of text, or all there is. `lines` stands at the core's start;
    /// `original` leads from an offset of the text to one of the blob.
    pub fn collect(
        &self,
        text: &[u8],
        core: Range<usize>,
        mut lines: LineCursor,
        original: impl Fn(usize) -> u64,
        marks: &mut Marks,
    ) {
        let end = text.len().min(core.end + self.longest);
        let mut passed = core.start;
        for found in self.automaton.find_iter(&text[core.start..end]) {
            let at = core.start + found.start();
            if at >= core.end || marks.more {
                return;
            }
            if marks.marks.len() == MAX_MARKS {
                marks.more = true;
                return;
            }
            lines.advance(&text[passed..at]);
            passed = at;
            marks.marks.push(Mark {
                token: self.tokens[found.pattern()],
                line: lines.position().line,
                at: original(at),
                before: line_before(text, at).into(),
                after: line_after(text, core.start + found.end()).into(),
            });
        }
    }
}

fn line_before(text: &[u8], at: usize) -> &[u8] {
    let before = &text[at.saturating_sub(Mark::REACH)..at];
    memchr::memrchr(b'\n', before).map_or(before, |newline| &before[newline + 1..])
}

fn line_after(text: &[u8], at: usize) -> &[u8] {
    let after = &text[at..text.len().min(at + Mark::REACH)];
    let line = memchr::memchr(b'\n', after).map_or(after, |newline| &after[..newline]);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks of a text that is searched in two pieces.
    fn marks(text: &[u8], cut: usize) -> Vec<Mark> {
        let search = Search::new(true, false).unwrap();
        let mut marks = Marks::default();
        for core in [0..cut, cut..text.len()] {
            let mut lines = LineCursor::default();
            lines.advance(&text[..core.start]);
            search.collect(text, core, lines, |at| at as u64, &mut marks);
        }
        marks.marks
    }

    #[test]
    fn a_mark_knows_its_line_and_what_is_around_it() {
        let text = b"one\r\nx = 1  # keylint:allow because\r\nthree\n";
        let mark = Mark {
            token: "keylint:allow",
            line: 2,
            at: 14,
            before: (*b"x = 1  # ").into(),
            after: (*b" because").into(),
        };
        assert_eq!(marks(text, 0), [mark]);
    }

    #[test]
    fn pieces_give_the_same_marks_as_the_whole() {
        let text = b"a keylint:allow b keylint:allow\n\nkeylint:allow-file c\nkeylint:allow";
        let whole = marks(text, 0);
        assert_eq!(whole.len(), 4);
        for cut in 0..text.len() {
            assert_eq!(marks(text, cut), whole, "{cut}");
        }
    }

    #[test]
    fn their_number_is_bounded() {
        let text = "keylint:allow ".repeat(MAX_MARKS + 1);
        let search = Search::new(true, false).unwrap();
        let mut marks = Marks::default();
        let all = 0..text.len();
        search.collect(text.as_bytes(), all, LineCursor::default(), |at| at as u64, &mut marks);
        assert_eq!((marks.marks.len(), marks.more), (MAX_MARKS, true));
    }
}
