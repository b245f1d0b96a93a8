//! A container's bytes as unpackers read them: from the beginning, or at any place.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read, SeekFrom};
use std::rc::Rc;

use super::Sink;
use super::budget::{Budget, repeated};
use crate::model::blob::{Content, ReadSeek};
use crate::model::coverage::ProblemKind;

/// A container's bytes.
pub enum Source<'a> {
    /// All of them in memory.
    Bytes(&'a [u8]),
    /// A file.
    Seekable(&'a mut dyn ReadSeek),
    /// A stream that stands at its beginning.
    Stream(&'a mut dyn Read),
}

/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// Bytes read at first: most members of archives are no longer.
const FIRST_PIECE: usize = 4 << 10;

/// A stream with a look ahead, which knows how far it was read and whether that failed.
pub(super) struct Input<'a> {
    /// `None` if all of it is in memory.
    stream: Option<Box<dyn Read + 'a>>,
    buffer: Cow<'a, [u8]>,
    start: usize,
    end: usize,
    taken: Rc<Cell<u64>>,
    failed: bool,
}

impl<'a> Input<'a> {
    pub(super) fn new(stream: &'a mut dyn Read) -> Self {
        Self::of(stream)
    }

    pub(super) fn of(stream: impl Read + 'a) -> Self {
        let taken = Rc::default();
        Self {
            stream: Some(Box::new(stream)),
            buffer: vec![0; FIRST_PIECE].into(),
            start: 0,
            end: 0,
            taken,
            failed: false,
        }
    }

    /// An input that can be taken in stretches of memory.
    pub(super) fn in_memory(bytes: &'a [u8]) -> Self {
        let (buffer, end) = (Cow::Borrowed(bytes), bytes.len());
        Self { stream: None, buffer, start: 0, end, taken: Rc::default(), failed: false }
    }

    /// Takes the next `count` bytes, or as many as there are; `None` if they are not in memory.
    pub(super) fn stretch(&mut self, count: u64) -> Option<&'a [u8]> {
        let Cow::Borrowed(bytes) = self.buffer else { return None };
        let rest = &bytes[self.start..];
        let stretch =
            &rest[..usize::try_from(count).map_or(rest.len(), |count| count.min(rest.len()))];
        self.consume(stretch.len());
        Some(stretch)
    }

    /// The next bytes, `count` of them unless the stream ends before. `count` is no more than a few hundred.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if let Cow::Owned(buffer) = &mut self.buffer
            && self.end - self.start < count
        {
            buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < count && self.refill()? > 0 {}
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// The offset of the next byte, shared with whoever wants to know it while a decoder has the input.
    pub(super) fn taken(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.taken)
    }

    /// The offset of the next byte.
    pub(super) fn at(&self) -> u64 {
        self.taken.get()
    }

    /// Whether the stream has failed. Whoever read it then has said so.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Reads into the buffer after what it holds; 0 at the end.
    fn refill(&mut self) -> io::Result<usize> {
        if self.failed {
            return Err(repeated());
        }
        let (Some(stream), Cow::Owned(buffer)) = (&mut self.stream, &mut self.buffer) else {
            return Ok(0);
        };
        if self.taken.get() > 0 && buffer.len() < PIECE {
            buffer.resize(PIECE, 0);
        }
        loop {
            match stream.read(&mut buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && self.stream.is_some() {
            (self.start, self.end) = (0, 0);
            self.refill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.taken.set(self.taken.get() + count as u64);
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at_hand = self.fill_buf()?;
        let count = at_hand.len().min(buffer.len());
        buffer[..count].copy_from_slice(&at_hand[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// Reads all of `source` into memory if it is a stream, and unpacks it.
pub(super) fn anywhere(
    source: Source<'_>,
    budget: &Budget,
    sink: &mut dyn Sink,
    unpack: fn(&dyn Anywhere, &Budget, &mut dyn Sink),
) {
    let stream = match source {
        Source::Bytes(bytes) => return unpack(&bytes, budget, sink),
        Source::Seekable(file) => {
            return unpack(&RefCell::new(file), budget, sink);
        }
        Source::Stream(stream) => stream,
    };
    let limit = budget.memory_left();
    let mut bytes = Vec::new();
    let read = (&mut *stream).take(limit + 1).read_to_end(&mut bytes);
    match (read, budget.hold(bytes.len() as u64)) {
        (Ok(_), Some(_held)) => unpack(&bytes.as_slice(), budget, sink),
        (Ok(_), None) => {
            let message = format!(
                "larger than the {limit} bytes that may be held of an archive within another: not unpacked"
            );
            sink.problem(None, ProblemKind::OverLimit, message);
            sink.own(0, Content::Stream(&mut bytes.chain(stream)));
        }
        (Err(error), _) => {
            sink.own(0, Content::Stream(&mut bytes.chain(Broken::by(error))));
        }
    }
}

/// The end of a stream that has failed.
pub struct Broken(Option<io::Error>);

impl Broken {
    /// The end at which a stream failed with `error`.
    pub fn by(error: io::Error) -> Self {
        Self(Some(error))
    }
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(repeated))
    }
}

/// Bytes that can be read at any place, without a position of their own.
pub(super) trait Anywhere {
    /// How many there are.
    fn size(&self) -> io::Result<u64>;

    /// Reads some of those from `offset` on; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Those from `start` up to `end`, if there are so many and they are in memory.
    fn stretch(&self, _start: u64, _end: u64) -> Option<&[u8]> {
        None
    }
}

impl Anywhere for &[u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).map_or(self.len(), |at| at.min(self.len()));
        (&self[start..]).read(buffer)
    }

    fn stretch(&self, start: u64, end: u64) -> Option<&[u8]> {
        self.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

impl Anywhere for RefCell<&mut dyn ReadSeek> {
    fn size(&self) -> io::Result<u64> {
        self.borrow_mut().seek(SeekFrom::End(0))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut file = self.borrow_mut();
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }
}

/// Hands over the bytes from `start` up to `end` as the container's own.
pub(super) fn own(bytes: &dyn Anywhere, start: u64, end: u64, sink: &mut dyn Sink) {
    match bytes.stretch(start, end) {
        Some(bytes) => sink.own(start, Content::Bytes(bytes)),
        None => sink.own(start, Content::Stream(&mut Range::new(bytes, start, end))),
    }
}

/// A stretch of bytes as a stream.
pub(super) struct Range<'a> {
    bytes: &'a dyn Anywhere,
    at: u64,
    end: u64,
}

impl<'a> Range<'a> {
    /// The bytes from `start` up to `end`.
    pub(super) fn new(bytes: &'a dyn Anywhere, start: u64, end: u64) -> Self {
        Self { bytes, at: start, end }
    }
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        let read = self.bytes.read_at(&mut buffer[..room], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_ahead_takes_nothing() {
        let bytes: Vec<u8> = (0..=255).cycle().take(PIECE + 100).collect();
        let mut stream = bytes.as_slice();
        let mut input = Input::new(&mut stream);
        io::copy(&mut (&mut input).take(PIECE as u64 - 2), &mut io::sink()).unwrap();
        assert_eq!(input.peek(6).unwrap(), &bytes[PIECE - 2..PIECE + 4]);
        assert_eq!(input.at(), PIECE as u64 - 2);
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, &bytes[PIECE - 2..]);
        assert!(input.peek(3).unwrap().is_empty());
    }
}
