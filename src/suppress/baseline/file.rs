//! The file of a baseline, and what is kept of it.
//!
//! A baseline may have 100,000 entries, of which a run asks for a few. A file as keylint writes it has one a line, and is
//! read line by line, through one small buffer: of 110 bytes a line 50 are kept, and to fault in memory for the rest
//! would take longer than to look at it. Every line is looked at: a file that is not in order is an error, wherever that
//! is. Other layouts of the same JSON are taken, too, but not as fast.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use super::Hash;
use crate::suppress::SuppressError;

/// The version of the format.
const SCHEMA: &str = "keylint-baseline-1";

/// What a file says.
#[derive(Default)]
pub(super) struct File {
    pub(super) key: [u8; 32],
    /// Sorted by hash, rule and path.
    entries: Vec<Kept>,
    /// The paths of the entries, one behind the other.
    paths: String,
    /// The rules that there are.
    rules: Vec<String>,
    /// Whether the file that was read says the same in other words than keylint would.
    is_reworded: bool,
}

/// What is kept of an entry.
#[derive(Clone, Copy)]
struct Kept {
    value: Hash,
    /// Its line in the file that was read, from 1.
    line: u32,
    /// The number of its rule.
    rule: u32,
    /// Where its path begins.
    path: u32,
    /// The length of that.
    path_length: u32,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    value: &'a str,
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
}

impl File {
    /// A file of these entries, which are sorted.
    pub(super) fn new(key: [u8; 32], known: &[Known]) -> Self {
        let mut file = Self { key, ..Self::default() };
        for (line, Known { value, rule, path }) in (HEAD.len() as u32 + 1..).zip(known) {
            file.push(*value, rule, path, line);
        }
        file
    }

    /// Reads a file that is laid out as keylint does it, with nothing in it that would have to be escaped; `None` if it
    /// is not.
    pub(super) fn read_plain(input: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut reading = Reading::default();
        let is_plain = each_line(input, &mut |line| reading.take(line).is_some())?;
        let Reading { file, passed, .. } = reading;
        Ok((is_plain && passed == HEAD.len() + TAIL.len()).then(|| file.sorted()))
    }

    /// Reads the text of the file at `path`.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SuppressError> {
        if let Ok(Some(file)) = Self::read_plain(&mut text.as_bytes()) {
            return Ok(file);
        }
        let fail = |line: u64, problem: &str| SuppressError::Content {
            path: path.to_owned(),
            line,
            problem: problem.to_owned(),
        };
        // What serde_json says may quote the file.
        let document: Document<'_> = serde_json::from_str(text)
            .map_err(|error| fail(error.line() as u64, "not a baseline of keylint's"))?;
        if document.schema != SCHEMA {
            return Err(fail(1, "a baseline of another version of keylint"));
        }
        let mut lines = Lines { text, line: 1, passed: 0 };
        let key = unhex(document.key.as_bytes())
            .ok_or_else(|| fail(lines.of(document.key), "`key` is not 64 hex digits"))?;
        let mut file = Self { key, ..Self::default() };
        for Line { value, rule, path } in document.findings.into_iter().flatten() {
            let line = lines.of(value);
            let value = unhex(value.as_bytes())
                .ok_or_else(|| fail(line, "`value` is not 32 hex digits"))?;
            file.push(value, &rule, &path, line as u32);
        }
        file = file.sorted();
        file.is_reworded |= file.text() != text;
        Ok(file)
    }

    fn push(&mut self, value: Hash, rule: &str, path: &str, line: u32) {
        // Most often it is that of the entry before, and there are few others.
        let same = self.rules.iter().rposition(|known| known == rule);
        let rule = same.unwrap_or_else(|| {
            self.rules.push(rule.to_owned());
            self.rules.len() - 1
        });
        let (start, path_length) = (self.paths.len() as u32, path.len() as u32);
        self.paths.push_str(path);
        self.entries.push(Kept { value, line, rule: rule as u32, path: start, path_length });
    }

    /// Puts the entries in order. A file in which they were not says the same as one in which they are.
    fn sorted(mut self) -> Self {
        let mut entries = std::mem::take(&mut self.entries);
        if !entries.is_sorted_by(|one, other| self.order(one, other).is_lt()) {
            entries.sort_by(|one, other| self.order(one, other));
            self.is_reworded = true;
        }
        self.entries = entries;
        self
    }

    fn order(&self, one: &Kept, other: &Kept) -> Ordering {
        one.value.cmp(&other.value).then_with(|| self.place(one).cmp(&self.place(other)))
    }

    /// The rule and the path of an entry.
    fn place(&self, kept: &Kept) -> (&str, &str) {
        let start = kept.path as usize;
        (&self.rules[kept.rule as usize], &self.paths[start..start + kept.path_length as usize])
    }

    /// The text of the file as keylint writes it.
    pub(super) fn text(&self) -> String {
        let key = format!("{KEY}{}{}", hex(&self.key), HEAD[2]);
        let head = [HEAD[0], HEAD[1], &key, HEAD[3], ""].join("\n");
        let lines = self.known().map(|known| line_of(&known));
        [head].into_iter().chain(lines).chain([TAIL.join("\n"), "\n".to_owned()]).collect()
    }

    /// Whether the file that was read has another text than [`Self::text`] makes.
    pub(super) fn is_reworded(&self) -> bool {
        self.is_reworded
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The line of an entry, from 1.
    pub(super) fn line(&self, number: usize) -> u64 {
        u64::from(self.entries[number].line)
    }

    /// The rule and the path of an entry.
    pub(super) fn get(&self, number: usize) -> (&str, &str) {
        self.place(&self.entries[number])
    }

    /// All entries.
    pub(super) fn known(&self) -> impl Iterator<Item = Known> {
        self.entries.iter().map(|kept| {
            let (rule, path) = self.place(kept);
            Known { value: kept.value, rule: rule.to_owned(), path: path.to_owned() }
        })
    }

    /// The numbers of the entries of this hash.
    pub(super) fn of_value(&self, value: Hash) -> std::ops::Range<usize> {
        let start = self.entries.partition_point(|kept| kept.value < value);
        let end = start + self.entries[start..].partition_point(|kept| kept.value == value);
        start..end
    }
}

