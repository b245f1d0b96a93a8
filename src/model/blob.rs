//! Bytes to scan, and where they come from.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where a blob comes from, as a report names it and as its fingerprints are scoped.
///
/// Sources to come (the index, commits, archive members) add their variants here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A file of the tree that is scanned.
    File {
        /// The path as a report shows it: as it was given, without a leading `./`.
        path: PathBuf,
        /// The same path seen from the repository root (or, outside a repository, from the scanned directory), so
        /// that fingerprints do not depend on how the root was spelled.
        scope: PathBuf,
    },
    /// A file as it stands in a repository's index.
    IndexEntry {
        /// The path from the repository's root, which is also what scopes fingerprints.
        path: PathBuf,
    },
    /// Standard input, under the name given for it.
    Stdin {
        /// The name from `--stdin-filename`, or `<stdin>`.
        name: PathBuf,
    },
}

impl Origin {
    /// The path to show.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::IndexEntry { path } => path,
            Self::Stdin { name } => name,
        }
    }

    /// The path that scopes fingerprints.
    pub fn scope(&self) -> &Path {
        match self {
            Self::File { scope, .. } => scope,
            Self::IndexEntry { path } => path,
            Self::Stdin { name } => name,
        }
    }
}

/// The bytes of a blob: at hand, or to be read in one pass.
pub enum Content<'a> {
    /// The whole blob in memory.
    Bytes(&'a [u8]),
    /// A stream that is read to its end, window by window.
    Stream(&'a mut dyn Read),
}

/// Which lines of a blob matter.
///
/// All of a blob is searched whatever this says, so that a pair whose other half is old is still joined; a finding is
/// kept when one of its parts stands on a line that matters.
pub enum Lines<'a> {
    /// Every line.
    All,
    /// The lines that a change adds, worked out only when there is a finding.
    Added(&'a dyn Fn() -> AddedLines),
}

/// Line numbers, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddedLines(BTreeSet<u64>);

impl AddedLines {
    /// Whether one of the lines from `first` to `last`, both included, is among them.
    pub fn touch(&self, first: u64, last: u64) -> bool {
        self.0.range(first..=last.max(first)).next().is_some()
    }
}

impl FromIterator<u64> for AddedLines {
    fn from_iter<T: IntoIterator<Item = u64>>(lines: T) -> Self {
        Self(lines.into_iter().collect())
    }
}

/// One thing to scan.
pub struct Blob<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// What it holds.
    pub content: Content<'a>,
    /// Which of its lines matter.
    pub lines: Lines<'a>,
}
