//! Where a credential stands in a repository's history.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::blob::Commit;

/// All that a history says of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The number of distinct objects that it stands in.
    pub objects: u64,
    /// The places, those with the oldest commit first. Never empty.
    pub sightings: Vec<Sighting>,
    /// Whether there are more places than are listed.
    pub more: bool,
}

/// A path (or a message) that a credential stands in, over all of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The path, or the name of the message or object.
    pub path: PathBuf,
    /// The first commit that has it there; `None` when no commit does.
    pub first: Option<Arc<Commit>>,
    /// Whether it still stands there in the commit that is checked out.
    pub at_head: bool,
    /// What keeps it in the repository.
    pub reach: Reach,
    /// The number of distinct objects in which it stands there.
    pub objects: u64,
}

/// What keeps an object in a repository; of several, the first of this list.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reach {
    /// A branch, a tag, a remote-tracking branch or any other reference, or a HEAD.
    Ref,
    /// A stash.
    Stash,
    /// Notes.
    Notes,
    /// The index: it is staged, and not committed.
    Index,
    /// Only the log of a reference: the commit was amended, rebased or deleted, and expires with the log.
    Reflog,
    /// Nothing: it stays until git collects garbage, and may be on servers that were pushed to.
    Dangling,
}

impl Reach {
    /// What that means, as the rest of "kept by ...".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Ref => "a reference",
            Self::Stash => "a stash",
            Self::Notes => "notes",
            Self::Index => "the index",
            Self::Reflog => "a reflog",
            Self::Dangling => "nothing (dangling)",
        }
    }
}
