//! What of a history is not in the repository, and why.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use git2::Repository;

use super::attribution::{References, Said, parse_id};
use super::objects::Store;
use super::pack::Id;
use crate::model::blob::ObjectId;
use crate::model::coverage::{Problem, ProblemKind};
use crate::sources::{Visitor, regular};

/// Objects and references that lack something, and are named one by one.
const MAX_NAMED: usize = 20;

/// The tree without entries. Git knows it without having it, and there is nothing to scan in it.
const EMPTY_TREE: Id =
    *b"\x4b\x82\x5d\xc6\x42\xcb\x6e\xb9\xa0\x60\xe5\x4b\xf8\xd6\x92\x88\xfb\xee\x49\x04";

/// Commits and tags, each with what it names and the packs and loose objects do not have.
#[derive(Default)]
pub(super) struct Missing(Mutex<Vec<Lacking>>);

/// An object that lacks another one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Lacking {
    role: Role,
    id: ObjectId,
    lacks: ObjectId,
}

/// What an object is to the one that lacks it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Tree,
    Parent,
    Tagged,
}

impl Missing {
    /// Notes whether the tree and the parents of a commit are there, and whether what a tag is a tag of is.
    pub(super) fn look_for_needs_of(&self, said: &Said, store: &Store) {
        let note = |role, id: &Id, lacks: &Id| {
            if !store.contains(lacks) && *lacks != EMPTY_TREE {
                let lacking = Lacking { role, id: ObjectId(*id), lacks: ObjectId(*lacks) };
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lacking);
            }
        };
        match said {
            Said::Commit(commit) => {
                note(Role::Tree, commit.id(), commit.tree());
                commit.parents().iter().for_each(|parent| note(Role::Parent, commit.id(), parent));
            }
            Said::Tag(tag, tagged) => note(Role::Tagged, tag, tagged),
        }
    }

    /// Says what is missing of what was noted and of what references lead to.
    pub(super) fn report(
        self,
        repository: &Repository,
        references: &References,
        store: &Store,
        visitor: &dyn Visitor,
    ) {
        let say = |kind, message| visitor.problem(Problem { path: None, kind, message });
        let shallow = shallow(repository).unwrap_or_else(|error| {
            say(ProblemKind::Unreadable, format!("the list of shallow commits: {error}"));
            HashSet::new()
        });
        if !shallow.is_empty() {
            let message = format!(
                "the history is cut off at {} commits, as in a shallow clone: what came before was not scanned; `git \
                 fetch --unshallow` gets it",
                shallow.len()
            );
            say(ProblemKind::Shallow, message);
        }
        let References { list, unread, .. } = references;
        for message in unread {
            say(ProblemKind::Unreadable, message.clone());
        }
        if is_partial(repository) {
            let message = "a partial clone: objects that it has not fetched were not scanned; a clone without \
                           `--filter` has them all"
                .to_owned();
            return say(ProblemKind::Partial, message);
        }
        let mut missing = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        missing.retain(|one| one.role != Role::Parent || !shallow.contains(&one.id.0));
        missing.sort_unstable();
        let of_objects = missing.into_iter().map(|Lacking { role, id, lacks }| match role {
            Role::Tree | Role::Parent => format!("commit {id} names {lacks}, which is not there"),
            Role::Tagged => format!("tag {id} names {lacks}, which is not there"),
        });
        let of_references = list.iter().filter(|(_, id)| !store.contains(id));
        let of_references = of_references
            .map(|(name, id)| format!("{name} leads to {}, which is not there", ObjectId(*id)));
        let mut all = of_references.chain(of_objects);
        for message in all.by_ref().take(MAX_NAMED) {
            say(ProblemKind::Missing, message);
        }
        let more = all.count();
        if more > 0 {
            let message = format!("{more} more commits, tags or references name what is not there");
            say(ProblemKind::Missing, message);
        }
    }
}

/// Says which trees are named by others and are not there.
pub(super) fn report_trees(missing: &[Id], repository: &Repository, visitor: &dyn Visitor) {
    let missing: Vec<&Id> = missing.iter().filter(|id| **id != EMPTY_TREE).collect();
    if missing.is_empty() || is_partial(repository) {
        return;
    }
    let say =
        |message| visitor.problem(Problem { path: None, kind: ProblemKind::Missing, message });
    for id in missing.iter().take(MAX_NAMED) {
        say(format!("tree {} is not there, though another one names it", ObjectId(**id)));
    }
    if missing.len() > MAX_NAMED {
        say(format!("{} more trees are not there", missing.len() - MAX_NAMED));
    }
}

/// Commits whose parents were cut off.
fn shallow(repository: &Repository) -> io::Result<HashSet<Id>> {
    match regular::read(&repository.commondir().join("shallow")) {
        Ok(list) => Ok(list.split(|byte| *byte == b'\n').filter_map(parse_id).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(error),
    }
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
