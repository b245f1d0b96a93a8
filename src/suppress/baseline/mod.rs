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

mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use self::file::{File, Known};
use super::{List, Subject, SuppressError};
use crate::model::finding::PartKind;
use crate::model::secret::Secret;
use crate::model::silenced::{Entry, Form};

/// The name of a baseline that is used without being asked for.
pub const FILE_NAME: &str = ".keylint-baseline.json";

/// Rounds of PBKDF2-HMAC-SHA-256 for values that may be guessed: some 20 milliseconds.
pub const ROUNDS: u32 = 100_000;

/// More than any baseline has; what is longer is something else under its name.
const MAX_BYTES: u64 = 256 << 20;

/// A keyed hash of a value: 128 bits, so that no two values of a baseline have the same.
type Hash = [u8; 16];

/// A baseline in memory.
pub struct Baseline {
    path: PathBuf,
    file: File,
    /// The path that an entry has followed a renamed file to, by its number.
    moved: HashMap<usize, String>,
    hashes: HashMap<Secret, Hash>,
    /// What is to be put in.
    added: Vec<Known>,
}

/// What [settling](Baseline::settle) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// How many entries were dropped.
    pub dropped: usize,
    /// How many entries are new.
    pub added: usize,
    /// Whether the file does not say what the baseline says now.
    pub is_changed: bool,
}

impl Baseline {
    /// An empty baseline with a key of its own, to be written to `path`.
    pub fn new(path: &Path) -> Result<Self, SuppressError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            unreadable(path, io::Error::other(format!("no random key can be had: {error}")))
        })?;
        Ok(Self::with(path, File::new(key, &[])))
    }

    fn with(path: &Path, file: File) -> Self {
        let (moved, hashes, added) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { path: path.to_owned(), file, moved, hashes, added }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the baseline at `path`.
    pub fn read(path: &Path) -> Result<Self, SuppressError> {
        if let Some(plain) = Self::read_plain(path)? {
            return Ok(plain);
        }
        let text = fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
        Self::parse(path, &text)
    }

    /// Reads the baseline at `path` if it is laid out as keylint does it, which takes a fraction of the time.
    pub fn read_plain(path: &Path) -> Result<Option<Self>, SuppressError> {
        let fail = |source| unreadable(path, source);
        let about = fs::metadata(path).map_err(fail)?;
        // To open a FIFO of this name would wait for ever.
        if !about.is_file() {
            return Err(fail(io::Error::other("it is no file")));
        }
        if about.len() > MAX_BYTES {
            return Err(fail(io::Error::other("it is larger than 256 MiB")));
        }
        let mut input = fs::File::open(path).map_err(fail)?;
        let file = File::read_plain(&mut input).map_err(fail)?;
        Ok(file.map(|file| Self::with(path, file)))
    }

    /// Reads the text of the file at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SuppressError> {
        Ok(Self::with(path, File::parse(path, text)?))
    }

    /// Adds a finding, once it is [settled](Self::settle).
    pub fn add(&mut self, subject: &Subject<'_>) {
        let known = Known {
            value: self.hash(subject),
            rule: subject.finding.rule.as_str().to_owned(),
            path: written(subject.scope),
        };
        self.added.push(known);
    }

    /// Writes the new paths of renamed files into their entries, drops the entries that `is_kept` does not want, by their
    /// numbers, and puts in what was added.
    pub fn settle(&mut self, is_kept: impl Fn(usize) -> bool) -> Settled {
        let moved = std::mem::take(&mut self.moved);
        let mut settled: Vec<Known> = self
            .file
            .known()
            .enumerate()
            .filter(|(number, _)| is_kept(*number))
            .map(|(number, known)| match moved.get(&number) {
                Some(path) => Known { path: path.clone(), ..known },
                None => known,
            })
            .collect();
        let kept = settled.len();
        settled.append(&mut self.added);
        settled.sort();
        settled.dedup();
        let new = File::new(self.file.key, &settled);
        let old = std::mem::replace(&mut self.file, new);
        Settled {
            dropped: old.len() - kept,
            added: settled.len().saturating_sub(kept),
            is_changed: old.is_reworded() || !old.known().eq(settled),
        }
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        self.file.text()
    }

    fn hash(&mut self, subject: &Subject<'_>) -> Hash {
        let (kind, value) = subject.finding.identity();
        if let Some(hash) = self.hashes.get(value) {
            return *hash;
        }
        let hash = keyed(&self.file.key, kind, value.expose());
        self.hashes.insert(value.clone(), hash);
        hash
    }
}

impl List for Baseline {
    fn len(&self) -> usize {
        self.file.len()
    }

    fn entry(&self, index: usize) -> Entry {
        let (rule, path) = self.file.get(index);
        Entry {
            form: Form::BASELINE,
            path: self.path.clone(),
            line: self.file.line(index),
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
        let same: Vec<(usize, &str)> = self
            .file
            .of_value(value)
            .map(|number| (number, self.file.get(number)))
            .filter(|(_, (known, _))| *known == rule)
            .map(|(number, (_, path))| (number, path))
            .collect();
        if let Some((number, _)) = same.iter().find(|(_, known)| *known == path) {
            return hit(*number);
        }
        let follows = |(number, known): &&(usize, &str)| match self.moved.get(number) {
            Some(to) => *to == path,
            None => (subject.came_from)(Path::new(known)),
        };
        if let Some(&(number, _)) = same.iter().find(follows) {
            self.moved.insert(number, path);
            hit(number);
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> SuppressError {
    SuppressError::Unreadable { path: path.to_owned(), source }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> [u8; 32] {
        [byte; 32]
    }

    #[test]
    fn hashes_depend_on_key_and_value() {
        let of = |key, value: &[u8]| keyed(&key, PartKind::AccessKeyId, value);
        assert_eq!(of(key(1), b"one"), of(key(1), b"one"));
        assert_ne!(of(key(1), b"one"), of(key(2), b"one"));
        assert_ne!(of(key(1), b"one"), of(key(1), b"two"));
    }

    #[test]
    fn values_that_may_be_guessed_are_stretched() {
        let plain = |value: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key(1)).unwrap();
            mac.update(value);
            mac.finalize().into_bytes()[..16].to_vec()
        };
        for (value, stretched) in [
            ("1234", true),
            ("correct horse battery staple", true),
            ("Passw0rd", true),
            ("0123456789abcdef0123456789abcdef", false),
            ("abcdefabcdefabcdefabcdefabcdefab", true),
            ("Zx81qWer7TyUiOp3AsDf", false),
        ] {
            let hash = keyed(&key(1), PartKind::Token, value.as_bytes()).to_vec();
            assert_eq!(hash != plain(value.as_bytes()), stretched, "{value}");
        }
        let id = keyed(&key(1), PartKind::AccessKeyId, b"1234").to_vec();
        assert_eq!(id, plain(b"1234"));
    }
}
