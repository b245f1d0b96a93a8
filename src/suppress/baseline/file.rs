//! The file of a baseline: its text, and where in it each entry stands.
//!
//! A baseline may have 100,000 entries, of which a run asks for a few. So only the hashes are taken out when it is read;
//! rule and path of an entry are read when somebody asks. Every line is looked at, though: a file that is not in
//! order is an error, wherever that is.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;

use super::Hash;
use crate::suppress::SuppressError;

/// The version of the format.
const SCHEMA: &str = "keylint-baseline-1";

/// A baseline's text with what is needed to look things up in it.
pub(super) struct File {
    /// As keylint writes it, but for the order of the entries.
    text: String,
    /// As it was read, if that was in another layout.
    other_layout: Option<String>,
    pub(super) key: [u8; 32],
    /// Sorted by hash.
    places: Vec<Place>,
}

/// Where an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    value: Hash,
    /// Its offset in the text.
    at: u32,
    /// Its line in the file that was read, from 1.
    line: u32,
}

/// An entry as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    pub(super) value: Hash,
    pub(super) rule: String,
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    schema: &'a str,
    key: &'a str,
    #[serde(borrow)]
    findings: Vec<Option<Line<'a>>>,
}

/// An entry in the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    value: &'a str,
    #[serde(borrow)]
    pub(super) rule: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) path: Cow<'a, str>,
}

impl File {
    /// A file of these entries, which are sorted.
    pub(super) fn new(key: [u8; 32], known: &[Known]) -> Self {
        let text = render(&key, known);
        Self::in_own_layout(text).unwrap_or_else(|text| Self::in_any_layout(&text, key, known, &[]))
    }

    /// Reads the text of the file at `path`.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self, SuppressError> {
        let text = match Self::in_own_layout(text) {
            Ok(file) => return Ok(file),
            Err(text) => text,
        };
        let fail = |line: u64, problem: &str| SuppressError::Content {
            path: path.to_owned(),
            line,
            problem: problem.to_owned(),
        };
        // What serde_json says may quote the file.
        let document: Document<'_> = serde_json::from_str(&text)
            .map_err(|error| fail(error.line() as u64, "not a baseline of keylint's"))?;
        if document.schema != SCHEMA {
            return Err(fail(1, "a baseline of another version of keylint"));
        }
        let mut lines = Lines { text: &text, line: 1, passed: 0 };
        let key = unhex(document.key.as_bytes())
            .ok_or_else(|| fail(lines.of(document.key), "`key` is not 64 hex digits"))?;
        let mut known = Vec::with_capacity(document.findings.len());
        for Line { value, rule, path } in document.findings.into_iter().flatten() {
            let line = lines.of(value);
            let value = unhex(value.as_bytes())
                .ok_or_else(|| fail(line, "`value` is not 32 hex digits"))?;
            let (rule, path) = (rule.into_owned(), path.into_owned());
            known.push((Known { value, rule, path }, line as u32));
        }
        known.sort();
        let (known, lines): (Vec<Known>, Vec<u32>) = known.into_iter().unzip();
        Ok(Self::in_any_layout(&text, key, &known, &lines))
    }

    /// Takes a text that is laid out as keylint does it, which is fast; gives it back if it is not.
    fn in_own_layout(text: String) -> Result<Self, String> {
        match places(text.as_bytes()) {
            Some((key, mut places)) => {
                if !places.is_sorted() {
                    places.sort_unstable();
                }
                Ok(Self { text, other_layout: None, key, places })
            }
            None => Err(text),
        }
    }

    /// Takes entries from a text of some other layout, with their lines in it.
    fn in_any_layout(read: &str, key: [u8; 32], known: &[Known], lines: &[u32]) -> Self {
        let text = render(&key, known);
        let mut at = head(&key).len();
        let mut places = Vec::with_capacity(known.len());
        for (number, known) in known.iter().enumerate() {
            let line = lines.get(number).copied().unwrap_or(5 + number as u32);
            places.push(Place { value: known.value, at: at as u32, line });
            at += line_of(known).len();
        }
        Self { text, other_layout: Some(read.to_owned()), key, places }
    }

    /// What stands in the file.
    pub(super) fn written(&self) -> &str {
        self.other_layout.as_deref().unwrap_or(&self.text)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The line of an entry, from 1.
    pub(super) fn line(&self, number: usize) -> u64 {
        u64::from(self.places[number].line)
    }

    /// The rule and the path of an entry.
    ///
    /// # Panics
    /// Never: every line was looked at when the file was read.
    pub(super) fn get(&self, number: usize) -> Line<'_> {
        let line = &self.text[self.places[number].at as usize..];
        let line = &line[..memchr::memchr(b'\n', line.as_bytes()).unwrap_or(line.len())];
        serde_json::from_str(line.trim_end_matches(',')).expect("the line was looked at before")
    }

    /// All entries.
    pub(super) fn known(&self) -> impl Iterator<Item = Known> {
        (0..self.len()).map(|number| {
            let Line { rule, path, .. } = self.get(number);
            let value = self.places[number].value;
            Known { value, rule: rule.into_owned(), path: path.into_owned() }
        })
    }

    /// The numbers of the entries of this hash.
    pub(super) fn of_value(&self, value: Hash) -> std::ops::Range<usize> {
        let start = self.places.partition_point(|place| place.value < value);
        let end = start + self.places[start..].partition_point(|place| place.value == value);
        start..end
    }
}

