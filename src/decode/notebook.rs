//! Jupyter notebooks: which cell and line a place belongs to, and which strings are images.
//!
//! A notebook is JSON, and searched as any text is. What is read here is only its structure, in one pass from string to
//! string, without building anything of it; a document that breaks off or is malformed is read as far as it goes.

use std::ops::Range;

use memchr::memmem;

use crate::model::notebook::CellPlace;

/// The longest notebook whose structure is read, in bytes as it lies on disk. A larger one is scanned in pieces when it
/// comes as a stream, and should be reported the same way however it comes.
pub const LONGEST: u64 = 4 << 20;

/// Arrays and objects inside one another, at most. The format itself has about eight; the rest are outputs in JSON.
const MAX_LEVELS: usize = 64;

/// How images and PDF files start in base64: PNG, JPEG, GIF, WebP, PDF.
const IMAGES: [&[u8]; 5] = [b"iVBORw0KGgo", b"/9j/", b"R0lGOD", b"UklGR", b"JVBERi0"];

/// Shorter strings are not taken for images.
const SHORTEST_IMAGE: usize = 64;

/// The place of ever later offsets in a notebook.
#[derive(Debug)]
pub struct Notebook<'t> {
    strings: Strings<'t>,
    current: Option<Piece>,
    /// The line that `counted` lies in.
    line: u64,
    /// Up to where lines are counted.
    counted: usize,
    /// Whether a line ends right there.
    line_ended: bool,
}

impl<'t> Notebook<'t> {
    /// `text`, if it is a notebook.
    pub fn of(text: &'t [u8]) -> Option<Self> {
        let is_object = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let holds = |key: &str| memmem::find(text, key.as_bytes()).is_some();
        (is_object && holds("\"nbformat\"") && holds("\"cells\"")).then(|| Self {
            strings: Strings::of(text),
            current: None,
            line: 0,
            counted: 0,
            line_ended: false,
        })
    }

    /// Where images lie in it that are written in base64, in order of place.
    pub fn images(&self) -> Vec<Range<usize>> {
        let text = self.strings.text;
        let mut images: Vec<Range<usize>> = Vec::new();
        let mut is_image = false;
        for piece in Strings::of(text) {
            let value = &text[piece.range.clone()];
            if !piece.goes_on {
                is_image = value.len() >= SHORTEST_IMAGE
                    && IMAGES.iter().any(|start| value.starts_with(start));
            }
            if is_image && value.iter().all(|byte| is_in_image(*byte)) {
                images.push(piece.range);
            }
        }
        images
    }

    /// The sources of its cells, as one program.
    pub fn script(&self) -> Script {
        let text = self.strings.text;
        let mut script = Script::default();
        for piece in Strings::of(text) {
            if let Some((cell, None)) = piece.owner {
                script.add(cell, piece.range.start, &text[piece.range]);
            }
        }
        script
    }

    /// The line of a cell in which `at` lies; `None` outside of what cells hold and put out. Each call must be for the
    /// same offset as the one before, or for a later one.
    pub fn place(&mut self, at: usize) -> Option<CellPlace> {
        while self.current.as_ref().is_none_or(|piece| piece.range.end <= at) {
            self.advance()?;
        }
        let piece = self.current.clone()?;
        if at < piece.range.start {
            return None;
        }
        self.count_lines(at);
        let (cell, output) = piece.owner?;
        Some(CellPlace { cell, output, line: self.line })
    }

    /// Goes to the next string. Each begins a line, also where the one before lacks its line end, as those of a
    /// traceback do.
    fn advance(&mut self) -> Option<()> {
        if let Some(piece) = self.current.take() {
            self.count_lines(piece.range.end);
        }
        let next = self.strings.next()?;
        self.line = if next.goes_on { self.line + u64::from(!self.line_ended) } else { 1 };
        self.counted = next.range.start;
        self.line_ended = false;
        self.current = Some(next);
        Some(())
    }

    /// Counts the line ends, which are written as escapes, up to `to` in the current string.
    fn count_lines(&mut self, to: usize) {
        let text = self.strings.text;
        while let Some(rest) = text.get(self.counted..to)
            && let Some(skipped) = memchr::memchr(b'\\', rest)
        {
            let escape = self.counted + skipped;
            self.counted = escape + 2;
            let is_line_end = text.get(escape + 1) == Some(&b'n');
            self.line += u64::from(is_line_end);
            self.line_ended = is_line_end;
        }
        if self.counted < to {
            self.counted = to;
            self.line_ended = false;
        }
    }
}

/// The sources of all cells, line by line, without the JSON around them and without what the cells put out.
#[derive(Debug, Default)]
pub struct Script {
    text: Vec<u8>,
    /// Where each string starts, in the notebook and in the text, and the number of its cell.
    strings: Vec<(usize, usize, u64)>,
}

