//! The pipeline: inputs → blobs → findings, on all threads, with counters and one final sort.
//!
//! This is the one place that knows all stages; it turns settings into each stage's own options, reads streams window
//! by window, keeps a failing blob from taking the run with it, and counts.

use std::any::Any;
use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::config::settings::Settings;
use crate::decode::text::{self, Encoding, View};
use crate::detect::{BlobScan, Detected, Detector, MARGIN_AFTER, MARGIN_BEFORE, MAX_LONE_RUNS};
use crate::model::blob::{Blob, Content, Lines, Origin};
use crate::model::coverage::{Coverage, LeftOut, Problem, ProblemKind};
use crate::model::finding::{Class, Confidence, Finding};
use crate::sources::filter::{Filter, FilterError};
use crate::sources::git::revisions::Revisions;
use crate::sources::git::{self, GitError, changed, range, staged};
use crate::sources::{Visitor, Worker, stdin, walk};

/// One thing that a user asked to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file or a directory.
    Path(PathBuf),
    /// Standard input, reported under this name.
    Stdin {
        /// The name.
        name: PathBuf,
    },
    /// What is staged in the repository of the current directory.
    Staged {
        /// Whether findings anywhere in a changed file matter, or only those on added lines.
        whole_files: bool,
    },
    /// What commits of the repository of the current directory add, each compared with its parents.
    Range {
        /// Which commits.
        revisions: Revisions,
        /// Whether findings anywhere in a changed file matter, or only those on added lines.
        whole_files: bool,
    },
}

/// A scan that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// An exclude pattern is no glob.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A repository cannot be used as asked for.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is nothing to scan.
    #[error("no input: nothing was given to scan")]
    NoInput,
}

/// What a scan found and what it covered.
#[derive(Debug)]
pub struct Outcome {
    /// Findings at or above the confidence asked for, sorted by path, place and rule; those of commits by
    /// commit first, the oldest before the others.
    pub findings: Vec<Finding>,
    /// What was scanned and what was not.
    pub coverage: Coverage,
}

/// Scans `inputs`. Setting `interrupted` from outside ends the scan early; what was found until then is kept and the
/// coverage says that the run is not whole.
pub fn run(
    inputs: &[Input],
    settings: &Settings,
    detector: &Detector,
    interrupted: &AtomicBool,
) -> Result<Outcome, ScanError> {
    run_in_windows(inputs, settings, detector, interrupted, CORE)
}

/// [`run`] with windows of another size, in bytes: findings do not depend on it, and a test holds that.
#[doc(hidden)]
pub fn run_in_windows(
    inputs: &[Input],
    settings: &Settings,
    detector: &Detector,
    interrupted: &AtomicBool,
    core: usize,
) -> Result<Outcome, ScanError> {
    if inputs.is_empty() {
        return Err(ScanError::NoInput);
    }
    let excludes =
        settings.exclude.iter().map(|exclude| (exclude.glob.as_str(), exclude.base.as_path()));
    let filter = Filter::new(excludes, settings.hidden)?;
    let started = Instant::now();
    let scan = Scan { detector, settings, interrupted, core, ledger: Mutex::default() };
    let mut paths = Vec::new();
    let mut commits = HashMap::new();
    let changes =
        |whole_files| changed::Options { whole_files, max_file_size: settings.max_file_size };
    for input in inputs {
        match input {
            Input::Path(path) => paths.push(path.clone()),
            Input::Stdin { name } => stdin::push(name, settings.max_file_size, &scan),
            Input::Staged { whole_files } => {
                staged::push(&git::open()?, &changes(*whole_files), &filter, &scan)?;
            }
            Input::Range { revisions, whole_files } => {
                let options = changes(*whole_files);
                let pushed = range::push(&git::open()?, revisions, &options, &filter, &scan)?;
                commits.extend(pushed.into_iter().zip(commits.len()..));
            }
        }
    }
    let options = walk::Options {
        threads: settings.threads,
        ignore_files: settings.ignore_files,
        follow: settings.follow,
        max_file_size: settings.max_file_size,
    };
    if !paths.is_empty() {
        walk::push(&paths, &options, filter, &scan);
    }
    let mut ledger = scan.ledger.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if interrupted.load(Ordering::Relaxed) {
        let message = "interrupted: what was not reached was not scanned".to_owned();
        ledger.coverage.problems.push(Problem {
            path: None,
            kind: ProblemKind::Interrupted,
            message,
        });
    }
    ledger.coverage.elapsed = started.elapsed();
    ledger.coverage.problems.sort();
    ledger.coverage.problems.dedup();
    ledger.findings.sort_by(|one, other| place(one, &commits).cmp(&place(other, &commits)));
    // Paths that were given twice, or one within another, are scanned twice.
    ledger.findings.dedup();
    Ok(Outcome { findings: ledger.findings, coverage: ledger.coverage })
}

