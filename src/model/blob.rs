//! Bytes to scan, and where they come from.

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
            Self::File { path, .. } => path,
            Self::Stdin { name } => name,
        }
    }

    /// The path that scopes fingerprints.
    pub fn scope(&self) -> &Path {
        match self {
            Self::File { scope, .. } => scope,
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

/// One thing to scan.
pub struct Blob<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// What it holds.
    pub content: Content<'a>,
}
