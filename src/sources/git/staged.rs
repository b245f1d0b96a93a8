//! What a commit made now would add: the index against HEAD. Working-tree files are never read.

use std::collections::HashSet;

use git2::{DiffDelta, DiffFindOptions, DiffOptions, Repository, Tree};

use super::GitError;
use super::changed::{Change, Changed, Kind, Options, is_change, path_of};
use super::index::{self, Index, Unread};
use crate::model::blob::Origin;
use crate::model::coverage::{Problem, ProblemKind};
use crate::sources::Visitor;
use crate::sources::filter::Filter;

/// Pushes the staged form of every file that differs from HEAD.
pub fn push(
    repository: &Repository,
    options: &Options,
    filter: &Filter,
    visitor: &dyn Visitor,
) -> Result<(), GitError> {
    let root = repository.workdir().ok_or(GitError::Bare)?;
    let head = head(repository)?;
    let all = match changes(repository, head.as_ref())? {
        Some(changes) => changes,
        None => changes_in_full(repository, head.as_ref(), visitor)?,
    };
    let mut changed = Changed::new(repository, root, options, filter, visitor);
    for Change { path, kind, new, old } in all {
        if visitor.is_cancelled() {
            break;
        }
        changed.file(Origin::IndexEntry { path }, kind, new, &[old]);
    }
    Ok(())
}

/// The tree that is checked out; none on an unborn branch, on which everything is new.
pub(super) fn head(repository: &Repository) -> Result<Option<Tree<'_>>, GitError> {
    match repository.head() {
        Ok(head) => {
            head.peel_to_tree().map(Some).map_err(GitError::while_("HEAD's tree cannot be read"))
        }
        Err(error) if error.code() == git2::ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(GitError::while_("HEAD cannot be read")(error)),
    }
}

/// What differs from HEAD, in the way that takes least; `None` where it takes more.
fn changes(
    repository: &Repository,
    head: Option<&Tree<'_>>,
) -> Result<Option<Vec<Change>>, GitError> {
    let Some(bytes) = index::read(repository) else { return Ok(None) };
    match Index::parse(&bytes).and_then(|index| index.changes_from(repository, head)) {
        Ok(changes) => Ok(Some(changes)),
        Err(Unread::Other) => Ok(None),
        Err(Unread::Corrupt) => Err(GitError::CorruptIndex),
    }
}

/// What differs from HEAD, by libgit2's reading: for conflicts, and for files that may have been moved.
fn changes_in_full(
    repository: &Repository,
    head: Option<&Tree<'_>>,
    visitor: &dyn Visitor,
) -> Result<Vec<Change>, GitError> {
    let index = repository.index().map_err(GitError::of_index)?;
    if index.has_conflicts() {
        let conflicts = index.conflicts().map_err(GitError::of_index)?;
        for conflict in conflicts {
            let conflict = conflict.map_err(GitError::of_index)?;
            let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
            visitor.problem(Problem {
                path: entry.map(|entry| path_of(&entry.path)),
                kind: ProblemKind::Unreadable,
                message: "unmerged: resolve the conflict and stage the result to have it scanned"
                    .to_owned(),
            });
        }
    }
    compare(repository, head, &index)
}

/// What differs from HEAD, with what was there before a move in place of nothing.
pub(super) fn compare(
    repository: &Repository,
    head: Option<&Tree<'_>>,
    index: &git2::Index,
) -> Result<Vec<Change>, GitError> {
    let mut options = DiffOptions::new();
    options.include_typechange(true);
    let mut diff = repository
        .diff_tree_to_index(head, Some(index), Some(&mut options))
        .map_err(GitError::while_("the index cannot be compared with HEAD"))?;
    let mut find = DiffFindOptions::new();
    find.renames(true);
    diff.find_similar(Some(&mut find)).map_err(GitError::while_("renames cannot be found"))?;
    // One by one, git2 panics at odd paths.
    let submodules = index.iter().filter(|entry| Kind::of_mode(entry.mode) == Kind::Submodule);
    let submodules: HashSet<Vec<u8>> = submodules.map(|entry| entry.path).collect();
    let change = |delta: DiffDelta<'_>| {
        let new = delta.new_file();
        let path = new.path_bytes().unwrap_or_default();
        let kind = if submodules.contains(path) { Kind::Submodule } else { Kind::File };
        Change { path: path_of(path), kind, new: new.id(), old: delta.old_file().id() }
    };
    Ok(diff.deltas().filter(is_change).map(change).collect())
}
