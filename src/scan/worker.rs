//! One thread's share of a scan: blob after blob, none of which may take the run with it.

use std::any::Any;
use std::io::{self, Read, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::digests::Digests;
use super::members::{self, Place, Unpacking};
use super::silence::{self, Comments, Judged};
use super::windows::{Progress, Windows};
use super::{Ledger, Scan, windows};
use crate::detect::{Detected, MAX_CANDIDATES, MAX_LONE_RUNS};
use crate::model::blob::{AddedLines, Blob, Brings, Content, Lines, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Confidence, Finding, Part};
use crate::model::silenced::Unused;
use crate::sources::{Visitor, Worker};
use crate::suppress::marks::{MAX_MARKS, Marks};
use crate::unpack::{Budget, Format, Source};

/// One thread's share, added to the ledger when the thread is done.
pub(super) struct Thread<'s> {
    pub(super) scan: &'s Scan<'s>,
    pub(super) windows: Windows<'s>,
    pub(super) digests: Digests,
    files: u64,
    bytes: u64,
    pub(super) members: u64,
    pub(super) unpacked: u64,
}

impl<'s> Thread<'s> {
    pub(super) fn new(scan: &'s Scan<'s>) -> Self {
        let everywhere = scan.settings.suppress.report_unused;
        let comments = scan.comments.map(|search| windows::Comments { search, everywhere });
        let windows = Windows::new(scan.core, comments);
        let digests = Digests::default();
        Self { scan, windows, digests, files: 0, bytes: 0, members: 0, unpacked: 0 }
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
        let Blob { origin, content, lines, brings, inherited } = blob;
        self.watch(&origin, &content, &brings);
        // A message is no file, and what could not even be opened was not scanned.
        let is_file =
            !matches!(origin, Origin::Message { .. } | Origin::Object { is_message: true, .. });
        let used = self.scan.sink.map(|sink| sink.unpacking_took(&origin)).unwrap_or_default();
        let budget = Budget::after(members::limits(&self.scan.settings.archives), used);
        let mut all = Unpacking::new(&budget, lines, brings);
        all.inherited = inherited;
        let place = Place::outermost(origin);
        let read = self.look(&place, content, &mut all);
        self.say_unnamed(&place.origin, &all);
        if let Some(sink) = self.scan.sink.filter(|_| all.has_members) {
            sink.unpacked(&place.origin, budget.elapsed());
        }
        self.files += u64::from(is_file && (read.bytes > 0 || read.failed.is_none()));
        self.bytes += read.bytes;
        all.label_hidden(&|| self.scan.is_cancelled());
        self.scan.keep(all.held);
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
            if let Some((detected, marks)) = self.search(place, content, all, &mut read) {
                self.take(&place.origin, detected, &marks, all);
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
    ) -> Option<(Detected, Marks)> {
        let scan = self.scan;
        let (detector, origin) = (scan.detector, &place.origin);
        let stop = || scan.is_cancelled();
        // Members of an archive have nothing from others.
        let inherited = all.inherited.take();
        match content {
            Content::Bytes(bytes) => {
                let Some(format) = self.container(place, bytes, all) else {
                    if place.is_within() {
                        return Some(self.windows.inner(detector, origin, 0, content, &stop, read));
                    }
                    read.bytes = bytes.len() as u64;
                    return Some(self.windows.bytes(detector, origin, bytes, inherited));
                };
                read.bytes = bytes.len() as u64;
                self.unpack_bytes(format, place, bytes, all);
            }
            Content::Stream(stream) => {
                let Some((format, head)) = self.peek(place, stream, all, read) else {
                    return Some(self.windows.rest(detector, origin, 0, stream, &stop, read));
                };
                let mut whole = head.chain(Counted { stream, bytes: &mut read.bytes });
                self.unpack_stream(format, place, &mut whole, all);
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
    pub(super) fn take(
        &self,
        origin: &Arc<Origin>,
        detected: Detected,
        marks: &Marks,
        all: &mut Unpacking<'_>,
    ) {
        for message in detected.shortcomings {
            self.say(origin, ProblemKind::OverLimit, message, all);
        }
        self.account_for_lone_runs(origin, detected.low_left_out, all);
        all.told += u64::from(detected.depends_on_path);
        if detected.depends_on_path
            && let Some(sink) = self.scan.sink
        {
            sink.depends_on_path(origin);
        }
        self.conclude(origin, detected.findings, marks, all);
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
    fn account_for_lone_runs(&self, origin: &Origin, more: u64, all: &mut Unpacking<'_>) {
        if more == 0 {
            return;
        }
        all.told += 1;
        if self.scan.settings.min_confidence > Confidence::Low {
            return self.scan.with_ledger(|ledger| ledger.coverage.below_confidence += more);
        }
        let message = format!(
            "more than {MAX_LONE_RUNS} 40-character runs without context: {more} are not listed"
        );
        self.say(origin, ProblemKind::OverLimit, message, all);
    }

    /// Remembers what the scanned change adds to a file of suppressions that is in use.
    fn watch(&self, origin: &Origin, content: &Content<'_>, brings: &Brings<'_>) {
        let watched = &self.scan.settings.watched;
        if let (Content::Bytes(bytes), Brings::Lines(added)) = (content, brings)
            && watched.iter().any(|watched| watched.scope == origin.scope())
        {
            let lines = silence::added_lines(bytes, &added());
            self.scan.with_ledger(|ledger| {
                ledger.added.entry(origin.scope().to_owned()).or_default().extend(lines);
            });
        }
    }

    /// Holds a blob's findings against its comments, which nothing needs any more then.
    fn conclude(
        &self,
        origin: &Origin,
        mut findings: Vec<Finding>,
        marks: &Marks,
        all: &mut Unpacking<'_>,
    ) {
        if let Lines::Added(added) = all.lines
            // Of an archive no lines can be told apart: all of it is what the change brings.
            && !all.has_members
            && !findings.is_empty()
        {
            keep_those_on(&added(), &mut findings);
        }
        let report_unused = self.scan.settings.suppress.report_unused;
        if findings.is_empty() && !report_unused {
            return;
        }
        all.told += 1;
        if marks.more {
            let message = format!("more than {MAX_MARKS} comments that silence: the rest do not");
            self.say(origin, ProblemKind::OverLimit, message, all);
        }
        let mut comments = Comments::read(marks, origin, self.scan.detector.rules());
        let own_additions = self.scan.settings.suppress.own_additions;
        let brought = match all.brings {
            Brings::Lines(added) if !all.has_members && !findings.is_empty() => added(),
            _ => AddedLines::default(),
        };
        let brings_all = match all.brings {
            Brings::Everything => true,
            Brings::Lines(_) => all.has_members,
            Brings::Nothing => false,
        };
        let is_new = |line| brings_all || brought.touch(line, line);
        for finding in findings {
            let judged = comments.judge(finding, &is_new, own_additions);
            self.hold(origin, judged, all);
        }
        let mut warnings = std::mem::take(&mut comments.warnings);
        let unused = report_unused.then(|| comments.unused(origin));
        let mut unused: Vec<Unused> = unused.into_iter().flatten().collect();
        if all.has_members {
            let comments = warnings.len() + unused.len();
            warnings.retain(|_| all.room.take_comment());
            unused.retain(|_| all.room.take_comment());
            if warnings.len() + unused.len() < comments {
                self.say_full(origin, all);
            }
        }
        self.scan.with_ledger(|ledger| {
            ledger.coverage.warnings.append(&mut warnings);
            ledger.unused.append(&mut unused);
        });
    }

    /// Holds a finding until the file it lies in is done, as far as there is room for what lies in archives.
    fn hold(&self, origin: &Origin, judged: Judged, all: &mut Unpacking<'_>) {
        let finding = &judged.finding;
        let is_listed = self.scan.is_listed(finding);
        if !all.has_members {
            all.held.push(judged);
        } else if is_listed {
            if all.room.take(finding) {
                all.held.push(judged);
            } else {
                self.say_full(origin, all);
            }
        } else if self.scan.sink.is_none() {
            self.scan.keep(vec![judged]);
        } else if all.room_for_unlisted.take(finding) {
            all.held.push(judged);
        } else {
            self.scan.with_ledger(|ledger| ledger.count_unlisted(finding));
        }
    }

    /// Reports that there is more in the file than is kept, once.
    fn say_full(&self, origin: &Origin, all: &mut Unpacking<'_>) {
        if std::mem::replace(&mut all.said_full, true) {
            return;
        }
        let message = format!(
            "more findings or comments than are kept of one file, {MAX_CANDIDATES} parts of credentials and \
             {MAX_MARKS} comments: the rest are not listed"
        );
        let path = Some(origin.outermost().path().to_path_buf());
        self.scan.problem(Problem { path, kind: ProblemKind::OverLimit, message });
    }
}

/// Drops the findings of which no part stands on one of the lines; of the others only copies are asked about that do.
fn keep_those_on(added: &AddedLines, findings: &mut Vec<Finding>) {
    let is_on = |part: &&Part| added.touch(part.start.line, part.end.line);
    findings.retain_mut(|finding| {
        let asked_for: Vec<Option<u32>> =
            finding.parts.iter().filter(is_on).map(|part| part.copy).collect();
        for part in &mut finding.parts {
            part.copy = part.copy.filter(|_| asked_for.contains(&part.copy));
        }
        !asked_for.is_empty()
    });
}
