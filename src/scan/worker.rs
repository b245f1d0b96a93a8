//! One thread's share of a scan: blob after blob, none of which may take the run with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::silence::{self, Comments};
use super::windows::{Progress, Windows};
use super::{Scan, windows};
use crate::detect::MAX_LONE_RUNS;
use crate::model::blob::{AddedLines, Blob, Content, Lines, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Confidence, Finding};
use crate::sources::{Visitor, Worker};
use crate::suppress::marks::{MAX_MARKS, Marks};

/// One thread's share, added to the ledger when the thread is done.
pub(super) struct Thread<'s> {
    scan: &'s Scan<'s>,
    windows: Windows<'s>,
    files: u64,
    bytes: u64,
}

impl<'s> Thread<'s> {
    pub(super) fn new(scan: &'s Scan<'s>) -> Self {
        let everywhere = scan.settings.suppress.report_unused;
        let comments = scan.comments.map(|search| windows::Comments { search, everywhere });
        Self { scan, windows: Windows::new(scan.core, comments), files: 0, bytes: 0 }
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
        self.watch(&origin, &content, &lines);
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
            Ok((detected, marks)) => {
                for message in detected.shortcomings {
                    self.scan.problem(problem(ProblemKind::OverLimit, message));
                }
                self.account_for_lone_runs(&origin, detected.low_left_out);
                if detected.depends_on_path
                    && let Some(sink) = self.scan.sink
                {
                    sink.depends_on_path(&origin);
                }
                if !detected.findings.is_empty() || !marks.marks.is_empty() {
                    self.conclude(&origin, detected.findings, &lines, &marks);
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

    /// Remembers what the scanned change adds to a file of suppressions that is in use.
    fn watch(&self, origin: &Origin, content: &Content<'_>, lines: &Lines<'_>) {
        let watched = &self.scan.settings.watched;
        if let (Content::Bytes(bytes), Lines::Added(added)) = (content, lines)
            && watched.iter().any(|watched| watched.scope == origin.scope())
        {
            let lines = silence::added_lines(bytes, &added());
            self.scan.with_ledger(|ledger| {
                ledger.added.entry(origin.scope().to_owned()).or_default().extend(lines);
            });
        }
    }

    /// Passes on a blob's findings, each with the comment that silences it if there is one.
    fn conclude(
        &self,
        origin: &Origin,
        mut findings: Vec<Finding>,
        lines: &Lines<'_>,
        marks: &Marks,
    ) {
        let added = match lines {
            Lines::Added(added) if !findings.is_empty() => Some(added()),
            _ => None,
        };
        if let Some(added) = &added {
            keep_those_on(added, &mut findings);
        }
        let report_unused = self.scan.settings.suppress.report_unused;
        if findings.is_empty() && !report_unused {
            return;
        }
        if marks.more {
            let message = format!("more than {MAX_MARKS} comments that silence: the rest do not");
            let path = Some(origin.path().to_path_buf());
            self.scan.problem(Problem { path, kind: ProblemKind::OverLimit, message });
        }
        let mut comments = Comments::read(marks, origin, self.scan.detector.rules());
        let own_additions = self.scan.settings.suppress.own_additions;
        let judged = findings
            .into_iter()
            .map(|finding| comments.judge(finding, added.as_ref(), own_additions));
        self.scan.keep(judged.collect());
        self.scan.with_ledger(|ledger| {
            ledger.coverage.warnings.append(&mut comments.warnings);
            if report_unused {
                ledger.unused.extend(comments.unused(origin));
            }
        });
    }
}

/// Drops the findings of which no part stands on one of the lines.
fn keep_those_on(added: &AddedLines, findings: &mut Vec<Finding>) {
    findings.retain(|finding| {
        finding.parts.iter().any(|part| added.touch(part.start.line, part.end.line))
    });
}
