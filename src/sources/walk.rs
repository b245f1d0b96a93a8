//! The parallel directory walk: every file below the paths that were asked for, read inside the walker's threads.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use super::filter::Filter;
use super::{Visitor, Worker};
use crate::model::blob::{Blob, Content, Origin};
use crate::model::coverage::{LeftOut, Problem, ProblemKind};

/// How to walk.
pub struct Options {
    /// Worker threads; 0 picks as many as there are processors.
    pub threads: usize,
    /// Whether `.gitignore`, `.ignore` and global excludes are honoured.
    pub ignore_files: bool,
    /// Whether symbolic links are followed.
    pub follow: bool,
    /// Larger files, in bytes, are named as not scanned.
    pub max_file_size: Option<u64>,
}

/// Pushes every file at or below `paths`.
///
/// Paths given are always opened, whatever the filter and ignore files say, and whatever they are: a FIFO that is named
/// is read. Below a directory, special files and (unless followed) symbolic links are left out and counted.
pub fn push(paths: &[PathBuf], options: &Options, filter: Filter, visitor: &dyn Visitor) {
    let existing: Vec<&PathBuf> = paths.iter().filter(|path| exists(path, visitor)).collect();
    let Some((first, rest)) = existing.split_first() else { return };
    let mut builder = WalkBuilder::new(first);
    for path in rest {
        builder.add(path);
    }
    let tally = Arc::new(Tally::default());
    let left_out = tally.clone();
    builder
        .standard_filters(options.ignore_files)
        .hidden(false)
        .follow_links(options.follow)
        .threads(options.threads)
        .filter_entry(move |entry| left_out.admit(entry, &filter));
    let scopes = Scopes::new(existing.iter().map(|path| path.as_path()));
    let mut walk = Walk { options, visitor, tally: &tally, scopes: &scopes };
    builder.build_parallel().visit(&mut walk);
    tally.report(visitor);
}

fn exists(path: &Path, visitor: &dyn Visitor) -> bool {
    match std::fs::metadata(path) {
        Ok(_) => true,
        Err(error) => {
            visitor.problem(io_problem(path, &error));
            false
        }
    }
}

/// Counts what the filter leaves out and, by difference, what ignore files leave out: the walker does not say.
#[derive(Default)]
struct Tally {
    filtered: Mutex<HashMap<LeftOut, u64>>,
    /// Entries that directories hold, by our own listing.
    listed: AtomicU64,
    /// Entries that the walker has shown us, to be filtered or visited.
    shown: AtomicU64,
}

impl Tally {
    fn admit(&self, entry: &DirEntry, filter: &Filter) -> bool {
        self.shown.fetch_add(1, Ordering::Relaxed);
        let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
        let Some(reason) = filter.check(entry.path(), is_dir) else { return true };
        log::debug!("left out ({}): {}", reason.describe(), entry.path().display());
        *self.filtered.lock().expect("counting does not panic").entry(reason).or_default() += 1;
        false
    }

    fn report(&self, visitor: &dyn Visitor) {
        for (reason, count) in self.filtered.lock().expect("counting does not panic").drain() {
            visitor.left_out(reason, count, None);
        }
        let ignored =
            self.listed.load(Ordering::Relaxed).saturating_sub(self.shown.load(Ordering::Relaxed));
        if ignored > 0 {
            visitor.left_out(LeftOut::Ignored, ignored, None);
        }
    }
}

#[derive(Clone, Copy)]
struct Walk<'s> {
    options: &'s Options,
    visitor: &'s dyn Visitor,
    tally: &'s Tally,
    scopes: &'s Scopes,
}

impl<'s> ParallelVisitorBuilder<'s> for Walk<'s> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 's> {
        Box::new(Thread { walk: *self, worker: self.visitor.worker() })
    }
}

struct Thread<'s> {
    walk: Walk<'s>,
    worker: Box<dyn Worker + 's>,
}

impl ParallelVisitor for Thread<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.walk.visitor.is_cancelled() {
            return WalkState::Quit;
        }
        match entry {
            Ok(entry) => self.entry(&entry),
            Err(error) => self.walk.visitor.problem(walk_problem(&error)),
        }
        WalkState::Continue
    }
}

