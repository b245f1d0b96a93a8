//! The pipeline: inputs → blobs → findings, on all threads, with counters and one final sort.
//!
//! This is the one place that knows all stages: it turns settings into each stage's own options, and counts. Each
//! thread's share is in `worker`, and how a blob goes through the detector in `windows`.

mod adjust;
mod clean;
mod digests;
mod history;
mod layouts;
mod member_names;
mod members;
pub mod places;
pub mod silence;
mod suspects;
mod windows;
mod worker;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use self::adjust::adjust;
use self::clean::Clean;
use self::history::Sink;
use self::silence::{AddedEntries, Judged};
use self::windows::CORE;
use self::worker::Thread;
use crate::config::settings::Settings;
use crate::detect::Detector;
use crate::model::coverage::{Coverage, LeftOut, Problem, ProblemKind};
use crate::model::finding::{Class, Finding};
use crate::model::silenced::{Silenced, Unused};
use crate::sources::filter::{Filter, FilterError};
use crate::sources::git::history::{History, Narrowing};
use crate::sources::git::revisions::Revisions;
use crate::sources::git::{self, GitError, changed, range, staged};
use crate::sources::{Visitor, Worker, stdin, walk};
use crate::suppress::marks::Search;

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
    /// Every object of a repository, whatever hangs on it.
    History {
        /// A path in the repository, or else it is that of the current directory.
        repository: Option<PathBuf>,
        /// Which part of it is meant.
        narrowing: Narrowing,
    },
}

/// How far a scan of a history is, for whoever watches it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// The number of objects that there are; 0 as long as it is not known.
    pub objects: AtomicU64,
    /// The number of blobs and messages scanned so far.
    pub read: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// The number of findings so far, copies in several objects counted each.
    pub suspects: AtomicU64,
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
    /// Findings that someone has said are known and accepted, in the same order.
    pub silenced: Vec<Silenced>,
    /// What silenced nothing, if that was asked for, sorted by place.
    pub unused: Vec<Unused>,
    /// What was scanned and what was not.
    pub coverage: Coverage,
    /// What the scanned change adds to files of suppressions.
    added: AddedEntries,
    /// The commits of a range, numbered from the oldest.
    commits: HashMap<String, usize>,
    /// The repository whose history was scanned, if it is not that of the current directory.
    repository: Option<PathBuf>,
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

/// [`run`], telling `progress` how far it is.
pub fn run_watched(
    inputs: &[Input],
    settings: &Settings,
    detector: &Detector,
    interrupted: &AtomicBool,
    progress: &Progress,
) -> Result<Outcome, ScanError> {
    run_with(inputs, Scan::new(detector, settings, interrupted, CORE, progress))
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
    let progress = &Progress::default();
    run_with(inputs, Scan::new(detector, settings, interrupted, core, progress))
}

fn run_with(inputs: &[Input], scan: Scan<'_>) -> Result<Outcome, ScanError> {
    if inputs.is_empty() {
        return Err(ScanError::NoInput);
    }
    let Scan { settings, interrupted, .. } = scan;
    let excludes =
        settings.exclude.iter().map(|exclude| (exclude.glob.as_str(), exclude.base.as_path()));
    let filter = Arc::new(Filter::new(excludes, settings.hidden)?);
    let started = Instant::now();
    let comments = Search::new(settings.suppress.inline, settings.suppress.foreign);
    // Of what silenced nothing every comment is told, in archives, too.
    let clean = (!settings.suppress.report_unused).then(Clean::default);
    let scan = Scan { comments: comments.as_ref(), clean: clean.as_ref(), ..scan };
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
            Input::History { repository, narrowing } => {
                let threads = settings.threads;
                let history = History::open(repository.as_deref(), threads, narrowing)?;
                let first = history::push(&history, &filter, &scan);
                history.close();
                commits.extend(first.into_iter().zip(commits.len()..));
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
        walk::push(&paths, &options, Arc::clone(&filter), &scan);
    }
    let mut ledger = scan.into_ledger();
    let tree = layouts::Tree { paths: &paths, filter: &filter, settings, interrupted };
    ledger.label_hidden(&tree);
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
    ledger.coverage.gaps.sort();
    ledger.coverage.gaps.dedup();
    ledger.findings.sort_by(|one, other| place(one, &commits).cmp(&place(other, &commits)));
    // Paths that were given twice, or one within another, are scanned twice.
    ledger.findings.dedup();
    ledger
        .silenced
        .sort_by(|one, other| place(&one.finding, &commits).cmp(&place(&other.finding, &commits)));
    ledger.silenced.dedup();
    ledger.unused.sort_by(|one, other| {
        (&one.entry.path, one.entry.line).cmp(&(&other.entry.path, other.entry.line))
    });
    ledger.unused.dedup();
    ledger.coverage.warnings.sort();
    ledger.coverage.warnings.dedup();
    let Ledger { findings, silenced, unused, added, coverage } = ledger;
    let repository = inputs.iter().find_map(|input| match input {
        Input::History { repository, .. } => repository.clone(),
        _ => None,
    });
    Ok(Outcome { findings, silenced, unused, coverage, added, commits, repository })
}

