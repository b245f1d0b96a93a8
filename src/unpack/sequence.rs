//! Archives that are headers and data in turn: what tar, ar and cpio have in common.
//!
//! Such an archive is read as a stream. Whatever is no member's data is the archive's own, and is scanned as it lies.

use std::io::{self, BufRead, Read};

use super::Sink;
use super::budget::Budget;
use super::input::{Broken, Input, Source};
use crate::model::blob::Content;
use crate::model::coverage::ProblemKind;

/// Bytes of headers and padding that are gathered before they are scanned.
const GATHERED: usize = 64 << 10;

/// Bytes of a record about a member (its long name, say) that are read; longer ones are scanned and not understood.
pub(super) const LONGEST_RECORD: u64 = 1 << 20;

/// Reads `source` with `walk`, which returns where it understands no more, and scans what is left as it lies.
pub(super) fn unpack(
    source: Source<'_>,
    budget: &Budget,
    sink: &mut dyn Sink,
    walk: fn(&mut Walk<'_>) -> io::Result<()>,
) {
    let input = match source {
        Source::Bytes(bytes) => Input::in_memory(bytes),
        Source::Seekable(file) => Input::of(file),
        Source::Stream(stream) => Input::new(stream),
    };
    let mut walk_state = Walk { input, own: Vec::new(), own_at: 0, members: 0, budget, sink };
    // An error is one of the stream. It is met again, and said, by the sink that scans the rest.
    let result = walk(&mut walk_state);
    walk_state.rest(result.err());
}

/// A walk through an archive.
pub(super) struct Walk<'a> {
    input: Input<'a>,
    /// Own bytes not scanned yet.
    own: Vec<u8>,
    own_at: u64,
    members: u64,
    budget: &'a Budget,
    sink: &'a mut dyn Sink,
}

/// Whether there is more to walk through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Stop,
}

impl Walk<'_> {
    /// The offset of the next byte.
    pub(super) fn at(&self) -> u64 {
        self.input.at()
    }

    /// The next bytes, `count` of them unless the archive ends before.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        self.input.peek(count)
    }

    /// Takes the next bytes, at most as many as were looked at, as the archive's own.
    pub(super) fn take_own(&mut self, count: usize) -> io::Result<()> {
        self.own.extend_from_slice(&self.input.peek(count)?[..count]);
        self.input.consume(count);
        if self.own.len() > GATHERED {
            self.flush();
        }
        Ok(())
    }

    /// Takes a record of the archive itself; `None` if it is longer than such records are.
    pub(super) fn record(&mut self, size: u64) -> io::Result<Option<Vec<u8>>> {
        let offset = self.at();
        if size > LONGEST_RECORD {
            self.problem(
                ProblemKind::OverLimit,
                format!("a header at offset {offset} has {size} bytes: it is not understood"),
            );
            self.flush();
            self.sink.own(offset, Content::Stream(&mut (&mut self.input).take(size)));
            self.own_at = self.at();
            return Ok(None);
        }
        let mut record = Vec::new();
        (&mut self.input).take(size).read_to_end(&mut record)?;
        self.own.extend_from_slice(&record);
        if (record.len() as u64) < size {
            self.truncated();
        }
        Ok(Some(record))
    }

    /// Takes the data of a member.
    pub(super) fn member(&mut self, name: &[u8], size: u64) -> Flow {
        self.members += 1;
        let most = self.budget.limits().members;
        if self.members > most {
            let message = format!("more than {most} members: the rest of it was not unpacked");
            self.problem(ProblemKind::OverLimit, message);
            return Flow::Stop;
        }
        if self.budget.ends(self.sink) {
            return Flow::Stop;
        }
        self.flush();
        let missing = if let Some(data) = self.input.stretch(size) {
            self.sink.member(name, Content::Bytes(data));
            size - data.len() as u64
        } else {
            let mut data = (&mut self.input).take(size);
            self.sink.member(name, Content::Stream(&mut data));
            data.limit()
        };
        self.own_at = self.at();
        if self.sink.is_cancelled() || self.input.has_failed() {
            return Flow::Stop;
        }
        if missing > 0 {
            self.truncated();
            return Flow::Stop;
        }
        Flow::On
    }

    /// Takes the name of a folder.
    pub(super) fn folder(&mut self, name: &[u8]) {
        self.sink.folder(name);
    }

    /// Takes the name of what has no content.
    pub(super) fn link(&mut self, name: &[u8]) {
        self.sink.link(name);
    }

    /// Takes padding up to the next multiple of `unit`; `false` if the archive ends before.
    pub(super) fn pad(&mut self, unit: u64) -> io::Result<bool> {
        let count = (self.at().next_multiple_of(unit) - self.at()) as usize;
        let available = self.peek(count)?.len();
        self.take_own(available)?;
        Ok(available == count)
    }

    /// Says that the archive ends before what its headers promise. No problem for what is not compressed: all that is
    /// there was scanned, and a compressed member that is cut off says so itself. Test data and partial downloads would
    /// otherwise keep a repository from ever being clean.
    pub(super) fn truncated(&mut self) {
        log::debug!("an archive ends too early, at offset {}", self.at());
    }

    pub(super) fn corrupt(&mut self) {
        let message =
            format!("no valid header at offset {}: the rest was scanned as it lies", self.at());
        self.problem(ProblemKind::Unreadable, message);
    }

    fn problem(&mut self, kind: ProblemKind, message: String) {
        self.sink.problem(None, kind, message);
    }

    /// Has own bytes scanned that are all there are before the next data.
    fn flush(&mut self) {
        if self.own.iter().any(|byte| *byte != 0) {
            self.sink.own(self.own_at, Content::Bytes(&self.own));
        }
        self.own.clear();
        self.own_at = self.at();
    }

    /// Has all that is left scanned as it lies, up to the error that ended the walk.
    fn rest(mut self, error: Option<io::Error>) {
        let own = std::mem::take(&mut self.own);
        let offset = self.own_at;
        if let Some(error) = error {
            let mut broken = own.chain(Broken::by(error));
            return self.sink.own(offset, Content::Stream(&mut broken));
        }
        let is_over = self.input.has_failed()
            || self.sink.is_cancelled()
            || self.input.peek(1).is_ok_and(<[u8]>::is_empty);
        if !is_over {
            self.sink.own(offset, Content::Stream(&mut own.chain(self.input)));
        } else if own.iter().any(|byte| *byte != 0) {
            self.sink.own(offset, Content::Bytes(&own));
        }
    }
}