impl Thread<'_> {
    fn entry(&mut self, entry: &DirEntry) {
        if let Some(error) = entry.error() {
            log::warn!("an ignore file is not used whole: {error}");
        }
        let path = entry.path();
        let given = entry.depth() == 0;
        match entry.file_type() {
            Some(kind) if kind.is_dir() => self.list(path),
            Some(kind) if kind.is_file() || given => {
                if given && path.is_dir() {
                    return self.list(path);
                }
                self.file(path);
            }
            Some(kind) if kind.is_symlink() => {
                self.walk.visitor.left_out(LeftOut::SymbolicLink, 1, Some(path))
            }
            _ => self.walk.visitor.left_out(LeftOut::SpecialFile, 1, Some(path)),
        }
    }

    fn list(&self, directory: &Path) {
        if !self.walk.options.ignore_files {
            return;
        }
        // A directory that cannot be listed is reported by the walker itself.
        let entries = std::fs::read_dir(directory).map_or(0, Iterator::count);
        self.walk.tally.listed.fetch_add(entries as u64, Ordering::Relaxed);
    }

    fn file(&mut self, path: &Path) {
        if let Err(error) = self.read(path) {
            self.walk.visitor.problem(io_problem(path, &error));
        }
    }

    fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let before = file.metadata()?;
        if let Some(limit) = self.walk.options.max_file_size
            && before.len() > limit
        {
            let message =
                format!("{} bytes, more than the limit of {limit}: not scanned", before.len());
            self.walk.visitor.problem(Problem {
                path: Some(shown(path)),
                kind: ProblemKind::OverLimit,
                message,
            });
            return Ok(());
        }
        let origin = Origin::File { path: shown(path), scope: self.walk.scopes.scope(path) };
        let read = self.worker.visit(Blob { origin, content: Content::Stream(&mut file) });
        if became_shorter(&before, read, &file)? {
            let message = format!(
                "it became shorter while it was read: {read} of {} bytes scanned",
                before.len()
            );
            self.walk.visitor.problem(Problem {
                path: Some(shown(path)),
                kind: ProblemKind::Changed,
                message,
            });
        }
        Ok(())
    }
}

/// Whether a file lost bytes while it was read. Files of `/sys` state a size that they do not have; they state it
/// still, after reading.
fn became_shorter(before: &Metadata, read: u64, file: &File) -> io::Result<bool> {
    Ok(read < before.len() && file.metadata()?.len() < before.len())
}

/// The path as a report shows it.
fn shown(path: &Path) -> PathBuf {
    let mut components = path.components();
    match components.next() {
        Some(Component::CurDir) if components.as_path() != Path::new("") => {
            components.as_path().to_path_buf()
        }
        _ => path.to_path_buf(),
    }
}

fn io_problem(path: &Path, error: &io::Error) -> Problem {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ProblemKind::Missing,
        _ => ProblemKind::Unreadable,
    };
    Problem { path: Some(shown(path)), kind, message: error.to_string() }
}

fn walk_problem(error: &ignore::Error) -> Problem {
    fn path_of(error: &ignore::Error) -> Option<&Path> {
        match error {
            ignore::Error::WithPath { path, .. } => Some(path),
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
                path_of(err)
            }
            ignore::Error::Loop { child, .. } => Some(child),
            ignore::Error::Partial(errors) => errors.first().and_then(path_of),
            _ => None,
        }
    }
    let missing = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    let message = match error.io_error() {
        Some(error) => error.to_string(),
        None => error.to_string(),
    };
    Problem {
        path: path_of(error).map(shown),
        kind: if missing { ProblemKind::Missing } else { ProblemKind::Unreadable },
        message,
    }
}

/// Where fingerprints see each of the given paths: from the root of its repository, or from itself.
struct Scopes {
    /// The path as given, and what stands for it; longest first.
    roots: Vec<(PathBuf, PathBuf)>,
}

impl Scopes {
    fn new<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        let mut roots: Vec<(PathBuf, PathBuf)> =
            paths.map(|path| (path.to_path_buf(), Self::of_root(path))).collect();
        roots.sort_by_key(|(given, _)| std::cmp::Reverse(given.as_os_str().len()));
        Self { roots }
    }

    fn of_root(given: &Path) -> PathBuf {
        let Ok(absolute) = given.canonicalize() else { return given.to_path_buf() };
        let repository = absolute.ancestors().find(|ancestor| ancestor.join(".git").exists());
        let base = match repository {
            Some(root) => root,
            None if absolute.is_dir() => &absolute,
            None => absolute.parent().unwrap_or(&absolute),
        };
        absolute.strip_prefix(base).unwrap_or(&absolute).to_path_buf()
    }

    fn scope(&self, path: &Path) -> PathBuf {
        self.roots
            .iter()
            .find_map(|(given, scope)| {
                let below = path.strip_prefix(given).ok()?;
                Some(if below.as_os_str().is_empty() { scope.clone() } else { scope.join(below) })
            })
            .unwrap_or_else(|| path.to_path_buf())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_paths_lose_a_leading_dot() {
        assert_eq!(shown(Path::new("./a/b")), Path::new("a/b"));
        assert_eq!(shown(Path::new("a/./b")), Path::new("a/./b"));
        assert_eq!(shown(Path::new(".")), Path::new("."));
        assert_eq!(shown(Path::new("../a")), Path::new("../a"));
    }

    #[test]
    fn scopes_do_not_depend_on_how_the_root_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("repo/.git")).unwrap();
        std::fs::create_dir_all(root.join("repo/sub")).unwrap();
        std::fs::write(root.join("repo/sub/file"), "").unwrap();
        let scope = |given: &str| {
            let given = root.join(given);
            let file = if given.is_dir() { given.join("file") } else { given.clone() };
            Scopes::new([given.as_path()].into_iter()).scope(&file)
        };
        assert_eq!(scope("repo/sub"), Path::new("sub/file"));
        assert_eq!(scope("repo/sub/file"), Path::new("sub/file"));
        assert_eq!(scope("repo/../repo/sub"), Path::new("sub/file"));
    }
}
