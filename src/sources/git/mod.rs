//! Repositories. Semantics (indexes, trees, differences) are libgit2's; nothing here writes to a repository or runs
//! what one configures.

mod attribution;
mod authors;
mod buffer;
pub mod changed;
pub mod history;
mod index;
mod inflate;
mod missing;
pub mod names;
mod objects;
mod pack;
#[doc(hidden)]
pub mod probe;
pub mod range;
pub mod revisions;
pub mod staged;

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, Tree};

/// A repository that cannot be used as asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is none at or above the current directory.
    #[error("no git repository at or above the current directory")]
    NoRepository,
    /// It belongs to someone else, and git is not told to trust it.
    #[error(
        "the repository belongs to another user: `git config --global --add safe.directory PATH` trusts it"
    )]
    Owner,
    /// Its object ids are not SHA-1.
    #[error(
        "the repository's object ids are SHA-256, which keylint cannot read: nothing was scanned"
    )]
    ObjectFormat,
    /// Its references are kept in tables.
    #[error(
        "the repository keeps its references in reftables, which keylint cannot read: nothing was scanned"
    )]
    ReferenceFormat,
    /// Its index is damaged.
    #[error("the index cannot be read: it is corrupt")]
    CorruptIndex,
    /// Its index is in two parts.
    #[error(
        "the index is split, which keylint cannot read: `git update-index --no-split-index` puts it together"
    )]
    SplitIndex,
    /// Its index leaves out directories that are not those of HEAD.
    #[error(
        "the index is sparse, and something is staged in a directory that it leaves out: `git sparse-checkout reapply \
         --no-sparse-index` makes it whole"
    )]
    SparseIndex,
    /// It has no index, because it has no working tree.
    #[error("a bare repository has no index, so nothing is staged in it")]
    Bare,
    /// A revision names nothing that is there.
    #[error("unknown revision `{revision}`{hint}")]
    UnknownRevision {
        /// The revision as written.
        revision: String,
        /// What may help, as the rest of the sentence.
        hint: &'static str,
    },
    /// A revision is ambiguous, names no commit, or cannot be read.
    #[error("revision `{revision}`: {}", error.message())]
    Revision {
        /// The revision as written.
        revision: String,
        /// What libgit2 says.
        error: git2::Error,
    },
    /// The two ends of a range have nothing in common.
    #[error("the ends of `{range}` have no ancestor in common{hint}")]
    NoMergeBase {
        /// The range as written.
        range: String,
        /// What may help, as the rest of the sentence.
        hint: &'static str,
    },
    /// There is no commit to scan.
    #[error("there is no commit in `{range}`: nothing was scanned")]
    EmptyRange {
        /// The range as written.
        range: String,
    },
    /// Nothing was told to what is to be run as a hook.
    #[error("standard input holds no `OLD NEW REF`: this is to be run by git, as a hook")]
    NoUpdate,
    /// What git tells a hook is not what it should be.
    #[error("standard input, line {line}: not `{form}` with whole object ids")]
    Update {
        /// Its number, from 1.
        line: u64,
        /// What it should be.
        form: &'static str,
    },
    /// No commits are made in it, because it has no working tree.
    #[error(
        "no commits are made in a bare repository; for what is pushed to it, see `keylint pre-receive`"
    )]
    NoHooks,
    /// Its hooks are written by husky, which writes them anew time and again.
    #[error("{} belongs to husky: write `keylint staged` into .husky/pre-commit instead", path.display())]
    Husky {
        /// Its directory of hooks.
        path: PathBuf,
    },
    /// The threads that are to read it cannot be started.
    #[error("threads cannot be started: {reason}")]
    Threads {
        /// What the system says.
        reason: String,
    },
    /// There is none at or above a path that was given.
    #[error("{}: no git repository there or above", path.display())]
    NoRepositoryAt {
        /// The path.
        path: PathBuf,
    },
    /// Anything that libgit2 says.
    #[error("{doing}: {}", error.message())]
    Git {
        /// What was being done.
        doing: &'static str,
        /// What libgit2 says.
        error: git2::Error,
    },
}

impl GitError {
    fn while_(doing: &'static str) -> impl Fn(git2::Error) -> Self {
        move |error| Self::Git { doing, error }
    }

    /// For an index that cannot be read: git marks what a reader has to know by extensions.
    fn of_index(error: git2::Error) -> Self {
        match error.message() {
            message if message.contains("extension: 'link'") => Self::SplitIndex,
            message if message.contains("extension: 'sdir'") => Self::SparseIndex,
            _ => Self::while_("the index cannot be read")(error),
        }
    }
}

/// Opens the repository of the current directory, as git itself does: `GIT_DIR`, `GIT_INDEX_FILE` and the like, which
/// git sets for its hooks, are respected.
pub fn open() -> Result<Repository, GitError> {
    Repository::open_from_env().map_err(|error| not_opened(error, || GitError::NoRepository))
}

/// Opens the repository at or above `path`, which may be a working tree, a `.git` directory or a bare repository.
pub fn open_at(path: &Path) -> Result<Repository, GitError> {
    let missing = || GitError::NoRepositoryAt { path: path.to_owned() };
    Repository::discover(path).map_err(|error| not_opened(error, missing))
}

/// The tree of a revision, if it has one.
pub fn tree<'r>(repository: &'r Repository, revision: &str) -> Option<Tree<'r>> {
    repository.revparse_single(revision).and_then(|object| object.peel_to_tree()).ok()
}

/// The ids of a commit's parents.
pub fn parents(repository: &Repository, commit: &str) -> Vec<String> {
    let found = repository.revparse_single(commit).and_then(|object| object.peel_to_commit());
    found.map_or(Vec::new(), |commit| commit.parent_ids().map(|id| id.to_string()).collect())
}

/// The file at `path` in a tree.
pub fn content<'r>(
    repository: &'r Repository,
    tree: &Tree<'_>,
    path: &Path,
) -> Option<git2::Blob<'r>> {
    tree.get_path(path).and_then(|entry| repository.find_blob(entry.id())).ok()
}

fn not_opened(error: git2::Error, missing: impl Fn() -> GitError) -> GitError {
    match error.code() {
        ErrorCode::NotFound => missing(),
        ErrorCode::Owner => GitError::Owner,
        // libgit2 has no codes for these.
        _ if error.message().contains("object format") => GitError::ObjectFormat,
        _ if error.message().contains("extensions.refstorage") => GitError::ReferenceFormat,
        _ => GitError::while_("the repository cannot be opened")(error),
    }
}

/// Where git looks for the hooks of a repository that commits are made in: in `core.hooksPath`, or else in `hooks`,
/// which linked worktrees have in common. It may not exist.
pub fn hooks_directory(repository: &Repository) -> Result<PathBuf, GitError> {
    let root = repository.workdir().ok_or(GitError::NoHooks)?;
    let configured = repository.config().and_then(|config| config.get_path("core.hooksPath"));
    match configured {
        // A relative one is relative to where git runs hooks.
        Ok(path) if path.ends_with(".husky/_") => Err(GitError::Husky { path: root.join(path) }),
        Ok(path) => Ok(root.join(path)),
        Err(error) if error.code() == ErrorCode::NotFound => {
            Ok(repository.commondir().join("hooks"))
        }
        Err(error) => Err(GitError::while_("core.hooksPath cannot be read")(error)),
    }
}