/// The lines before the entries; the third has the key in it, behind [`KEY`].
const HEAD: [&str; 4] = ["{", "  \"schema\": \"keylint-baseline-1\",", "\",", "  \"findings\": ["];
const KEY: &str = "  \"key\": \"";

/// The lines behind them.
const TAIL: [&str; 3] = ["    null", "  ]", "}"];

fn line_of(Known { value, rule, path }: &Known) -> String {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let (value, rule, path) = (hex(value), json(rule), json(path));
    format!("    {{\"value\": \"{value}\", \"rule\": {rule}, \"path\": {path}}},\n")
}

/// A file that is read line by line.
#[derive(Default)]
struct Reading {
    file: File,
    /// Lines read.
    line: u32,
    /// Lines of head and tail passed.
    passed: usize,
}

impl Reading {
    /// Takes a line, if it is what [`File::text`] makes at this place.
    fn take(&mut self, line: &str) -> Option<()> {
        self.line += 1;
        if self.passed == HEAD.len()
            && let Some((value, rule, path)) = entry(line)
        {
            self.file.push(value, rule, path, self.line);
            return Some(());
        }
        let expected = *HEAD.iter().chain(&TAIL).nth(self.passed)?;
        if self.passed == 2 {
            let key = line.strip_prefix(KEY)?.strip_suffix(expected)?;
            self.file.key = unhex(key.as_bytes())?;
        } else if line != expected {
            return None;
        }
        self.passed += 1;
        Some(())
    }
}

/// Hash, rule and path of a line as [`line_of`] makes it, with nothing escaped.
fn entry(line: &str) -> Option<(Hash, &str, &str)> {
    let rest = line.strip_prefix("    {\"value\": \"")?.strip_suffix("\"},")?;
    let (value, rest) = rest.split_at_checked(32)?;
    let rest = rest.strip_prefix("\", \"rule\": \"")?;
    let (rule, rest) = rest.split_at(memchr::memchr(b'"', rest.as_bytes())?);
    let path = rest.strip_prefix("\", \"path\": \"")?;
    // Counted to the end, which is faster than to stop at the first.
    let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    let is_special = |text: &str| text.bytes().filter(special).count() > 0;
    (!is_special(rule) && !is_special(path)).then_some((unhex(value.as_bytes())?, rule, path))
}