/// The order of findings in every report. `commits` are those of a range, numbered from the oldest.
fn place<'a>(finding: &'a Finding, commits: &HashMap<String, usize>) -> impl Ord + use<'a> {
    let commit = finding.origin.commit().and_then(|commit| commits.get(&commit.id).copied());
    (commit, finding.origin.path(), finding.primary().span, &finding.rule, finding.fingerprint)
}

/// What all threads add to.
#[derive(Default)]
struct Ledger {
    findings: Vec<Finding>,
    coverage: Coverage,
}

struct Scan<'s> {
    detector: &'s Detector,
    settings: &'s Settings,
    interrupted: &'s AtomicBool,
    core: usize,
    ledger: Mutex<Ledger>,
}

impl Scan<'_> {
    fn with_ledger(&self, change: impl FnOnce(&mut Ledger)) {
        // A panic while the ledger is held is not possible short of running out of memory.
        change(&mut self.ledger.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Visitor for Scan<'_> {
    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(Thread { scan: self, buffer: Vec::new(), files: 0, bytes: 0 })
    }

    fn left_out(&self, reason: LeftOut, count: u64, path: Option<&Path>) {
        if let Some(path) = path {
            log::debug!("left out ({}): {}", reason.describe(), path.display());
        }
        self.with_ledger(|ledger| *ledger.coverage.left_out.entry(reason).or_default() += count);
    }

    fn problem(&self, problem: Problem) {
        self.with_ledger(|ledger| ledger.coverage.problems.push(problem));
    }

    fn is_cancelled(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// Bytes of a window's core. Large enough that margins cost little, small enough that two threads' buffers stay far
/// below the memory bound.
const CORE: usize = 4 << 20;

/// Margins in bytes of the blob: UTF-16 takes two for one of text.
const BEFORE: usize = 2 * MARGIN_BEFORE;
const AFTER: usize = 2 * MARGIN_AFTER;

/// The first piece read of a stream; most files end within it.
const FIRST_READ: usize = 64 << 10;

/// One thread's share, added to the ledger when the thread is done.
struct Thread<'s> {
    scan: &'s Scan<'s>,
    buffer: Vec<u8>,
    files: u64,
    bytes: u64,
}

impl Drop for Thread<'_> {
    fn drop(&mut self) {
        let (files, bytes) = (self.files, self.bytes);
        self.scan.with_ledger(|ledger| {
            ledger.coverage.files += files;
            ledger.coverage.bytes += bytes;
        });
    }
}

impl Worker for Thread<'_> {
    fn visit(&mut self, blob: Blob<'_>) -> u64 {
        let Blob { origin, content, lines } = blob;
        let mut read = Progress::default();
        let detected = catch_unwind(AssertUnwindSafe(|| self.detect(&origin, content, &mut read)));
        // What could not even be opened was not scanned, and a message is no file.
        let is_file = !matches!(origin, Origin::Message { .. });
        self.files += u64::from(is_file && (read.bytes > 0 || read.failed.is_none()));
        self.bytes += read.bytes;
        let problem =
            |kind, message| Problem { path: Some(origin.path().to_path_buf()), kind, message };
        if let Some(error) = read.failed {
            let message = match read.bytes {
                0 => error.to_string(),
                bytes => format!("{error}, after {bytes} bytes"),
            };
            self.scan.problem(problem(ProblemKind::Unreadable, message));
        }
        match detected {
            Ok(detected) => {
                for message in detected.shortcomings {
                    self.scan.problem(problem(ProblemKind::OverLimit, message));
                }
                self.account_for_lone_runs(&origin, detected.low_left_out);
                if !detected.findings.is_empty() {
                    self.keep(that_matter(detected.findings, &lines));
                }
            }
            Err(panic) => {
                forget(panic);
                let message = "keylint failed on this file; please report it as a bug".to_owned();
                self.scan.problem(problem(ProblemKind::Internal, message));
            }
        }
        read.bytes
    }
}

/// A panic's payload may quote scanned text, so nobody gets to see it.
fn forget(panic: Box<dyn Any + Send>) {
    drop(panic);
}

/// How far a blob was read.
#[derive(Default)]
struct Progress {
    bytes: u64,
    failed: Option<io::Error>,
}