impl Script {
    /// Adds a string. Each byte of it stands for itself, but for line ends.
    fn add(&mut self, cell: u64, start: usize, string: &[u8]) {
        if self.text.last().is_some_and(|last| *last != b'\n') {
            self.text.push(b'\n');
        }
        self.strings.push((start, self.text.len(), cell));
        let mut rest = string;
        while let Some(escape) = memchr::memchr(b'\\', rest) {
            let (before, behind) = rest.split_at(escape);
            let (escape, behind) = behind.split_at(behind.len().min(2));
            self.text.extend_from_slice(before);
            self.text.extend_from_slice(if escape == b"\\n" { b" \n" } else { escape });
            rest = behind;
        }
        self.text.extend_from_slice(rest);
    }

    /// What it reads.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where a value of the notebook lies in it, if that is in the source of a cell.
    pub fn place(&self, value: &Range<usize>) -> Option<Range<usize>> {
        let next = self.strings.partition_point(|(start, ..)| *start <= value.start);
        let (start, own, _) = *self.strings.get(next.checked_sub(1)?)?;
        let end = self.strings.get(next).map_or(self.text.len(), |(_, own, _)| *own);
        let place = value.start - start + own..value.end - start + own;
        (place.end <= end).then_some(place)
    }

    /// Where in the notebook a byte of it lies, and the number of the cell.
    pub fn source(&self, at: usize) -> Option<(usize, u64)> {
        let next = self.strings.partition_point(|(_, own, _)| *own <= at);
        let (start, own, cell) = *self.strings.get(next.checked_sub(1)?)?;
        Some((at - own + start, cell))
    }
}

/// Base64, and the escapes that may stand in it: `\n` and `\/`.
fn is_in_image(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\')
}

/// A string that is a value.
#[derive(Clone, Debug)]
struct Piece {
    /// Where it stands, without its quotes.
    range: Range<usize>,
    /// The number of its cell, and of its output, if it is of one.
    owner: Option<(u64, Option<u64>)>,
    /// It continues the one before: both are elements of the same array.
    goes_on: bool,
}

/// What an object or an array that is open at a place has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// An array, and the number of its element, from 1.
    Array(u64),
    /// An object, and the key of its value.
    Object(Key),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// None yet: the next string is one.
    Next,
    Worksheets,
    Cells,
    /// `source`, and `input` as older notebooks have it.
    Source,
    Outputs,
    Other,
}

impl Key {
    fn of(name: &[u8]) -> Self {
        match name {
            b"worksheets" => Self::Worksheets,
            b"cells" => Self::Cells,
            b"source" | b"input" => Self::Source,
            b"outputs" => Self::Outputs,
            _ => Self::Other,
        }
    }
}

/// The strings of a notebook, in order of place.
#[derive(Debug)]
struct Strings<'t> {
    text: &'t [u8],
    at: usize,
    levels: Vec<Level>,
}

impl<'t> Strings<'t> {
    fn of(text: &'t [u8]) -> Self {
        Self { text, at: 0, levels: Vec::new() }
    }

    /// The cell and output that a string at this place is of.
    fn owner(&self) -> Option<(u64, Option<u64>)> {
        let within = match &self.levels[..] {
            [Level::Object(Key::Cells), within @ ..] => within,
            [Level::Object(Key::Worksheets), Level::Array(_), within @ ..] => {
                within.strip_prefix(&[Level::Object(Key::Cells)])?
            }
            _ => return None,
        };
        match within {
            [Level::Array(cell), Level::Object(Key::Source), ..] => Some((*cell, None)),
            [Level::Array(cell), Level::Object(Key::Outputs), Level::Array(output), ..] => {
                Some((*cell, Some(*output)))
            }
            _ => None,
        }
    }

    /// The end of the string that starts at `start`, which is where its closing quote stands.
    fn end(&self, start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text[at] == b'"' {
                return Some(at);
            }
            at += 2;
        }
    }
}