fn head(key: &[u8; 32]) -> String {
    let key = hex(key);
    format!("{{\n  \"schema\": \"{SCHEMA}\",\n  \"key\": \"{key}\",\n  \"findings\": [\n")
}

const TAIL: &str = "    null\n  ]\n}\n";

fn line_of(Known { value, rule, path }: &Known) -> String {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let (value, rule, path) = (hex(value), json(rule), json(path));
    format!("    {{\"value\": \"{value}\", \"rule\": {rule}, \"path\": {path}}},\n")
}

fn render(key: &[u8; 32], known: &[Known]) -> String {
    [head(key)].into_iter().chain(known.iter().map(line_of)).chain([TAIL.to_owned()]).collect()
}

/// The key and the places of the entries, if the text is laid out as [`render`] does it, in whatever order, and has
/// nothing in it that would have to be escaped.
fn places(text: &[u8]) -> Option<([u8; 32], Vec<Place>)> {
    const BEFORE_KEY: &str = "\",\n  \"key\": \"";
    let rest = text.strip_prefix(b"{\n  \"schema\": \"")?.strip_prefix(SCHEMA.as_bytes())?;
    let rest = rest.strip_prefix(BEFORE_KEY.as_bytes())?;
    let (key, rest) = rest.split_at_checked(64)?;
    let key = unhex(key)?;
    let body = rest.strip_prefix(b"\",\n  \"findings\": [\n")?.strip_suffix(TAIL.as_bytes())?;
    let start = text.len() - TAIL.len() - body.len();
    let is_control = |byte: &&u8| **byte < b' ' && **byte != b'\n';
    // Counted to the end, which is faster than to stop at the first.
    if body.iter().filter(is_control).count() > 0 || memchr::memchr(b'\\', body).is_some() {
        return None;
    }
    let mut places = Vec::new();
    let (mut at, mut line) = (0, 5);
    while at < body.len() {
        let end = at + memchr::memchr(b'\n', &body[at..])?;
        let value = value_of(&body[at..end])?;
        places.push(Place { value, at: u32::try_from(start + at).ok()?, line });
        (at, line) = (end + 1, line + 1);
    }
    Some((key, places))
}

/// The hash in a line without anything escaped, if the whole line is as [`line_of`] makes it.
fn value_of(line: &[u8]) -> Option<Hash> {
    let rest = line.strip_prefix(b"    {\"value\": \"")?.strip_suffix(b"\"},")?;
    let (value, rest) = rest.split_at_checked(32)?;
    let rest = rest.strip_prefix(b"\", \"rule\": \"")?;
    let path = rest[memchr::memchr(b'"', rest)?..].strip_prefix(b"\", \"path\": \"")?;
    if memchr::memchr(b'"', path).is_some() {
        return None;
    }
    unhex(value)
}

/// Says in which lines pieces of a text stand that come one after the other.
struct Lines<'t> {
    text: &'t str,
    line: u64,
    passed: usize,
}

impl Lines<'_> {
    fn of(&mut self, piece: &str) -> u64 {
        let at = (piece.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let between = self.text.as_bytes().get(self.passed..at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count() as u64;
        self.passed = self.passed.max(at);
        self.line
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => 16,
    };
    let (mut bytes, mut is_hex) = ([0; N], true);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (digit(pair[0]), digit(pair[1]));
        is_hex &= high < 16 && low < 16;
        *byte = high << 4 | (low & 15);
    }
    is_hex.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: u8, path: &str) -> Known {
        Known { value: [value; 16], rule: "r".into(), path: path.into() }
    }

    fn parsed(text: &str) -> File {
        File::parse(Path::new("b"), text.to_owned()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn lines(file: &File) -> Vec<u64> {
        (0..file.len()).map(|number| file.line(number)).collect()
    }

    #[test]
    fn text_and_memory_say_the_same() {
        let all = [known(1, "a \"b\""), known(1, "c"), known(2, "é"), known(200, "d/e")];
        for all in [&all[..], &all[1..], &[]] {
            let file = File::new([171; 32], all);
            assert_eq!(file.known().collect::<Vec<_>>(), all);
            let again = parsed(file.written());
            assert_eq!(again.key, [171; 32]);
            assert_eq!(again.known().collect::<Vec<_>>(), all);
            assert_eq!(lines(&again), (5..5 + all.len() as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn order_and_layout_do_not_matter_and_lines_are_those_of_the_file() {
        let all = [known(1, "a"), known(2, "b")];
        let text = File::new([7; 32], &all).written().to_owned();
        let (one, two) = (line_of(&all[0]), line_of(&all[1]));
        let swapped = text.replace(&format!("{one}{two}"), &format!("{two}{one}"));
        assert_eq!(parsed(&swapped).known().collect::<Vec<_>>(), all);
        assert_eq!(lines(&parsed(&swapped)), [6, 5]);
        let spread = swapped.replace("\", \"", "\",\n      \"");
        let file = parsed(&spread);
        assert_eq!(file.known().collect::<Vec<_>>(), all);
        assert_eq!(lines(&file), [8, 5]);
        assert_eq!(file.written(), spread);
        assert_eq!(file.of_value([2; 16]), 1..2);
        assert_eq!(file.of_value([3; 16]), 2..2);
    }
}