impl Thread<'_> {
    fn detect(
        &mut self,
        origin: &Origin,
        content: Content<'_>,
        progress: &mut Progress,
    ) -> Detected {
        let mut scan = BlobScan::new(self.scan.detector, origin);
        match content {
            Content::Bytes(bytes) => {
                progress.bytes = bytes.len() as u64;
                let (encoding, mark) = text::sniff(bytes);
                window(
                    &mut scan,
                    &bytes[mark..],
                    mark as u64,
                    encoding,
                    0..bytes.len() - mark,
                    true,
                );
            }
            Content::Stream(stream) => self.stream(&mut scan, stream, progress),
        }
        scan.finish()
    }

    /// Reads a stream to its end through one buffer: margin, core, margin; then the core's end and what follows move to
    /// the front.
    fn stream(&mut self, scan: &mut BlobScan<'_>, stream: &mut dyn Read, progress: &mut Progress) {
        let size = BEFORE + self.scan.core + AFTER;
        let mut encoding = Encoding::Bytes;
        let (mut filled, mut base, mut core_start, mut start) = (0, 0, 0, 0);
        loop {
            let ended = self.fill(stream, &mut filled, size, progress);
            let buffer = &self.buffer[..filled];
            if base == 0 && core_start == 0 {
                (encoding, start) = text::sniff(buffer);
                core_start = start;
            }
            let core_end =
                if ended { filled } else { text::boundary(buffer, filled - AFTER, encoding) };
            let core = core_start - start..core_end - start;
            window(scan, &buffer[start..], base + start as u64, encoding, core, ended);
            if ended || self.scan.is_cancelled() {
                return;
            }
            let kept = text::boundary(buffer, core_end.saturating_sub(BEFORE), encoding);
            self.buffer.copy_within(kept..filled, 0);
            (filled, base, core_start, start) =
                (filled - kept, base + kept as u64, core_end - kept, 0);
        }
    }

    /// Fills the buffer up to `size` bytes; `true` when the stream has ended there, well or not.
    fn fill(
        &mut self,
        stream: &mut dyn Read,
        filled: &mut usize,
        size: usize,
        progress: &mut Progress,
    ) -> bool {
        loop {
            if *filled == self.buffer.len() {
                if *filled >= size {
                    return false;
                }
                // Most files are small: threads that never meet a large one keep a small buffer.
                self.buffer.resize(if *filled < FIRST_READ { FIRST_READ } else { size }, 0);
            }
            let room = self.buffer.len().min(size);
            match stream.read(&mut self.buffer[*filled..room]) {
                Ok(0) => return true,
                Ok(read) => {
                    *filled += read;
                    progress.bytes += read as u64;
                    if *filled == size {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    progress.failed = Some(error);
                    return true;
                }
            }
        }
    }

    /// Runs without context that were more than are kept of a blob: named where they were asked for, and counted with
    /// the other findings of low confidence where not.
    fn account_for_lone_runs(&self, origin: &Origin, more: u64) {
        if more == 0 {
            return;
        }
        if self.scan.settings.min_confidence > Confidence::Low {
            return self.scan.with_ledger(|ledger| ledger.coverage.below_confidence += more);
        }
        let message = format!(
            "more than {MAX_LONE_RUNS} 40-character runs without context: {more} are not listed"
        );
        let path = Some(origin.path().to_path_buf());
        self.scan.problem(Problem { path, kind: ProblemKind::OverLimit, message });
    }

    /// Keeps what was asked for and counts the rest.
    fn keep(&self, findings: Vec<Finding>) {
        let settings = self.scan.settings;
        self.scan.with_ledger(|ledger| {
            for finding in findings {
                if finding.class == Class::Example && !settings.include_examples {
                    ledger.coverage.examples += 1;
                } else if finding.class == Class::Leak
                    && finding.confidence < settings.min_confidence
                {
                    ledger.coverage.below_confidence += 1;
                } else {
                    ledger.findings.push(finding);
                }
            }
        });
    }
}

/// The findings of which a part stands on a line that matters.
fn that_matter(mut findings: Vec<Finding>, lines: &Lines<'_>) -> Vec<Finding> {
    if let Lines::Added(added) = lines {
        let added = added();
        findings.retain(|finding| {
            finding.parts.iter().any(|part| added.touch(part.start.line, part.end.line))
        });
    }
    findings
}

/// Hands one window to the detector; `core` is a range of `bytes`.
fn window(
    scan: &mut BlobScan<'_>,
    bytes: &[u8],
    base: u64,
    encoding: Encoding,
    core: Range<usize>,
    last: bool,
) {
    let view = View::new(bytes, base, encoding);
    let core = view.text_range(core);
    scan.window(&view, core, last);
}