impl Iterator for Strings<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            let is_deepest = self.levels.len() == MAX_LEVELS;
            match (byte, self.levels.last_mut()) {
                (b'{' | b'[', _) if is_deepest => self.at = self.text.len(),
                (b'{', _) => self.levels.push(Level::Object(Key::Next)),
                (b'[', _) => self.levels.push(Level::Array(1)),
                (b'}' | b']', _) => drop(self.levels.pop()),
                (b',', Some(Level::Array(element))) => *element += 1,
                (b',', Some(Level::Object(key))) => *key = Key::Next,
                (b'"', _) => {
                    let range = self.at..self.end(self.at)?;
                    self.at = range.end + 1;
                    match self.levels.last_mut() {
                        Some(Level::Object(key)) if *key == Key::Next => {
                            *key = Key::of(&self.text[range]);
                        }
                        last => {
                            let goes_on =
                                matches!(last, Some(Level::Array(element)) if *element > 1);
                            return Some(Piece { range, owner: self.owner(), goes_on });
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The place of each `@` in a notebook, nothing where it is in no cell.
    fn places(text: &str) -> Vec<String> {
        let mut notebook = Notebook::of(text.as_bytes()).unwrap();
        let marks = memchr::memchr_iter(b'@', text.as_bytes());
        marks
            .map(|at| notebook.place(at).map_or_else(String::new, |place| place.to_string()))
            .collect()
    }

    #[test]
    fn lines_are_those_of_their_cells() {
        let text = r#" {"cells": [
            {"cell_type": "markdown", "source": "one\ntwo @\nthree"},
            {"cell_type": "code", "metadata": {"a": "@"}, "outputs": [
                {"name": "stdout", "text": ["a\n", "@\n", "b\\n @"]},
                {"data": {"text/html": ["a\n"], "text/plain": "\"a\"\n\n@"}},
                {"traceback": ["one", "two\nthree", "@"]}
            ], "source": ["k\n", "\n", "l @ \\\n", "m", "n @"]},
            {"source": []},
            {"source": ["@"]}
        ], "metadata": {"source": ["@"]}, "nbformat": 4, "x": "@"}"#;
        assert_eq!(
            places(text),
            [
                "cell 1, line 2",
                "",
                "cell 2, output 1, line 2",
                "cell 2, output 1, line 3",
                "cell 2, output 2, line 3",
                "cell 2, output 3, line 4",
                "cell 2, line 3",
                "cell 2, line 5",
                "cell 4, line 1",
                "",
                "",
            ]
        );
    }

    #[test]
    fn sources_are_one_script() {
        let text = r#"{"nbformat": 4, "cells": [
            {"source": ["a = \"@\"\n", "b\\n"], "outputs": [{"text": ["@"]}], "metadata": {"a": "@"}},
            {"source": []},
            {"source": "c\n\nd @"}]}"#;
        let script = Notebook::of(text.as_bytes()).unwrap().script();
        let expected = "a = \\\"@\\\" \nb\\\\n\nc \n \nd @";
        assert_eq!(std::str::from_utf8(script.text()).unwrap(), expected);
        let places: Vec<_> = memchr::memchr_iter(b'@', text.as_bytes())
            .map(|at| {
                let place = script.place(&(at..at + 1))?;
                assert_eq!(script.text()[place.clone()], *b"@");
                let (source, cell) = script.source(place.start)?;
                assert_eq!(source, at);
                Some(cell)
            })
            .collect();
        assert_eq!(places, [Some(1), None, None, Some(3)]);
    }

    #[test]
    fn older_notebooks_have_sheets() {
        let text = r#"{"nbformat": 3, "worksheets": [{"cells": [
            {"input": ["@"], "outputs": [{"text": ["\n", "@"]}]}]}]}"#;
        assert_eq!(places(text), ["cell 1, line 1", "cell 1, output 1, line 2"]);
    }

    #[test]
    fn other_documents_are_no_notebooks() {
        for text in ["", "x", r#"{"cells": []}"#, r#"["cells", "nbformat"]"#] {
            assert!(Notebook::of(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn images_are_known_by_their_start() {
        let image = format!("iVBORw0KGgo{}\\n", "Ab+/".repeat(20));
        let text = format!(
            r#"{{"nbformat": 4, "cells": [{{"outputs": [{{"data": {{"image/png": "{image}",
            "image/jpeg": ["/9j/{image}", "{image}", "key = {image}"], "text/plain": "x{image}"}}}}]}}]}}"#
        );
        let images = Notebook::of(text.as_bytes()).unwrap().images();
        let found: Vec<&str> = images.into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, [image.clone(), format!("/9j/{image}"), image]);
    }

    #[test]
    fn what_is_nested_without_end_is_read_so_far() {
        let text = format!(r#"{{"nbformat": 4, "cells": {}"#, "[".repeat(1 << 16));
        let mut notebook = Notebook::of(text.as_bytes()).unwrap();
        assert_eq!(notebook.place(text.len() - 1), None);
        assert!(notebook.strings.levels.len() <= MAX_LEVELS);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in r#"(["\\\[\]{},:n@]|"cells"|"source"|"outputs"|"nbformat"){0,80}"#) {
            let text = format!(r#"{{"nbformat":4,"cells":[{text}"#);
            let mut notebook = Notebook::of(text.as_bytes()).unwrap();
            for image in notebook.images() {
                prop_assert!(image.end <= text.len());
            }
            let lines = 1 + text.matches("\\n").count() as u64 + text.matches('"').count() as u64;
            for at in 0..text.len() {
                if let Some(place) = notebook.place(at) {
                    prop_assert!((1..=lines).contains(&place.line));
                }
            }
        }
    }
}
