//! One thread's share of a scan: blob after blob, none of which may take the run with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Scan;
use super::windows::{Progress, Windows};
use crate::detect::MAX_LONE_RUNS;
use crate::model::blob::{Blob, Lines, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Confidence, Finding};
use crate::sources::{Visitor, Worker};

/// One thread's share, added to the ledger when the thread is done.
pub(super) struct Thread<'s> {
    scan: &'s Scan<'s>,
    windows: Windows,
    files: u64,
    bytes: u64,
}

impl<'s> Thread<'s> {
    pub(super) fn new(scan: &'s Scan<'s>) -> Self {
        Self { scan, windows: Windows::new(scan.core), files: 0, bytes: 0 }
    }
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
        let scan = self.scan;
        let stop = || scan.is_cancelled();
        let detected = catch_unwind(AssertUnwindSafe(|| {
            self.windows.detect(scan.detector, &origin, content, &stop, &mut read)
        }));
        // What could not even be opened was not scanned, and a message is no file.
        let is_file =
            !matches!(origin, Origin::Message { .. } | Origin::Object { is_message: true, .. });
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
                if detected.depends_on_path
                    && let Some(sink) = self.scan.sink
                {
                    sink.depends_on_path(&origin);
                }
                if !detected.findings.is_empty() {
                    self.scan.keep(that_matter(detected.findings, &lines));
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

impl Thread<'_> {
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
