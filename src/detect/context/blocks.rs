//! What encloses a value: the first lines of the blocks around it, read off indentation, whatever the language.
//!
//! A list item or a `default = ` has no name of its own, and a plain `secret:` does not say whose; the line that opens
//! their block does.

use super::lines::Line;

/// How far above a value its blocks are looked for, in bytes.
pub(crate) const REACH: usize = 8 * 1024;

/// Lines passed at most on the way up.
const MAX_LINES: usize = 200;

/// Blocks looked at from inside out: what is further out says little about a value.
const MAX_DEPTH: usize = 6;

/// The opening lines of the blocks that the value at `at` stands in, innermost first, trimmed.
pub(crate) fn openings(text: &[u8], at: usize) -> Openings<'_> {
    let low = at.saturating_sub(REACH);
    let newline = memchr::memrchr(b'\n', &text[low..at]);
    let own = newline.map(|newline| Line::new(&text[low + newline + 1..at]));
    Openings {
        text: &text[low..],
        end: newline,
        mark: own.and_then(|own| own.mark),
        indent: own.map_or(0, |own| own.indent()),
        lines: 0,
        depth: 0,
        whole: low == 0,
    }
}

/// Goes up line by line; see [`openings`].
#[derive(Debug)]
pub(crate) struct Openings<'t> {
    text: &'t [u8],
    /// The end of the next line above.
    end: Option<usize>,
    /// The mark of the value's line: lines with another are passed over.
    mark: Option<u8>,
    /// The smallest indent so far.
    indent: usize,
    lines: usize,
    depth: usize,
    /// The text starts with a whole line.
    whole: bool,
}

impl<'t> Iterator for Openings<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        while self.indent > 0 && self.lines < MAX_LINES && self.depth < MAX_DEPTH {
            let end = self.end?;
            let newline = memchr::memrchr(b'\n', &self.text[..end]);
            let start = newline.map_or(0, |newline| newline + 1);
            if newline.is_none() && !self.whole {
                return None;
            }
            self.end = newline;
            self.lines += 1;
            let line = Line::new(&self.text[start..end]);
            let content = line.body.trim_ascii();
            let closes = matches!(content.first(), None | Some(b'}' | b']' | b')'));
            let depth = line.indent();
            if line.mark == self.mark && !closes && depth < self.indent {
                self.indent = depth;
                self.depth += 1;
                return Some(content);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn are(text: &str, expected: &[&str]) {
        let at = text.find('@').unwrap();
        let found: Vec<_> = openings(text.as_bytes(), at).map(String::from_utf8_lossy).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn blocks_open_with_less_indent() {
        are("a:\n  b:\n    x: 1\n\n    c: @", &["b:", "a:"]);
        are("{\n \"a\": {\n  \"b\": [\n   1\n  ],\n  \"c\": \"@", &["\"a\": {", "{"]);
        are("x = 1\nkeys = [\n    \"1\",\n    \"@", &["keys = ["]);
        are("# a:\nx:\n#   b: @", &["a:"]);
        are("a:\nb: @", &[]);
        are("@", &[]);
    }

    #[test]
    fn what_lies_far_above_is_not_looked_at() {
        are(&format!("a:\n{}  b: @", "  x: 1\n".repeat(MAX_LINES)), &[]);
        are(&format!("a:\n  x: {}\n  b: @", "x".repeat(REACH)), &[]);
    }
}
