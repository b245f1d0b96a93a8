//! What a commit made now would add: the index against HEAD. Working-tree files are never read.

use std::path::{Path, PathBuf};

use git2::{
    Blob as GitBlob, Delta, Diff, DiffDelta, DiffFindOptions, DiffOptions, FileMode, Oid, Patch,
    Repository,
};

use super::GitError;
use crate::model::blob::{AddedLines, Blob, Content, Lines, Origin};
use crate::model::coverage::{LeftOut, Problem, ProblemKind};
use crate::sources::filter::Filter;
use crate::sources::{Visitor, Worker, over_limit};

/// What is staged is scanned how.
pub struct Options {
    /// Whether findings anywhere in a changed file matter, or only those on lines that the change adds.
    pub whole_files: bool,
    /// Larger blobs, in bytes, are named as not scanned.
    pub max_file_size: Option<u64>,
}

/// Pushes the staged form of every file that differs from HEAD.
pub fn push(
    repository: &Repository,
    options: &Options,
    filter: &Filter,
    visitor: &dyn Visitor,
) -> Result<(), GitError> {
    let root = repository.workdir().ok_or(GitError::Bare)?;
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let diff = diff(repository, visitor)?;
    let mut staged =
        Staged { repository, root: &root, options, filter, visitor, worker: visitor.worker() };
    for delta in diff.deltas() {
        if visitor.is_cancelled() {
            break;
        }
        staged.delta(&delta);
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

struct Staged<'s> {
    repository: &'s Repository,
    root: &'s Path,
    options: &'s Options,
    filter: &'s Filter,
    visitor: &'s dyn Visitor,
    worker: Box<dyn Worker + 's>,
}

impl Staged<'_> {
    fn delta(&mut self, delta: &DiffDelta<'_>) {
        let new = delta.new_file();
        let path = path_of(new.path_bytes().unwrap_or_default());
        let is_change = matches!(
            delta.status(),
            Delta::Added | Delta::Modified | Delta::Renamed | Delta::Copied | Delta::Typechange
        );
        // A mode that changes, or a file that only moves, adds nothing.
        if !is_change || (delta.old_file().id() == new.id() && !self.options.whole_files) {
            return;
        }
        if new.mode() == FileMode::Commit {
            return self.visitor.left_out(LeftOut::Submodule, 1, Some(&path));
        }
        if let Some(reason) = self.filter.check_file(self.root, &path) {
            return self.visitor.left_out(reason, 1, Some(&path));
        }
        if let Err(error) = self.blob(delta.old_file().id(), new.id(), &path) {
            let message = format!("its staged content cannot be read: {}", error.message());
            self.visitor.problem(Problem {
                path: Some(path),
                kind: ProblemKind::Unreadable,
                message,
            });
        }
    }

    fn blob(&mut self, old: Oid, new: Oid, path: &Path) -> Result<(), git2::Error> {
        if let Some(limit) = self.options.max_file_size {
            let (size, _) = self.repository.odb()?.read_header(new)?;
            if size as u64 > limit {
                self.visitor.problem(over_limit(path, limit, 0));
                return Ok(());
            }
        }
        let blob = self.repository.find_blob(new)?;
        // An old side that is no blob (a submodule that became a file) or is missing makes every line new.
        let before = (!old.is_zero()).then(|| self.repository.find_blob(old).ok()).flatten();
        let added = || added_lines(before.as_ref(), &blob);
        let lines = if self.options.whole_files { Lines::All } else { Lines::Added(&added) };
        let origin = Origin::IndexEntry { path: path.to_owned() };
        self.worker.visit(Blob { origin, content: Content::Bytes(blob.content()), lines });
        Ok(())
    }
}

/// The lines of `after` that `before` does not have. `-diff` and binary attributes hide nothing: blobs are compared as
/// text.
fn added_lines(before: Option<&GitBlob<'_>>, after: &GitBlob<'_>) -> AddedLines {
    let every_line =
        || (1..=after.content().iter().filter(|byte| **byte == b'\n').count() as u64 + 1).collect();
    let Some(before) = before else { return every_line() };
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true);
    let added = |patch: &Patch<'_>| -> Result<AddedLines, git2::Error> {
        let mut lines = Vec::new();
        for hunk in 0..patch.num_hunks() {
            for line in 0..patch.num_lines_in_hunk(hunk)? {
                lines.extend(patch.line_in_hunk(hunk, line)?.new_lineno().map(u64::from));
            }
        }
        Ok(lines.into_iter().collect())
    };
    // Where libgit2 cannot compare, everything counts as added: rather a finding too many.
    Patch::from_blobs(before, None, after, None, Some(&mut options))
        .and_then(|patch| added(&patch))
        .unwrap_or_else(|_| every_line())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
