//! A file that a change adds or modifies: what the sources of changes share.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use git2::{Blob as GitBlob, Delta, DiffDelta, DiffOptions, FileMode, Oid, Patch, Repository};

use crate::model::blob::{AddedLines, Blob, Brings, Content, Lines, Origin};
use crate::model::coverage::{LeftOut, Problem, ProblemKind};
use crate::sources::filter::Filter;
use crate::sources::{Visitor, Worker, over_limit};

/// A file that differs from what was there before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Where it stands now.
    pub(super) path: PathBuf,
    /// What kind of entry it is now.
    pub(super) kind: Kind,
    /// What it holds now.
    pub(super) new: Oid,
    /// What it held before; zero for a file that was not there.
    pub(super) old: Oid,
}

/// What an entry of a tree or an index is, directories aside. Modes can be any number, and git2 panics at odd ones, so
/// nothing is asked for a whole mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file or a link: a blob.
    File,
    /// Another repository's commit.
    Submodule,
}

impl Kind {
    /// What kind of entry has this mode.
    pub(super) fn of_mode(mode: u32) -> Self {
        const TYPE: u32 = 0o170_000;
        if mode & TYPE == u32::from(FileMode::Commit) { Self::Submodule } else { Self::File }
    }
}

/// How changed files are scanned.
pub struct Options {
    /// Whether findings anywhere in a changed file matter, or only those on lines that the change adds.
    pub whole_files: bool,
    /// Larger blobs, in bytes, are named as not scanned.
    pub max_file_size: Option<u64>,
}

/// Pushes changed files, on one thread.
pub(super) struct Changed<'s> {
    repository: &'s Repository,
    /// What paths are relative to when they are held against excludes.
    root: PathBuf,
    options: &'s Options,
    filter: &'s Filter,
    visitor: &'s dyn Visitor,
    worker: Box<dyn Worker + 's>,
}

impl<'s> Changed<'s> {
    pub(super) fn new(
        repository: &'s Repository,
        root: &Path,
        options: &'s Options,
        filter: &'s Filter,
        visitor: &'s dyn Visitor,
    ) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        Self { repository, root, options, filter, visitor, worker: visitor.worker() }
    }

    /// Pushes the blob `new`. What matters in it are the lines that none of `before` has, where zero stands for no
    /// file: there is one for each state that the change starts from.
    pub(super) fn file(&mut self, origin: Origin, kind: Kind, new: Oid, before: &[Oid]) {
        // A mode that changes, or a file that only moves, adds nothing.
        if before.contains(&new) && !self.options.whole_files {
            return;
        }
        let path = origin.path().to_owned();
        if kind == Kind::Submodule {
            return self.visitor.left_out(LeftOut::Submodule, 1, Some(&path));
        }
        if let Some(reason) = self.filter.check_file(&self.root, &path) {
            return self.visitor.left_out(reason, 1, Some(&path));
        }
        if let Err(error) = self.blob(origin, new, before) {
            let message = format!("its content cannot be read: {}", error.message());
            self.visitor.problem(Problem {
                path: Some(path),
                kind: ProblemKind::Unreadable,
                message,
            });
        }
    }

    /// Pushes text that is no file, all of it new.
    pub(super) fn message(&mut self, origin: Origin, text: &[u8]) {
        let content = Content::Bytes(text);
        let (lines, brings) = (Lines::All, Brings::Everything);
        self.worker.visit(Blob { origin, content, lines, brings, inherited: None });
    }

    fn blob(&mut self, origin: Origin, new: Oid, before: &[Oid]) -> Result<(), git2::Error> {
        if let Some(limit) = self.options.max_file_size {
            let (size, _) = self.repository.odb()?.read_header(new)?;
            if size as u64 > limit {
                self.visitor.problem(over_limit(origin.path(), limit, 0));
                return Ok(());
            }
        }
        let blob = self.repository.find_blob(new)?;
        let known = OnceCell::new();
        let added = || known.get_or_init(|| added_to_all(self.repository, before, &blob)).clone();
        let lines = if self.options.whole_files { Lines::All } else { Lines::Added(&added) };
        let brings = if before.contains(&new) { Brings::Nothing } else { Brings::Lines(&added) };
        let content = Content::Bytes(blob.content());
        self.worker.visit(Blob { origin, content, lines, brings, inherited: None });
        Ok(())
    }
}

/// Whether a difference leaves content behind: a deletion does not.
pub(super) fn is_change(delta: &DiffDelta<'_>) -> bool {
    matches!(
        delta.status(),
        Delta::Added | Delta::Modified | Delta::Renamed | Delta::Copied | Delta::Typechange
    )
}

/// The lines of `after` that none of `before` has.
fn added_to_all(repository: &Repository, before: &[Oid], after: &GitBlob<'_>) -> AddedLines {
    let each = before.iter().map(|&before| {
        // An old side that is no blob (a submodule that became a file) or is missing makes every line new.
        let before = (!before.is_zero()).then(|| repository.find_blob(before).ok()).flatten();
        added_lines(before.as_ref(), after)
    });
    each.reduce(|some, others| some.intersection(&others)).unwrap_or_default()
}

/// The lines of `after` that `before` does not have. `-diff` and binary attributes hide nothing: blobs are compared as
/// text.
fn added_lines(before: Option<&GitBlob<'_>>, after: &GitBlob<'_>) -> AddedLines {
    let every_line =
        || (1..=memchr::memchr_iter(b'\n', after.content()).count() as u64 + 1).collect();
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
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
