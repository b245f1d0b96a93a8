//! Baselines: the findings that were there when somebody began to look.
//!
//! An entry is a rule, a keyed hash of the value, and a path. It holds no line, offset, commit or time, so edits
//! elsewhere, rebases and another day change nothing. The file has one entry a line, sorted by hash: what two branches
//! add seldom lands on the same place, and where it does, both sides are right. A last `null` spares the line before it a
//! comma that would come and go.
//!
//! A value that is known at one path is new at another, as long as the first one is still there: then it is a copy. If
//! the first one is gone, the file was renamed, and the entry follows it, to one path.
//!
//! # Why values cannot be guessed from it
//!
//! The file stands beside the code, so its key keeps nobody out: all it does is make tables of hashes useless, and
//! hashes of two repositories incomparable. What keeps a value from being found by trying is that there are too many:
//! a key ID has 80 random bits, a secret access key 240, a session token more. Values that a person may have chosen, or
//! that are too short or too plain to have come out of a generator, are stretched first: each guess costs
//! [`ROUNDS`] rounds of PBKDF2. That is a delay, not a wall; a four-digit PIN should not be in a baseline.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::{List, Subject, SuppressError};
use crate::model::finding::PartKind;
use crate::model::secret::Secret;
use crate::model::silenced::{Entry, Form};

/// The name of a baseline that is used without being asked for.
pub const FILE_NAME: &str = ".keylint-baseline.json";

/// The version of the format.
const SCHEMA: &str = "keylint-baseline-1";

/// Rounds of PBKDF2-HMAC-SHA-256 for values that may be guessed: some 20 milliseconds.
pub const ROUNDS: u32 = 100_000;

/// More than any baseline has; what is longer is something else under its name.
const MAX_BYTES: u64 = 256 << 20;

/// A keyed hash of a value: 128 bits, so that no two values of a baseline have the same.
type Hash = [u8; 16];

/// A baseline in memory.
pub struct Baseline {
    path: PathBuf,
    /// The file as it was read; empty for a new one.
    text: String,
    key: [u8; 32],
    /// Sorted and distinct.
    known: Vec<Known>,
    /// The path that an entry has followed a renamed file to, by its number.
    moved: HashMap<usize, String>,
    hashes: HashMap<Secret, Hash>,
    /// What is to be put in.
    added: Vec<Known>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    value: Hash,
    rule: Box<str>,
    path: Box<str>,
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
    rule: &'a str,
    path: String,
}

