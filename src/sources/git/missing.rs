//! What of a history is not in the repository, and why.

use std::collections::HashSet;
use std::fs;
use std::sync::{Mutex, PoisonError};

use git2::{Oid, Repository};

use super::attribution::{Written, parse_id};
use super::objects::Store;
use super::pack::{Id, Object};
use crate::model::blob::{Content, ObjectId};
use crate::model::coverage::{Problem, ProblemKind};
use crate::sources::Visitor;

/// Commits that lack something, and are named one by one.
const MAX_NAMED: usize = 20;

/// Commits, each with what it names and the packs and loose objects do not have.
#[derive(Default)]
pub(super) struct Missing(Mutex<Vec<(ObjectId, ObjectId)>>);

impl Missing {
    /// Notes which parents of a commit are not there, and whether its tree is.
    pub(super) fn look_for_needs_of<N>(&self, commit: &Object<'_, N>, store: &Store) {
        // Only blobs are ever streams.
        let Content::Bytes(data) = commit.data else { return };
        let written = Written::parse(commit.id, data);
        let needs = written.iter().flat_map(Written::needs);
        let lacking: Vec<_> = needs.filter(|id| !store.contains(id)).collect();
        if !lacking.is_empty() {
            let lacking = lacking.into_iter().map(|id| (ObjectId(commit.id), ObjectId(*id)));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(lacking);
        }
    }

    /// Says what is missing.
    pub(super) fn report(self, repository: &Repository, visitor: &dyn Visitor) {
        let say = |kind, message| visitor.problem(Problem { path: None, kind, message });
        let shallow = shallow(repository);
        if !shallow.is_empty() {
            let message = format!(
                "the history is cut off at {} commits, as in a shallow clone: what came before was not scanned; `git \
                 fetch --unshallow` gets it",
                shallow.len()
            );
            say(ProblemKind::Shallow, message);
        }
        let partial = is_partial(repository);
        if partial {
            let message = "a partial clone: objects that it has not fetched were not scanned; a clone without \
                           `--filter` has them all"
                .to_owned();
            say(ProblemKind::Partial, message);
        }
        let mut lacking = 0;
        let mut missing = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        missing.sort_unstable();
        for (commit, lacks) in missing {
            if partial || shallow.contains(&commit.0) || is_known_elsewhere(repository, lacks) {
                continue;
            }
            lacking += 1;
            if lacking <= MAX_NAMED {
                let message = format!("commit {commit} names {lacks}, which is not there");
                say(ProblemKind::Missing, message);
            }
        }
        if lacking > MAX_NAMED {
            let more = lacking - MAX_NAMED;
            say(ProblemKind::Missing, format!("{more} more commits name what is not there"));
        }
    }
}

/// Says which trees are named by others and are not there.
pub(super) fn report_trees(missing: &[Id], repository: &Repository, visitor: &dyn Visitor) {
    if missing.is_empty() || is_partial(repository) {
        return;
    }
    let say =
        |message| visitor.problem(Problem { path: None, kind: ProblemKind::Missing, message });
    for id in missing.iter().take(MAX_NAMED) {
        say(format!("tree {} is not there, though another one names it", ObjectId(*id)));
    }
    if missing.len() > MAX_NAMED {
        say(format!("{} more trees are not there", missing.len() - MAX_NAMED));
    }
}

/// Commits whose parents were cut off.
fn shallow(repository: &Repository) -> HashSet<Id> {
    let list = fs::read(repository.commondir().join("shallow")).unwrap_or_default();
    list.split(|byte| *byte == b'\n').filter_map(parse_id).collect()
}

/// Whether a remote is promised to have what is missing.
fn is_partial(repository: &Repository) -> bool {
    let promised = || -> Result<bool, git2::Error> {
        let config = repository.config()?;
        if config.get_string("extensions.partialclone").is_ok() {
            return Ok(true);
        }
        let mut promisors = config.entries(Some(r"^remote\..*\.promisor$"))?;
        Ok(promisors.next().is_some())
    };
    promised().unwrap_or(false)
}

/// Whether libgit2 knows an object that stands in no pack that the pack reader took.
fn is_known_elsewhere(repository: &Repository, id: ObjectId) -> bool {
    let id = Oid::from_bytes(&id.0);
    id.and_then(|id| Ok(repository.odb()?.exists(id))).unwrap_or(false)
}
