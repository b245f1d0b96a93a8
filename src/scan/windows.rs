//! A blob through the detector: at once if it is in memory, window by window if it is a stream.

use std::io::{self, Read};
use std::ops::Range;

use crate::decode::text::{self, Encoding, View};
use crate::detect::{BlobScan, Detected, Detector, MARGIN_AFTER, MARGIN_BEFORE};
use crate::model::blob::{Content, Origin};

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

/// The buffer that one thread reads streams through.
pub(super) struct Windows {
    core: usize,
    buffer: Vec<u8>,
}

impl Windows {
    /// Windows of `core` bytes each, and margins.
    pub(super) fn new(core: usize) -> Self {
        Self { core, buffer: Vec::new() }
    }

    /// Searches the blob of `origin` to its end, or until `stop` says so. `progress` is told how far that was, also
    /// when this panics.
    pub(super) fn detect(
        &mut self,
        detector: &Detector,
        origin: &Origin,
        content: Content<'_>,
        stop: &dyn Fn() -> bool,
        progress: &mut Progress,
    ) -> Detected {
        let mut scan = BlobScan::new(detector, origin);
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
            Content::Stream(stream) => self.stream(&mut scan, stream, stop, progress),
        }
        scan.finish()
    }

    /// Reads a stream to its end through one buffer: margin, core, margin; then the core's end and what follows move to
    /// the front.
    fn stream(
        &mut self,
        scan: &mut BlobScan<'_>,
        stream: &mut dyn Read,
        stop: &dyn Fn() -> bool,
        progress: &mut Progress,
    ) {
        let size = BEFORE + self.core + AFTER;
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
            if ended || stop() {
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
