//! The parallel directory walk: every file below the paths that were asked for, read inside the walker's threads.

use std::collections::HashMap;
use std::fs::{File, FileType};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use super::filter::Filter;
use super::patient::Patient;
use super::roots::Roots;
use super::{Visitor, Worker, over_limit};
use crate::model::blob::{Blob, Brings, Content, Lines, Origin};
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
pub fn push(paths: &[PathBuf], options: &Options, filter: Arc<Filter>, visitor: &dyn Visitor) {
    let existing: Vec<&PathBuf> = paths.iter().filter(|path| exists(path, visitor)).collect();
    let Some((first, rest)) = existing.split_first() else { return };
    let mut builder = WalkBuilder::new(first);
    for path in rest {
        builder.add(path);
    }
    let roots = Arc::new(Roots::new(existing.iter().map(|path| path.as_path())));
    let tally = Arc::new(Tally::default());
    let (left_out, seen_from) = (tally.clone(), roots.clone());
    builder
        .standard_filters(options.ignore_files)
        .hidden(false)
        .follow_links(options.follow)
        .threads(if is_small(&existing) { 1 } else { options.threads })
        .filter_entry(move |entry| left_out.admit(entry, &filter, &seen_from));
    let mut walk = Walk { options, visitor, tally: &tally, roots: &roots };
    builder.build_parallel().visit(&mut walk);
    tally.report(visitor);
}

/// Entries, and bytes, that one thread reads sooner than others are started, and at the end waited for: the walker's
/// threads sleep for a millisecond at a time when they have nothing to do.
const SMALL: (usize, u64) = (16, 4 << 20);

/// Whether `paths` are a few small files, or directories that hold a few small files and nothing else.
fn is_small(paths: &[&PathBuf]) -> bool {
    let (mut entries, mut bytes) = (0, 0);
    let mut add = |metadata: std::io::Result<std::fs::Metadata>, is_root: bool| {
        entries += 1;
        let Ok(metadata) = metadata else { return true };
        bytes += if metadata.is_file() { metadata.len() } else { 0 };
        (metadata.is_file() || (is_root && metadata.is_dir()))
            && entries <= SMALL.0
            && bytes <= SMALL.1
    };
    paths.iter().all(|path| {
        // What is no directory, or cannot be listed, holds no entries.
        let below = std::fs::read_dir(path).into_iter().flatten().flatten();
        add(std::fs::metadata(path), true)
            && below.take(SMALL.0 + 1).all(|entry| add(entry.metadata(), false))
    })
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
    fn admit(&self, entry: &DirEntry, filter: &Filter, roots: &Roots) -> bool {
        self.shown.fetch_add(1, Ordering::Relaxed);
        let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
        let Some(reason) = filter.check(entry.path(), is_dir, roots) else { return true };
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
        // A walk that was broken off has listed entries that it was never to see.
        if ignored > 0 && !visitor.is_cancelled() {
            visitor.left_out(LeftOut::Ignored, ignored, None);
        }
    }
}

#[derive(Clone, Copy)]
struct Walk<'s> {
    options: &'s Options,
    visitor: &'s dyn Visitor,
    tally: &'s Tally,
    roots: &'s Roots,
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
            Some(kind) if kind.is_dir() || (given && path.is_dir()) => self.list(path),
            Some(kind) if kind.is_file() || given => self.file(path, kind),
            Some(kind) if kind.is_symlink() => {
                self.walk.visitor.left_out(LeftOut::SymbolicLink, 1, Some(path));
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

    fn file(&mut self, path: &Path, kind: FileType) {
        // A link that was given is not a file by its own type; what it leads to is opened as what that is.
        let is_regular =
            kind.is_file() || std::fs::metadata(path).is_ok_and(|target| target.is_file());
        if !is_regular {
            self.stream(path);
        } else if let Err(error) = self.regular(path) {
            self.walk.visitor.problem(io_problem(path, &error));
        }
    }

    fn regular(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let before = file.metadata()?.len();
        if let Some(limit) = self.walk.options.max_file_size.filter(|limit| before > *limit) {
            self.walk.visitor.problem(over_limit(&shown(path), limit, 0));
            return Ok(());
        }
        // Reading up to the size at opening saves asking for more only to hear that there is none. Files of `/proc`
        // state no size and are read to their end.
        let read = match before {
            0 => self.visit(path, Content::Stream(&mut file)),
            size => self.visit(path, Content::Seekable(&mut UpTo { file: &mut file, at: 0, size })),
        };
        // Files of `/sys` state a size that they do not have; they state it still, after reading.
        if read < before && file.metadata()?.len() < before {
            let message =
                format!("it became shorter while it was read: {read} of {before} bytes scanned");
            self.walk.visitor.problem(Problem {
                path: Some(shown(path)),
                kind: ProblemKind::Changed,
                message,
            });
        }
        Ok(())
    }

    /// Reads a FIFO, a device or a socket that was given by name.
    fn stream(&mut self, path: &Path) {
        let (name, limit, visitor) =
            (path.to_path_buf(), self.walk.options.max_file_size, self.walk.visitor);
        let is_cancelled = || visitor.is_cancelled();
        let mut stream = Patient::new(move || File::open(name), limit, &is_cancelled);
        let scanned = self.visit(path, Content::Stream(&mut stream));
        if let Some(limit) = limit.filter(|_| stream.is_over_limit()) {
            self.walk.visitor.problem(over_limit(&shown(path), limit, scanned));
        }
    }

    fn visit(&mut self, path: &Path, content: Content<'_>) -> u64 {
        let origin = Origin::File { path: shown(path), scope: self.walk.roots.scope(path) };
        let (lines, brings) = (Lines::All, Brings::Nothing);
        self.worker.visit(Blob { origin, content, lines, brings, inherited: None })
    }
}

/// A file as far as its size at opening.
struct UpTo<'f> {
    file: &'f mut File,
    at: u64,
    size: u64,
}

impl Read for UpTo<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..room])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for UpTo<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::End(offset) => SeekFrom::Start(
                self.size.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?,
            ),
            other => other,
        };
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
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
    let message = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Problem {
        path: path_of(error).map(shown),
        kind: if missing { ProblemKind::Missing } else { ProblemKind::Unreadable },
        message,
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
}
