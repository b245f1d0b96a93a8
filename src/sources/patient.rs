//! Streams that may keep a reader waiting: pipes, terminals, FIFOs.
//!
//! A read that blocks notices no interrupt. So a thread of its own opens and reads such a stream, and whoever scans it
//! looks up now and then whether the run goes on.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How long an interrupt may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(50);
/// Bytes handed over at once.
const PIECE: usize = 64 << 10;
/// Pieces read ahead.
const AHEAD: usize = 4;

/// A stream that is read in the background, up to a limit.
pub(super) struct Patient<'a> {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
    is_cancelled: &'a dyn Fn() -> bool,
    left: Option<u64>,
    over_limit: bool,
    ended: bool,
}

impl<'a> Patient<'a> {
    /// Opens a stream in the background and reads it. The stream ends early when `is_cancelled` says so, or after
    /// `limit` bytes. A reading thread whose stream never ends is left behind; the process ends without waiting for it.
    pub(super) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        limit: Option<u64>,
        is_cancelled: &'a dyn Fn() -> bool,
    ) -> Self {
        let (sender, pieces) = sync_channel(AHEAD);
        std::thread::spawn(move || match open() {
            Ok(stream) => feed(stream, &sender),
            Err(error) => drop(sender.send(Err(error))),
        });
        Self {
            pieces,
            piece: Vec::new(),
            taken: 0,
            is_cancelled,
            left: limit,
            over_limit: false,
            ended: false,
        }
    }

    /// Whether the stream had more bytes than the limit.
    pub(super) fn is_over_limit(&self) -> bool {
        self.over_limit
    }

    /// Waits for the next piece; `false` at the end.
    fn next_piece(&mut self) -> io::Result<bool> {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => {
                    (self.piece, self.taken) = (piece?, 0);
                    self.ended = self.piece.is_empty();
                    return Ok(!self.ended);
                }
                Err(RecvTimeoutError::Disconnected) if self.ended => return Ok(false),
                // The reading thread went away without a word: what was read is not the whole.
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("reading it stopped before its end"));
                }
                Err(RecvTimeoutError::Timeout) if (self.is_cancelled)() => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Sends what `stream` holds, until it ends, fails, or nobody listens any more.
fn feed(mut stream: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let result = match stream.read(&mut piece) {
            Ok(read) => {
                piece.truncate(read);
                Ok(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        // An empty piece says that the stream has ended.
        let is_last = result.as_ref().map_or(true, Vec::is_empty);
        if sender.send(result).is_err() || is_last {
            return;
        }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() && !self.next_piece()? {
            return Ok(0);
        }
        let at_hand = &self.piece[self.taken..];
        let wanted = at_hand.len().min(buffer.len());
        let allowed =
            self.left.map_or(wanted, |left| wanted.min(usize::try_from(left).unwrap_or(wanted)));
        self.over_limit |= allowed == 0 && wanted > 0;
        buffer[..allowed].copy_from_slice(&at_hand[..allowed]);
        self.taken += allowed;
        self.left = self.left.map(|left| left - allowed as u64);
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: Option<u64>) -> (Vec<u8>, bool) {
        let never = || false;
        let mut stream = Patient::new(|| Ok(io::Cursor::new(vec![b'x'; 200_000])), limit, &never);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        (bytes, stream.is_over_limit())
    }

    #[test]
    fn a_stream_arrives_whole_or_up_to_the_limit() {
        assert_eq!(read(None), (vec![b'x'; 200_000], false));
        assert_eq!(read(Some(200_000)), (vec![b'x'; 200_000], false));
        assert_eq!(read(Some(199_999)), (vec![b'x'; 199_999], true));
    }

    #[test]
    fn errors_arrive_and_waiting_ends_when_cancelled() {
        let never = || false;
        let open = || Err::<io::Empty, _>(io::Error::from(io::ErrorKind::PermissionDenied));
        let error = Patient::new(open, None, &never).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let (reader, _writer) = io::pipe().unwrap();
        let at_once = || true;
        assert_eq!(Patient::new(|| Ok(reader), None, &at_once).read(&mut [0]).unwrap(), 0);
    }
}
