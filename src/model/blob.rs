//! Bytes to scan, and where they come from.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::traces::Inherited;

/// Where a blob comes from, as a report names it and as its fingerprints are scoped.
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
    /// A file as a commit adds or changes it.
    Committed {
        /// The path from the repository's root, which is also what scopes fingerprints.
        path: PathBuf,
        /// The commit.
        commit: Arc<Commit>,
    },
    /// The message of a commit or of an annotated tag.
    Message {
        /// What a report shows for a path, such as `<message of commit 1a2b3c4d5e6f>`.
        name: PathBuf,
        /// The commit, or the commit that the tag names.
        commit: Arc<Commit>,
    },
    /// An object of a repository that no commit was found to hold.
    Object {
        /// The path at which the index or a lost tree has it, or else a name such as `<blob 1a2b3c4d5e6f>`.
        path: PathBuf,
        /// Its id.
        id: ObjectId,
        /// Whether it is a commit or tag, of which the message is scanned.
        is_message: bool,
    },
    /// Standard input, under the name given for it.
    Stdin {
        /// The name from `--stdin-filename`, or `<stdin>`.
        name: PathBuf,
    },
    /// A member of an archive, or what a compressed file holds.
    Member {
        /// The archive.
        outer: Arc<Origin>,
        /// The member's name within it: scanned text, never a path to be opened.
        name: PathBuf,
        /// The path as a report shows it: the outer one, `!`, the name.
        path: PathBuf,
        /// The path that scopes fingerprints, put together in the same way.
        scope: PathBuf,
    },
}

impl Origin {
    /// The member of `outer` that has this name there.
    pub fn member(outer: &Arc<Self>, name: PathBuf) -> Self {
        let within = |outer: &Path| {
            let mut path =
                OsString::with_capacity(outer.as_os_str().len() + 1 + name.as_os_str().len());
            path.push(outer);
            path.push("!");
            path.push(&name);
            PathBuf::from(path)
        };
        let (path, scope) = (within(outer.path()), within(outer.scope()));
        Self::Member { outer: Arc::clone(outer), name, path, scope }
    }

    /// The path to show.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path, .. }
            | Self::IndexEntry { path }
            | Self::Committed { path, .. }
            | Self::Object { path, .. }
            | Self::Member { path, .. } => path,
            Self::Message { name, .. } | Self::Stdin { name } => name,
        }
    }

    /// The file, object or stream that all of it lies in: itself, if it is no member of an archive.
    pub fn outermost(&self) -> &Self {
        match self {
            Self::Member { outer, .. } => outer.outermost(),
            other => other,
        }
    }

    /// The names of the archives that it is within, and its own, each within the one before; the outermost file is none
    /// of them. Empty for what is no member.
    pub fn names(&self) -> Vec<&Path> {
        match self {
            Self::Member { outer, name, .. } => {
                let mut names = outer.names();
                names.push(name);
                names
            }
            _ => Vec::new(),
        }
    }

    /// The path by which to judge what the blob is: that of a member within its archive, else the one to show.
    pub fn own_path(&self) -> &Path {
        match self {
            Self::Member { name, .. } => name,
            other => other.path(),
        }
    }

    /// The path that scopes fingerprints.
    pub fn scope(&self) -> &Path {
        match self {
            Self::File { scope, .. } | Self::Member { scope, .. } => scope,
            Self::IndexEntry { path }
            | Self::Committed { path, .. }
            | Self::Object { path, .. } => path,
            Self::Message { name, .. } | Self::Stdin { name } => name,
        }
    }

    /// The object of a repository that no commit is known to hold, if it is one or lies in one.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Object { id, .. } => Some(*id),
            Self::Member { outer, .. } => outer.object(),
            _ => None,
        }
    }

    /// The commit that the blob belongs to.
    pub fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Committed { commit, .. } | Self::Message { commit, .. } => Some(commit),
            Self::Member { outer, .. } => outer.commit(),
            Self::File { .. }
            | Self::IndexEntry { .. }
            | Self::Object { .. }
            | Self::Stdin { .. } => None,
        }
    }
}

/// The id of an object of a repository: its SHA-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 20]);

impl ObjectId {
    /// Appends the first `count` of its 40 digits in hex.
    pub(crate) fn push_to(self, text: &mut String, count: usize) {
        text.push_str(as_text(&self.digits()[..count]));
    }

    fn digits(self) -> [u8; 40] {
        let mut digits = [0; 40];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
        }
        digits
    }
}

fn as_text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).expect("digits are text")
}

impl fmt::Display for ObjectId {
    /// In hex; with a precision that many digits of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(as_text(&self.digits()))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A commit, as far as a report names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit {
    /// Its object id, in hex.
    pub id: String,
    /// Its author's name and address, as written: scanned text.
    pub author: String,
    /// When it was authored, in seconds since 1970.
    pub seconds: i64,
    /// The author's distance from UTC, in minutes.
    pub offset: i32,
}

/// What can be read at any place.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The bytes of a blob: at hand, or to be read.
pub enum Content<'a> {
    /// The whole blob in memory.
    Bytes(&'a [u8]),
    /// A stream that is read to its end, window by window.
    Stream(&'a mut dyn Read),
    /// A stream that starts at its beginning and can be read again, as an archive's directory at the end makes
    /// necessary.
    Seekable(&'a mut dyn ReadSeek),
}

/// For whoever does not mind which of them it is; what is in memory gets shorter as it is read.
impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
            Self::Seekable(file) => file.read(buffer),
        }
    }
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

/// What of a blob the scanned change brings itself, whichever of its lines matter: what silences there may not count.
pub enum Brings<'a> {
    /// Nothing: there is no change, or it leaves the blob as it was.
    Nothing,
    /// All of it.
    Everything,
    /// These lines, worked out only when they are asked for.
    Lines(&'a dyn Fn() -> AddedLines),
}

/// Line numbers, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddedLines(BTreeSet<u64>);

impl AddedLines {
    /// Whether one of the lines from `first` to `last`, both included, is among them.
    pub fn touch(&self, first: u64, last: u64) -> bool {
        self.0.range(first..=last.max(first)).next().is_some()
    }

    /// Those that are among `other`, too.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0.retain(|line| other.0.contains(line));
        self
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
    /// What of it is the scanned change's own.
    pub brings: Brings<'a>,
    /// What it has from another blob, if anything is known of that.
    pub inherited: Option<Inherited<'a>>,
}
