//! The user's say-so about findings: which are known and accepted, by what, and which say-so is of no use any more.
//!
//! Comments in the scanned text come as [`Directive`]s, which the scan holds against the findings of the blob that they
//! stand in. What stands in files beside it (allow entries, baselines, other tools' ignore files) comes as [`List`]s,
//! which are held against all findings after the scan, in the order of the report. A suppression never drops a
//! finding: it says by which [`Entry`] it is silenced.

pub mod allow;
pub mod baseline;
pub mod foreign;
pub mod inline;
pub mod marks;

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::model::finding::{Finding, Fingerprint, Part, RuleId};
use crate::model::silenced::{Entry, Form, Unused};

/// A file of suppressions that cannot be used. Never quotes a value: that may be a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuppressError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file does not say what such a file says.
    #[error("{}:{line}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        problem: String,
    },
}

/// A finding as a [`List`] is asked about it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The path that this is about, as scopes are written. It is that of `finding.origin`, but for findings of a whole
    /// history, which stand at several paths and are asked about at each of them.
    pub scope: &'a Path,
    /// The fingerprint of the finding at this path.
    pub fingerprint: Fingerprint,
    /// The same path, absolute and with links resolved as far as it exists; `None` where it has no path (commit
    /// messages). See [`Self::path_below`].
    pub place: Option<&'a Path>,
    /// Whether the file that was once at a path, written as `scope` is, may have become the one at `scope`: so a
    /// baseline tells a file that was renamed from one that was copied.
    pub came_from: &'a dyn Fn(&Path) -> bool,
}

impl Subject<'_> {
    /// The path of the finding's blob from `base` (absolute, links resolved), with `/` between components; `None`
    /// where it does not lie below.
    pub fn path_below(&self, base: &Path) -> Option<String> {
        let below = self.place?.strip_prefix(base).ok()?;
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        Some(parts.join("/"))
    }
}

/// The suppressions of one file.
///
/// A list is asked about every finding of a run, and may hold 100,000 entries: it looks them up by something it has
/// indexed, and does not try one after the other.
pub trait List {
    /// The number of entries.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry of this number, from 0.
    fn entry(&self, index: usize) -> Entry;

    /// Whether the entry may well be about what keylint does not look for, as a hash of some value may. Such an entry
    /// is not unused when it fits no finding.
    fn is_general(&self, _index: usize) -> bool {
        false
    }

    /// Calls `hit` with the number of each entry that fits the finding, in their order, whether or not it has expired.
    fn matches(&mut self, subject: &Subject<'_>, hit: &mut dyn FnMut(usize));
}

/// A comment that silences findings of the blob it stands in, reduced to the lines it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What it is.
    pub form: Form,
    /// The line it stands in.
    pub line: u64,
    /// As written, without the reason: `keylint:allow-next-line[aws-access-key-id]`.
    pub what: String,
    /// The first and the last line of what it silences: a copy of a credential is, if one of its parts touches one of
    /// them.
    pub lines: (u64, u64),
    /// The rules it is about; all, if there are none.
    pub rules: Vec<RuleId>,
    /// Only parts that end at or before this offset of the blob count, for conventions that want the comment behind
    /// the value.
    pub before: Option<u64>,
    /// Why, as its author says.
    pub reason: Option<String>,
}

impl Directive {
    /// The parts of the finding, which stands in the same blob, that it is about.
    pub fn parts<'f>(&self, finding: &'f Finding) -> impl Iterator<Item = &'f Part> {
        let (first, last) = self.lines;
        let is_rule = self.rules.is_empty() || self.rules.contains(&finding.rule);
        finding.parts.iter().filter(move |part| {
            is_rule
                && part.start.line <= last
                && first <= part.end.line
                && self.before.is_none_or(|before| part.span.end <= before)
        })
    }

    /// The entry that reports name, for a blob at `path`.
    pub fn entry(self, path: &Path, is_new: bool) -> Entry {
        Entry {
            form: self.form,
            path: path.to_owned(),
            line: self.line,
            what: self.what,
            reason: self.reason,
            owner: None,
            expires: None,
            is_new,
        }
    }
}

/// A comment that silences nothing, because it is not understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Malformed {
    /// Its line.
    pub line: u64,
    /// What is wrong with it.
    pub problem: String,
}

/// A place in a blob's text where a comment that silences may stand: one of the tokens searched for, and what is around
/// it on its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The token, as given to the search.
    pub token: &'static str,
    /// Its line, from 1.
    pub line: u64,
    /// The offset of its first byte in the original blob.
    pub at: u64,
    /// What stands before it on the line; the last [`Mark::REACH`] bytes of that, if it is more.
    pub before: Box<[u8]>,
    /// What stands behind it on the line, without the line end; the first [`Mark::REACH`] bytes of that, if it is more.
    pub after: Box<[u8]>,
}

impl Mark {
    /// Bytes of the line that are kept on each side of the token.
    pub const REACH: usize = 512;
}

/// All lists of a run, with a count of what each entry silenced.
pub struct Suppressions {
    today: Date,
    lists: Vec<(Box<dyn List>, Vec<bool>)>,
}

/// What the lists say about a finding.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Say {
    /// The entry that silences it; the first, if several do.
    pub silenced_by: Option<Entry>,
    /// Entries that would, had they not expired.
    pub expired: Vec<Entry>,
}

impl Suppressions {
    /// No lists yet. Entries that expire before `today` silence nothing.
    pub fn new(today: Date) -> Self {
        Self { today, lists: Vec::new() }
    }

    /// Adds a list; those added before have the first say.
    pub fn add(&mut self, list: Box<dyn List>) {
        let used = vec![false; list.len()];
        self.lists.push((list, used));
    }

    /// Holds a finding against all lists. Every entry that fits it counts as used, also behind the first.
    pub fn ask(&mut self, subject: &Subject<'_>) -> Say {
        let mut say = Say::default();
        for (list, used) in &mut self.lists {
            let mut hits = Vec::new();
            list.matches(subject, &mut |index| hits.push(index));
            for index in hits {
                used[index] = true;
                if say.silenced_by.is_some() {
                    continue;
                }
                let entry = list.entry(index);
                if entry.expires.is_some_and(|last| last < self.today) {
                    say.expired.push(entry);
                } else {
                    say.silenced_by = Some(entry);
                }
            }
        }
        say
    }

    /// The entries that fit no finding so far, and those that have expired, in the order of the lists.
    pub fn unused(&self) -> impl Iterator<Item = Unused> {
        self.lists.iter().flat_map(|(list, used)| {
            (0..list.len()).filter_map(|index| {
                let entry = list.entry(index);
                let is_expired = entry.expires.is_some_and(|last| last < self.today);
                let is_idle = !used[index] && !list.is_general(index);
                (is_expired || is_idle).then_some(Unused { entry, is_expired })
            })
        })
    }
}
