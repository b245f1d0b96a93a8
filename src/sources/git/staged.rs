//! What a commit made now would add: the index against HEAD. Working-tree files are never read.

use git2::{Diff, DiffFindOptions, DiffOptions, Repository};

use super::GitError;
use super::changed::{Changed, Options, is_change, path_of};
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
    let diff = diff(repository, visitor)?;
    let mut changed = Changed::new(repository, root, options, filter, visitor);
    for delta in diff.deltas().filter(is_change) {
        if visitor.is_cancelled() {
            break;
        }
        let new = delta.new_file();
        let path = path_of(new.path_bytes().unwrap_or_default());
        changed.file(Origin::IndexEntry { path }, new.mode(), new.id(), &[delta.old_file().id()]);
    }
    Ok(())
}

/// The difference between HEAD and the index, renames found. On an unborn branch everything in the index is new.
fn diff<'r>(repository: &'r Repository, visitor: &dyn Visitor) -> Result<Diff<'r>, GitError> {
    let index = repository.index().map_err(GitError::while_("the index cannot be read"))?;
    if index.has_conflicts() {
        let conflicts = index.conflicts().map_err(GitError::while_("the index cannot be read"))?;
        for conflict in conflicts {
            let conflict = conflict.map_err(GitError::while_("the index cannot be read"))?;
            let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
            visitor.problem(Problem {
                path: entry.map(|entry| path_of(&entry.path)),
                kind: ProblemKind::Unreadable,
                message: "unmerged: resolve the conflict and stage the result to have it scanned"
                    .to_owned(),
            });
        }
    }
    let head = match repository.head() {
        Ok(head) => {
            Some(head.peel_to_tree().map_err(GitError::while_("HEAD's tree cannot be read"))?)
        }
        Err(error) if error.code() == git2::ErrorCode::UnbornBranch => None,
        Err(error) => return Err(GitError::while_("HEAD cannot be read")(error)),
    };
    let mut options = DiffOptions::new();
    options.include_typechange(true);
    let mut diff = repository
        .diff_tree_to_index(head.as_ref(), Some(&index), Some(&mut options))
        .map_err(GitError::while_("the index cannot be compared with HEAD"))?;
    let mut find = DiffFindOptions::new();
    find.renames(true);
    diff.find_similar(Some(&mut find)).map_err(GitError::while_("renames cannot be found"))?;
    Ok(diff)
}
