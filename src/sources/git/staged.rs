//! What a commit made now would add: the index against HEAD. Working-tree files are never read.

use git2::{DiffDelta, DiffFindOptions, DiffOptions, Repository, Tree};

use super::GitError;
use super::changed::{Change, Changed, Options, is_change, path_of};
use super::index::{self, Index};
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
    let all = match changes(repository, head.as_ref()) {
        Some(changes) => changes,
        None => changes_in_full(repository, head.as_ref(), visitor)?,
    };
    let mut changed = Changed::new(repository, root, options, filter, visitor);
    for Change { path, mode, new, old } in all {
        if visitor.is_cancelled() {
            break;
        }
        changed.file(Origin::IndexEntry { path }, mode, new, &[old]);
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
fn changes(repository: &Repository, head: Option<&Tree<'_>>) -> Option<Vec<Change>> {
    let bytes = index::read(repository)?;
    Index::parse(&bytes)?.changes_from(repository, head)
}

/// What differs from HEAD, by libgit2's reading: for conflicts, for files that may have been moved, and for whatever may
/// be wrong with an index.
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
    let change = |delta: DiffDelta<'_>| {
        let new = delta.new_file();
        Change {
            path: path_of(new.path_bytes().unwrap_or_default()),
            mode: new.mode(),
            new: new.id(),
            old: delta.old_file().id(),
        }
    };
    Ok(diff.deltas().filter(is_change).map(change).collect())
}