/// Calls `take` with one line after the other, without its end, until it says no. Whether it wanted all, the last line
/// has an end, and all is UTF-8.
fn each_line(input: &mut dyn Read, take: &mut dyn FnMut(&str) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; 64 << 10];
    let mut held = 0;
    loop {
        let read = match input.read(&mut buffer[held..]) {
            // Or else a line is longer than the buffer: none of keylint's is.
            Ok(0) => return Ok(held == 0),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = held + read;
        let whole = memchr::memrchr(b'\n', &buffer[held..end]).map_or(0, |at| held + at + 1);
        let Ok(mut lines) = std::str::from_utf8(&buffer[..whole]) else { return Ok(false) };
        while let Some(length) = memchr::memchr(b'\n', lines.as_bytes()) {
            if !take(&lines[..length]) {
                return Ok(false);
            }
            lines = &lines[length + 1..];
        }
        buffer.copy_within(whole..end, 0);
        held = end - whole;
    }
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
    let (mut bytes, mut all) = ([0; N], 0);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (all < 16).then_some(bytes)
}

/// What each byte stands for as a hexadecimal digit; 16 for one that is none.
const DIGITS: [u8; 256] = {
    let (mut digits, mut value) = ([16; 256], 0);
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: u8, path: &str) -> Known {
        Known { value: [value; 16], rule: "r".into(), path: path.into() }
    }

    fn parsed(text: &str) -> File {
        File::parse(Path::new("b"), text).unwrap_or_else(|error| panic!("{error}"))
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
            let again = parsed(&file.text());
            assert!(!again.is_reworded());
            assert_eq!(again.key, [171; 32]);
            assert_eq!(again.known().collect::<Vec<_>>(), all);
            assert_eq!(lines(&again), (5..5 + all.len() as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn order_and_layout_do_not_matter_and_lines_are_those_of_the_file() {
        let all = [known(1, "a"), known(2, "b")];
        let text = File::new([7; 32], &all).text();
        let (one, two) = (line_of(&all[0]), line_of(&all[1]));
        let swapped = text.replace(&format!("{one}{two}"), &format!("{two}{one}"));
        assert_eq!(parsed(&swapped).known().collect::<Vec<_>>(), all);
        assert_eq!(lines(&parsed(&swapped)), [6, 5]);
        assert!(parsed(&swapped).is_reworded());
        let spread = swapped.replace("\", \"", "\",\n      \"");
        let file = parsed(&spread);
        assert_eq!(file.known().collect::<Vec<_>>(), all);
        assert_eq!(lines(&file), [8, 5]);
        assert!(file.is_reworded());
        assert_eq!(file.text(), text);
        assert_eq!(file.of_value([2; 16]), 1..2);
        assert_eq!(file.of_value([3; 16]), 2..2);
    }

    #[test]
    fn nothing_that_is_out_of_order_is_plain() {
        let all: Vec<Known> = (0..3000).map(|number| known(1, &format!("{number:04}"))).collect();
        let text = File::new([7; 32], &all).text();
        let plain =
            |text: &str| File::read_plain(&mut text.as_bytes()).unwrap().map(|file| file.len());
        assert!(text.len() > 100_000, "more than the buffer takes");
        assert_eq!(plain(&text), Some(3000));
        for (from, to) in [
            ("\"1999\"}", "\"1\\u0039\"}"),
            ("\"1999\"}", "\"1\u{9}\"}"),
            ("\"1999\"}", "\"19\"9\"}"),
            ("\"1999\"}", "\"1999\", \"a\": \"\"}"),
            ("\"1999\"},", "\"1999\"}"),
            ("    null\n", ""),
            ("    null\n", "    null\n    null\n"),
            ("}\n", "}\n\n"),
            ("]\n}\n", "]\n}"),
            ("]\n}\n", "]\n"),
            ("baseline-1", "baseline-2"),
            ("\"value\": \"01", "\"value\": \"0g"),
        ] {
            assert!(text.contains(from), "{from}");
            assert_eq!(plain(&text.replace(from, to)), None, "{from} {to}");
        }
        let long = File::new([7; 32], &[known(1, &"a".repeat(70_000))]).text();
        assert_eq!(plain(&long), None);
        assert_eq!(parsed(&long).len(), 1);
    }
}