impl Baseline {
    /// An empty baseline with a key of its own, to be written to `path`.
    pub fn new(path: &Path) -> Result<Self, SuppressError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| SuppressError::Unreadable {
            path: path.to_owned(),
            source: std::io::Error::other(format!("no random key can be had: {error}")),
        })?;
        Ok(Self::with(path, String::new(), key, Vec::new()))
    }

    fn with(path: &Path, text: String, key: [u8; 32], known: Vec<Known>) -> Self {
        let (moved, hashes, added) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { path: path.to_owned(), text, key, known, moved, hashes, added }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the baseline at `path`.
    pub fn read(path: &Path) -> Result<Self, SuppressError> {
        let fail = |source| SuppressError::Unreadable { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(fail)?.len();
        if size > MAX_BYTES {
            return Err(fail(std::io::Error::other("it is larger than 256 MiB")));
        }
        Self::parse(path, std::fs::read_to_string(path).map_err(fail)?)
    }

    /// Reads the text of the file at `path`.
    pub fn parse(path: &Path, text: String) -> Result<Self, SuppressError> {
        let fail = |line: u64, problem: &str| SuppressError::Content {
            path: path.to_owned(),
            line,
            problem: problem.to_owned(),
        };
        let (key, mut known) = {
            // What serde_json says may quote the file.
            let document: Document<'_> = serde_json::from_str(&text)
                .map_err(|error| fail(error.line() as u64, "not a baseline of keylint's"))?;
            if document.schema != SCHEMA {
                return Err(fail(1, "a baseline of another version of keylint"));
            }
            let key = unhex(document.key)
                .ok_or_else(|| fail(line_of(&text, document.key), "`key` is not 64 hex digits"))?;
            let mut known = Vec::with_capacity(document.findings.len());
            for Line { value, rule, path } in document.findings.into_iter().flatten() {
                let value = unhex(value)
                    .ok_or_else(|| fail(line_of(&text, value), "`value` is not 32 hex digits"))?;
                known.push(Known { value, rule: rule.into(), path: path.into() });
            }
            (key, known)
        };
        if !known.is_sorted() {
            known.sort();
        }
        known.dedup();
        Ok(Self::with(path, text, key, known))
    }

    /// Adds a finding, once it is [settled](Self::settle).
    pub fn add(&mut self, subject: &Subject<'_>) {
        let known = Known {
            value: self.hash(subject),
            rule: subject.finding.rule.as_str().into(),
            path: written(subject.scope).into(),
        };
        self.added.push(known);
    }

    /// Writes the new paths of renamed files into their entries, drops the entries that `is_kept` does not want, by their
    /// numbers, and puts in what was added. Returns how many entries were dropped, and how many are new.
    pub fn settle(&mut self, is_kept: impl Fn(usize) -> bool) -> (usize, usize) {
        let before = self.known.len();
        let moved = std::mem::take(&mut self.moved);
        let known = std::mem::take(&mut self.known).into_iter().enumerate();
        let mut settled: Vec<Known> = known
            .filter(|(number, _)| is_kept(*number))
            .map(|(number, known)| match moved.get(&number) {
                Some(path) => Known { path: path.as_str().into(), ..known },
                None => known,
            })
            .collect();
        let kept = settled.len();
        settled.append(&mut self.added);
        settled.sort();
        settled.dedup();
        self.known = settled;
        (before - kept, self.known.len().saturating_sub(kept))
    }

    /// The file's text: what was read, if nothing changed since.
    pub fn to_text(&self) -> String {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let lines = self.known.iter().map(|Known { value, rule, path }| {
            let (value, rule, path) = (hex(value), json(rule), json(path));
            format!("    {{\"value\": \"{value}\", \"rule\": {rule}, \"path\": {path}}},\n")
        });
        let key = hex(&self.key);
        let head =
            format!("{{\n  \"schema\": \"{SCHEMA}\",\n  \"key\": \"{key}\",\n  \"findings\": [\n");
        std::iter::once(head).chain(lines).chain(["    null\n  ]\n}\n".to_owned()]).collect()
    }

    /// Whether the file does not say what it would if it were written now.
    pub fn is_changed(&self) -> bool {
        self.text != self.to_text()
    }

    fn hash(&mut self, subject: &Subject<'_>) -> Hash {
        let (kind, value) = subject.finding.identity();
        if let Some(hash) = self.hashes.get(value) {
            return *hash;
        }
        let hash = keyed(&self.key, kind, value.expose());
        self.hashes.insert(value.clone(), hash);
        hash
    }

    /// The numbers of the entries for this value.
    fn of_value(&self, value: Hash) -> std::ops::Range<usize> {
        let start = self.known.partition_point(|known| known.value < value);
        let end = start + self.known[start..].partition_point(|known| known.value == value);
        start..end
    }
}

impl List for Baseline {
    fn len(&self) -> usize {
        self.known.len()
    }

    fn entry(&self, index: usize) -> Entry {
        let Known { value, rule, path } = &self.known[index];
        let value = hex(value);
        Entry {
            form: Form::BASELINE,
            path: self.path.clone(),
            line: line_of(&self.text, &value),
            what: format!("{rule} in {path}"),
            reason: None,
            owner: None,
            expires: None,
            is_new: false,
        }
    }

    fn matches(&mut self, subject: &Subject<'_>, hit: &mut dyn FnMut(usize)) {
        let value = self.hash(subject);
        let path = written(subject.scope);
        let rule = subject.finding.rule.as_str();
        let same: Vec<usize> =
            self.of_value(value).filter(|&number| &*self.known[number].rule == rule).collect();
        if let Some(&number) = same.iter().find(|&&number| *self.known[number].path == path) {
            return hit(number);
        }
        let follows = |number: &&usize| match self.moved.get(number) {
            Some(to) => *to == path,
            None => (subject.came_from)(Path::new(&*self.known[**number].path)),
        };
        if let Some(&number) = same.iter().find(follows) {
            self.moved.insert(number, path);
            hit(number);
        }
    }
}

/// A path as the file has it, the same on every platform.
fn written(scope: &Path) -> String {
    let parts: Vec<_> = scope.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn keyed(key: &[u8; 32], kind: PartKind, value: &[u8]) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    if may_be_guessed(kind, value) {
        let mut stretched = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(value, key, ROUNDS, &mut stretched);
        mac.update(&stretched);
    } else {
        mac.update(value);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    half
}

/// Whether there may be few enough values of this kind to try them all. AWS makes its keys at random; other values count
/// as made by a generator if they have 20 characters or more of all classes, or 32 hexadecimal digits.
fn may_be_guessed(kind: PartKind, value: &[u8]) -> bool {
    if kind != PartKind::Token {
        return false;
    }
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let is_mixed =
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let is_hex = value.iter().all(u8::is_ascii_hexdigit) && has(u8::is_ascii_digit);
    !(is_mixed && value.len() >= 20 || is_hex && value.len() >= 32)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// The line, from 1, in which `piece` first stands in the text.
fn line_of(text: &str, piece: &str) -> u64 {
    let at = memchr::memmem::find(text.as_bytes(), piece.as_bytes()).unwrap_or(0);
    memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() as u64 + 1
}
