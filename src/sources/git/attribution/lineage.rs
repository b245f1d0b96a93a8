//! What leads from one object of a history to others, but for trees: commits, tags and references. It is noted when they
//! are read for the first time; nobody reads them twice.

use std::sync::{Mutex, PoisonError};

use super::commits::{Written, tagged};
use super::references::References;
use crate::model::blob::Content;
use crate::sources::git::pack::{Id, Kind, Object};

/// What a commit or a tag says of other objects.
pub(crate) enum Said {
    /// A commit's header.
    Commit(Written),
    /// A tag, and what it is a tag of.
    Tag(Id, Id),
}

impl Said {
    /// What `object` says; `None` for one that says nothing.
    pub(crate) fn by<N>(object: &Object<'_, N>) -> Option<Self> {
        // Only blobs are ever streams.
        let Content::Bytes(data) = object.data else { return None };
        match object.kind {
            Kind::Commit => Written::parse(object.id, data).map(Self::Commit),
            Kind::Tag => tagged(data).map(|of| Self::Tag(object.id, of)),
            Kind::Tree | Kind::Blob => None,
        }
    }
}

/// All that commits and tags say, and the references: some 100 bytes a commit.
#[derive(Default)]
pub struct Lineage {
    pub(super) commits: Vec<Written>,
    pub(super) tags: Vec<(Id, Id)>,
    pub(super) references: References,
}

/// Takes what threads read, in any order.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Lineage>);

impl Recorder {
    pub(crate) fn add(&self, said: Said) {
        let mut lineage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said {
            Said::Commit(commit) => lineage.commits.push(commit),
            Said::Tag(tag, of) => lineage.tags.push((tag, of)),
        }
    }

    pub(crate) fn into_lineage(self, references: References) -> Lineage {
        let noted = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Lineage { references, ..noted }
    }
}
