//! One thread's share of a scan: blob after blob, none of which may take the run with it.

use std::any::Any;
use std::io::{self, Read, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::members::{self, Place, Unpacking};
use super::windows::{Progress, Windows};
use super::{Ledger, Scan};
use crate::detect::{Detected, MAX_LONE_RUNS};
use crate::model::blob::{Blob, Content, Lines, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Class, Confidence, Finding};
use crate::sources::{Visitor, Worker};
use crate::unpack::{Budget, Format, Source};

/// One thread's share, added to the ledger when the thread is done.
pub(super) struct Thread<'s> {
    pub(super) scan: &'s Scan<'s>,
    pub(super) windows: Windows,
    files: u64,
    bytes: u64,
    pub(super) members: u64,
    pub(super) unpacked: u64,
}

impl<'s> Thread<'s> {
    pub(super) fn new(scan: &'s Scan<'s>) -> Self {
        let windows = Windows::new(scan.core);
        Self { scan, windows, files: 0, bytes: 0, members: 0, unpacked: 0 }
    }
}

impl Drop for Thread<'_> {
    fn drop(&mut self) {
        self.scan.with_ledger(|Ledger { coverage, .. }| {
            coverage.files += self.files;
            coverage.bytes += self.bytes;
            coverage.members += self.members;
            coverage.unpacked += self.unpacked;
        });
    }
}

impl Worker for Thread<'_> {
    fn visit(&mut self, blob: Blob<'_>) -> u64 {
        let Blob { origin, content, lines } = blob;
        // A message is no file, and what could not even be opened was not scanned.
        let is_file = !matches!(origin, Origin::Message { .. });
        let budget = Budget::new(members::limits(&self.scan.settings.archives));
        let mut all = Unpacking::new(&budget);
        let place = Place::outermost(origin);
        let read = self.look(&place, content, &mut all);
        self.say_unnamed(&place.origin, &all);
        self.files += u64::from(is_file && (read.bytes > 0 || read.failed.is_none()));
        self.bytes += read.bytes;
        if !all.findings.is_empty() {
            all.label_deleted();
            // Of an archive no lines can be told apart: all of it is what the change brings.
            let lines = if all.has_members { Lines::All } else { lines };
            self.keep(that_matter(all.findings, &lines));
        }
        read.bytes
    }
}

impl Thread<'_> {
    /// Scans a blob, and what is in it if it is an archive. Neither its errors nor a panic go further.
    pub(super) fn look(
        &mut self,
        place: &Place,
        content: Content<'_>,
        all: &mut Unpacking<'_>,
    ) -> Progress {
        let mut read = Progress::default();
        let searched = catch_unwind(AssertUnwindSafe(|| {
            if let Some(detected) = self.search(place, content, all, &mut read) {
                self.take(&place.origin, detected, all);
            }
        }));
        if let Some(error) = &read.failed {
            self.broke_off(&place.origin, error, read.bytes, all);
        }
        if let Err(panic) = searched {
            forget(panic);
            let message = "keylint failed on this file; please report it as a bug".to_owned();
            self.say(&place.origin, ProblemKind::Internal, message, all);
        }
        read
    }

    /// Searches a blob; what is in an archive is added to `all` by its members.
    fn search(
        &mut self,
        place: &Place,
        content: Content<'_>,
        all: &mut Unpacking<'_>,
        read: &mut Progress,
    ) -> Option<Detected> {
        let scan = self.scan;
        let (detector, origin) = (scan.detector, &place.origin);
        let stop = || scan.is_cancelled();
        match content {
            Content::Bytes(bytes) => {
                read.bytes = bytes.len() as u64;
                let Some(format) = self.container(place, bytes, all) else {
                    return Some(Windows::bytes(detector, origin, bytes));
                };
                self.unpack(format, place, Source::Bytes(bytes), all);
            }
            Content::Stream(stream) => {
                let Some((format, head)) = self.peek(place, stream, all, read) else {
                    return Some(self.windows.rest(detector, origin, 0, stream, &stop, read));
                };
                let mut whole = head.chain(Counted { stream, bytes: &mut read.bytes });
                self.unpack(format, place, Source::Stream(&mut whole), all);
            }
            Content::Seekable(file) => {
                let mut stream = &mut *file;
                let Some((format, _)) = self.peek(place, &mut stream, all, read) else {
                    return Some(self.windows.rest(detector, origin, 0, &mut stream, &stop, read));
                };
                match file.seek(SeekFrom::End(0)).and_then(|size| file.rewind().map(|()| size)) {
                    Ok(size) => read.bytes = size,
                    Err(error) => {
                        read.failed = Some(error);
                        return None;
                    }
                }
                self.unpack(format, place, Source::Seekable(file), all);
            }
        }
        None
    }

    /// Reads the first piece of a stream. If that begins a container: which, and the piece.
    fn peek(
        &mut self,
        place: &Place,
        stream: &mut dyn Read,
        all: &mut Unpacking<'_>,
        read: &mut Progress,
    ) -> Option<(Format, Vec<u8>)> {
        self.windows.first(stream, read);
        if read.failed.is_some() {
            return None;
        }
        let format = self.container(place, self.windows.at_hand(), all)?;
        Some((format, self.windows.at_hand().to_vec()))
    }

    /// Takes what was detected in the blob of `origin`.
    pub(super) fn take(&self, origin: &Origin, detected: Detected, all: &mut Unpacking<'_>) {
        for message in detected.shortcomings {
            self.say(origin, ProblemKind::OverLimit, message, all);
        }
        self.account_for_lone_runs(origin, detected.low_left_out);
        all.findings.extend(detected.findings);
    }
}

/// A stream whose bytes are counted.
struct Counted<'a> {
    stream: &'a mut dyn Read,
    bytes: &'a mut u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        *self.bytes += read as u64;
        Ok(read)
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