/// The order of findings in every report. `commits` are numbered from the oldest; what stands in none of them comes last.
fn place<'a>(finding: &'a Finding, commits: &HashMap<String, usize>) -> impl Ord + use<'a> {
    let commit = finding.origin.commit().and_then(|commit| commits.get(&commit.id).copied());
    (
        commit.unwrap_or(usize::MAX),
        finding.origin.path(),
        finding.primary().span,
        &finding.rule,
        finding.fingerprint,
    )
}

/// What all threads add to.
#[derive(Default)]
struct Ledger {
    findings: Vec<Finding>,
    silenced: Vec<Silenced>,
    unused: Vec<Unused>,
    added: AddedEntries,
    coverage: Coverage,
}

impl Ledger {
    /// Counts a finding that is not of the class and confidence that was asked for.
    fn count_unlisted(&mut self, finding: &Finding) {
        match finding.class {
            Class::Example => self.coverage.examples += 1,
            Class::Leak => self.coverage.below_confidence += 1,
        }
    }

    /// Says of findings in images that lie in the tree as directories what comes of the file by a later layer.
    fn label_hidden(&mut self, tree: &layouts::Tree<'_>) {
        let silenced = self.silenced.iter_mut().map(|silenced| &mut silenced.finding);
        let failed = layouts::label_hidden(self.findings.iter_mut().chain(silenced), tree);
        self.coverage.problems.extend(failed);
    }
}

struct Scan<'s> {
    detector: &'s Detector,
    settings: &'s Settings,
    interrupted: &'s AtomicBool,
    core: usize,
    /// What comments are found by.
    comments: Option<&'s Search>,
    /// Archives that need not be unpacked again.
    clean: Option<&'s Clean>,
    progress: &'s Progress,
    ledger: Mutex<Ledger>,
    /// What takes findings in place of the ledger.
    sink: Option<&'s dyn Sink>,
}

impl<'s> Scan<'s> {
    fn new(
        detector: &'s Detector,
        settings: &'s Settings,
        interrupted: &'s AtomicBool,
        core: usize,
        progress: &'s Progress,
    ) -> Self {
        let ledger = Mutex::default();
        let (comments, clean, sink) = (None, None, None);
        Self { detector, settings, interrupted, core, comments, clean, progress, ledger, sink }
    }

    /// A scan of the same kind with a ledger of its own, whose findings another one takes.
    fn with_sink<'t>(&self, sink: &'t dyn Sink) -> Scan<'t>
    where
        's: 't,
    {
        let ledger = Mutex::default();
        Scan { ledger, sink: Some(sink), ..*self }
    }

    fn into_ledger(self) -> Ledger {
        self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was asked for, silenced findings apart, and counts the rest.
    fn keep(&self, findings: Vec<Judged>) {
        // There are none in nearly all files, for which threads need not wait for each other.
        if findings.is_empty() {
            return;
        }
        if let Some(sink) = self.sink {
            return sink.keep(findings);
        }
        let settings = self.settings;
        self.with_ledger(|ledger| {
            for Judged { mut finding, silenced_by } in findings {
                if !adjust(&mut finding, settings) {
                    ledger.coverage.disabled += 1;
                } else if !self.is_listed(&finding) {
                    ledger.count_unlisted(&finding);
                } else if let Some(by) = silenced_by {
                    ledger.silenced.push(Silenced { finding, by });
                } else {
                    ledger.findings.push(finding);
                }
            }
        });
    }

    /// Whether a finding is of the class and confidence that was asked for; others are only counted.
    fn is_listed(&self, finding: &Finding) -> bool {
        match finding.class {
            Class::Example => self.settings.include_examples,
            Class::Leak => finding.confidence >= self.settings.min_confidence,
        }
    }

    /// Adds what a part of the scan covered.
    fn add(&self, coverage: Coverage) {
        self.with_ledger(|ledger| ledger.coverage.add(coverage));
    }

    fn with_ledger(&self, change: impl FnOnce(&mut Ledger)) {
        // A panic while the ledger is held is not possible short of running out of memory.
        change(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Visitor for Scan<'_> {
    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(Thread::new(self))
    }

    fn left_out(&self, reason: LeftOut, count: u64, path: Option<&Path>) {
        if let Some(path) = path {
            log::debug!("left out ({}): {}", reason.describe(), path.display());
        }
        self.with_ledger(|ledger| *ledger.coverage.left_out.entry(reason).or_default() += count);
    }

    fn problem(&self, problem: Problem) {
        let is_allowed = self.settings.allow_incomplete && problem.kind.lies_in_input();
        self.with_ledger(|Ledger { coverage, .. }| {
            let list = if is_allowed { &mut coverage.gaps } else { &mut coverage.problems };
            list.push(problem);
        });
    }

    fn is_cancelled(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
