//! A blob through the detector: at once if it is in memory, window by window if it is a stream or a large member of an
//! archive.

use std::io::{self, Read};
use std::ops::Range;

use crate::decode::text::{self, Encoding, View};
use crate::detect::{BlobScan, Detected, Detector, MARGIN_AFTER, MARGIN_BEFORE};
use crate::model::blob::{Content, Origin};
use crate::model::span::LineCursor;
use crate::model::traces::Inherited;
use crate::suppress::marks::{Marks, Search};

/// Bytes of a window's core. Large enough that margins cost little, small enough that two threads' buffers stay far
/// below the memory bound.
pub(super) const CORE: usize = 4 << 20;

/// Margins in bytes of the blob: UTF-32 takes four for one of text.
const BEFORE: usize = 4 * MARGIN_BEFORE;
const AFTER: usize = 4 * MARGIN_AFTER;

/// The first piece read of a stream; most files end within it.
const FIRST_READ: usize = 64 << 10;

/// How far a blob was read.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) bytes: u64,
    pub(super) failed: Option<io::Error>,
}

/// The comments that silence, which a blob is searched for beside its findings.
#[derive(Clone, Copy)]
pub(super) struct Comments<'s> {
    pub(super) search: &'s Search,
    /// Whether blobs without a finding are searched, too: they may hold a comment that is of no use.
    pub(super) everywhere: bool,
}

/// The buffer that one thread reads streams through.
pub(super) struct Windows<'s> {
    core: usize,
    comments: Option<Comments<'s>>,
    buffer: Vec<u8>,
    /// Bytes at the start of the buffer that were read ahead of a stream.
    ahead: usize,
    /// Whether that was all of it.
    is_all: bool,
}

impl<'s> Windows<'s> {
    /// Windows of `core` bytes each, and margins.
    pub(super) fn new(core: usize, comments: Option<Comments<'s>>) -> Self {
        Self { core, comments, buffer: Vec::new(), ahead: 0, is_all: false }
    }

    /// Reads the first piece of a stream, to see what it is. [`Self::rest`] goes on from there.
    pub(super) fn first(&mut self, stream: &mut dyn Read, progress: &mut Progress) {
        self.ahead = 0;
        let mut filled = 0;
        self.is_all = self.fill(stream, &mut filled, FIRST_READ.min(self.size()), progress);
        self.ahead = filled;
    }

    /// The piece that [`Self::first`] read.
    pub(super) fn at_hand(&self) -> &[u8] {
        &self.buffer[..self.ahead]
    }

    fn size(&self) -> usize {
        BEFORE + self.core + AFTER
    }

    /// Searches a blob that is in memory.
    pub(super) fn bytes(
        &self,
        detector: &Detector,
        origin: &Origin,
        bytes: &[u8],
        inherited: Option<Inherited<'_>>,
    ) -> (Detected, Marks) {
        match (text::sniff(bytes), inherited) {
            ((Encoding::Bytes, 0), Some(mut inherited)) => {
                let mut scan = BlobScan::new(detector, origin);
                scan.whole(&View::new(bytes, 0, Encoding::Bytes), &mut inherited);
                let detected = scan.finish();
                let marks = self.marks_of_whole(bytes, &detected);
                (detected, marks)
            }
            _ => self.in_one(detector, origin, 0, bytes),
        }
    }

    /// Searches what an archive holds, or is itself from `offset` on. Whether that is in memory makes no difference to
    /// what is found: what is larger than a window goes through windows.
    pub(super) fn inner(
        &mut self,
        detector: &Detector,
        origin: &Origin,
        offset: u64,
        mut content: Content<'_>,
        stop: &dyn Fn() -> bool,
        progress: &mut Progress,
    ) -> (Detected, Marks) {
        if let Content::Bytes(bytes) = content
            && bytes.len() < self.size()
        {
            progress.bytes += bytes.len() as u64;
            return self.in_one(detector, origin, offset, bytes);
        }
        self.first(&mut content, progress);
        self.rest(detector, origin, offset, &mut content, stop, progress)
    }

    /// Searches what is in memory as one window.
    fn in_one(
        &self,
        detector: &Detector,
        origin: &Origin,
        offset: u64,
        bytes: &[u8],
    ) -> (Detected, Marks) {
        let mut scan = BlobScan::new(detector, origin);
        let (encoding, mark) = text::sniff(bytes);
        let core = 0..bytes.len() - mark;
        window(&mut scan, &bytes[mark..], offset + mark as u64, encoding, core, true);
        let detected = scan.finish();
        let marks = self.marks_of_whole(bytes, &detected);
        (detected, marks)
    }

    /// The comments of a blob that is at hand as a whole. It is searched for them only now that there is something to
    /// silence.
    fn marks_of_whole(&self, bytes: &[u8], detected: &Detected) -> Marks {
        let mut marks = Marks::default();
        if let Some(comments) = self.comments
            && (comments.everywhere || !detected.findings.is_empty())
        {
            let (encoding, mark) = text::sniff(bytes);
            let view = View::new(&bytes[mark..], mark as u64, encoding);
            let core = 0..view.text().len();
            let lines = LineCursor::default();
            comments.search.collect(view.text(), core, lines, |at| view.original(at), &mut marks);
        }
        marks
    }

    /// Searches the stream that [`Self::first`] began with, to its end or until `stop` says so. `offset` is where it
    /// starts within the blob of `origin`. `progress` is told how far that was, also when this panics.
    ///
    /// The stream is read through one buffer: margin, core, margin; then the core's end and what follows move to the
    /// front.
    pub(super) fn rest(
        &mut self,
        detector: &Detector,
        origin: &Origin,
        offset: u64,
        stream: &mut dyn Read,
        stop: &dyn Fn() -> bool,
        progress: &mut Progress,
    ) -> (Detected, Marks) {
        let mut scan = BlobScan::new(detector, origin);
        let mut marks = Marks::default();
        let size = self.size();
        let mut filled = std::mem::take(&mut self.ahead);
        let (encoding, mut start) = text::sniff(&self.buffer[..filled]);
        let (mut base, mut core_start) = (offset, start);
        let mut is_first = true;
        loop {
            let ended = self.is_all || self.fill(stream, &mut filled, size, progress);
            let buffer = &self.buffer[..filled];
            let core_end =
                if ended { filled } else { text::boundary(buffer, filled - AFTER, encoding) };
            let core = core_start - start..core_end - start;
            let lines = scan.reached();
            let place = base + start as u64;
            let view = window(&mut scan, &buffer[start..], place, encoding, core.clone(), ended);
            if ended && is_first {
                let detected = scan.finish();
                let marks = self.marks_of_whole(&self.buffer[..filled], &detected);
                return (detected, marks);
            }
            is_first = false;
            if let (Some(comments), Some(lines)) = (self.comments, lines) {
                let core = view.text_range(core);
                let original = |at| view.original(at);
                comments.search.collect(view.text(), core, lines, original, &mut marks);
            }
            if ended || stop() {
                return (scan.finish(), marks);
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
}

/// Hands one window to the detector; `core` is a range of `bytes`.
fn window<'b>(
    scan: &mut BlobScan<'_>,
    bytes: &'b [u8],
    base: u64,
    encoding: Encoding,
    core: Range<usize>,
    last: bool,
) -> View<'b> {
    let view = View::new(bytes, base, encoding);
    let core = view.text_range(core);
    scan.window(&view, core, last);
    view
}
