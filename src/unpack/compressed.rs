//! Compressed streams, one after the other: gzip, bzip2, xz, zstd, lz4.
//!
//! Dictionaries are bounded by the budget: liblzma is given a limit on its memory, ruzstd one on its window; those of
//! the others are bounded by their formats, below 10 MiB.

use std::io::{self, BufRead, Read, SeekFrom};
use std::mem;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstdFrame};

use super::at_once;
use super::budget::{Budget, Metered, Progress};
use super::input::{Input, Source};
use super::{Format, SNIFF_LEN, Sink, sniff};
use crate::model::blob::Content;

/// Bytes of headers and of skipped frames that are kept to be scanned.
const MAX_PASSED: usize = 1 << 20;

/// Unpacks all streams of `source` as one member.
pub(super) fn unpack(format: Format, source: Source<'_>, budget: &Budget, sink: &mut dyn Sink) {
    match source {
        Source::Bytes(bytes) => {
            let is_unpacked = (format == Format::Gzip && gzip_at_once(bytes, budget, sink))
                || streams(format, &mut { bytes }, budget, sink);
            if !is_unpacked {
                sink.own(0, Content::Bytes(bytes));
            }
        }
        Source::Seekable(file) => {
            if !streams(format, file, budget, sink) {
                // A file that cannot be read again fails again, which the sink then says.
                drop(file.seek(SeekFrom::Start(0)));
                sink.own(0, Content::Seekable(file));
            }
        }
        Source::Stream(stream) => {
            let mut kept = Kept { stream, bytes: Vec::new() };
            if !streams(format, &mut kept, budget, sink) {
                let Kept { stream, bytes } = kept;
                sink.own(0, Content::Stream(&mut bytes.chain(stream)));
            }
        }
    }
}

/// Unpacks the one stream that `bytes` are; `false`, and does nothing, if that is to be read as a stream.
fn gzip_at_once(bytes: &[u8], budget: &Budget, sink: &mut dyn Sink) -> bool {
    let Some((content, name)) = at_once::gzip(bytes, budget) else { return false };
    sink.member(b"", Content::Bytes(&content));
    if !name.is_empty() {
        sink.own(0, Content::Bytes(&[name, b"\n"].concat()));
    }
    true
}

/// Unpacks streams up to the first byte that belongs to none; `false` when one of them is broken.
fn streams(format: Format, stream: &mut dyn Read, budget: &Budget, sink: &mut dyn Sink) -> bool {
    let input = Input::new(stream);
    let taken = input.taken();
    let streams = Streams { format, budget, state: State::Between(input), passed: Vec::new() };
    let mut content = Metered::new(streams, budget, taken);
    sink.member(b"", Content::Stream(&mut content));
    if content.progress() != Progress::Ended {
        return sink.is_cancelled();
    }
    let Streams { state, passed, .. } = content.into_inner();
    if !passed.is_empty() {
        sink.own(0, Content::Bytes(&passed));
    }
    if let State::Between(mut input) = state {
        let offset = input.at();
        // What follows the last stream is as it lies.
        if input.peek(1).is_ok_and(|next| !next.is_empty()) {
            sink.own(offset, Content::Stream(&mut input));
        }
    }
    true
}

/// A stream whose beginning is kept, so that what only looks like a compressed stream can be scanned as it is. More
/// than the first [`MAX_PASSED`] bytes are not needed: so much is no misunderstanding.
struct Kept<'a> {
    stream: &'a mut dyn Read,
    bytes: Vec<u8>,
}

impl Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        let room = MAX_PASSED - self.bytes.len();
        self.bytes.extend_from_slice(&buffer[..read.min(room)]);
        Ok(read)
    }
}

/// The output of streams of one format, joined.
struct Streams<'a, 'b> {
    format: Format,
    budget: &'b Budget,
    state: State<'a>,
    /// Text of headers, and what decoders pass over.
    passed: Vec<u8>,
}

enum State<'a> {
    Between(Input<'a>),
    Gzip(GzDecoder<Input<'a>>),
    Bzip2(BzDecoder<Input<'a>>),
    Xz(XzDecoder<Input<'a>>),
    Zstd(Input<'a>, Box<ZstdFrame>),
    Lz4(Box<Lz4Decoder<Input<'a>>>),
    Lost,
}

impl Read for Streams<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.state {
                State::Between(_) => {
                    if !self.start()? {
                        return Ok(0);
                    }
                    continue;
                }
                State::Gzip(decoder) => decoder.read(buffer)?,
                State::Bzip2(decoder) => decoder.read(buffer)?,
                State::Xz(decoder) => {
                    let read = decoder.read(buffer);
                    read.map_err(|error| of_xz(error, self.budget))?
                }
                State::Zstd(input, frame) => read_zstd(input, frame, buffer)?,
                State::Lz4(decoder) => decoder.read(buffer)?,
                State::Lost => return Ok(0),
            };
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.finish()?;
        }
    }
}

impl Streams<'_, '_> {
    /// Begins with the next stream; `false` if none follows.
    fn start(&mut self) -> io::Result<bool> {
        let State::Between(mut input) = mem::replace(&mut self.state, State::Lost) else {
            return Ok(false);
        };
        loop {
            let head = input.peek(SNIFF_LEN)?;
            if self.format == Format::Xz && head.starts_with(&[0; 4]) {
                input.consume(4);
                continue;
            }
            if sniff(head) != Some(self.format) {
                self.state = State::Between(input);
                return Ok(false);
            }
            if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] = *head {
                input.consume(8);
                self.skip_frame(&mut input, u32::from_le_bytes([a, b, c, d]))?;
                continue;
            }
            break;
        }
        self.state = match self.format {
            Format::Gzip => State::Gzip(GzDecoder::new(input)),
            Format::Bzip2 => State::Bzip2(BzDecoder::new(input)),
            Format::Xz => {
                let stream = stream::Stream::new_stream_decoder(self.budget.limits().memory, 0)?;
                State::Xz(XzDecoder::new_stream(input, stream))
            }
            Format::Lz4 => State::Lz4(Box::new(Lz4Decoder::new(input))),
            _ => {
                let mut frame = ZstdFrame::new();
                frame.set_max_window_size(self.budget.limits().memory);
                frame.init(&mut input).map_err(|error| of_zstd(error, self.budget))?;
                State::Zstd(input, Box::new(frame))
            }
        };
        Ok(true)
    }

    /// Frames that decoders skip hold what others put there: mostly tables of where frames start.
    fn skip_frame(&mut self, input: &mut Input<'_>, length: u32) -> io::Result<()> {
        if length as usize > MAX_PASSED - self.passed.len() {
            return Err(io::Error::other("its skippable frames are too large"));
        }
        let before = self.passed.len();
        input.take(u64::from(length)).read_to_end(&mut self.passed)?;
        if self.passed.len() - before < length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let input = match mem::replace(&mut self.state, State::Lost) {
            State::Gzip(decoder) => {
                if let Some(header) = decoder.header() {
                    for text in [header.filename(), header.comment(), header.extra()] {
                        let text = text.unwrap_or_default();
                        if !text.is_empty() && self.passed.len() + text.len() < MAX_PASSED {
                            self.passed.extend_from_slice(text);
                            self.passed.push(b'\n');
                        }
                    }
                }
                decoder.into_inner()
            }
            State::Bzip2(decoder) => decoder.into_inner(),
            State::Xz(decoder) => decoder.into_inner(),
            State::Lz4(decoder) => decoder.into_inner(),
            State::Zstd(input, frame) => {
                let (stored, computed) =
                    (frame.get_checksum_from_data(), frame.get_calculated_checksum());
                if stored.is_some() && stored != computed {
                    return Err(io::Error::other("corrupt zstd frame: wrong checksum"));
                }
                input
            }
            State::Between(input) => input,
            State::Lost => return Ok(()),
        };
        self.state = State::Between(input);
        Ok(())
    }
}

fn read_zstd(input: &mut Input<'_>, frame: &mut ZstdFrame, buffer: &mut [u8]) -> io::Result<usize> {
    while frame.can_collect() == 0 && !frame.is_finished() {
        frame
            .decode_blocks(&mut *input, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(io::Error::other)?;
    }
    frame.read(buffer)
}

fn of_xz(error: io::Error, budget: &Budget) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<stream::Error>());
    match inner {
        Some(stream::Error::MemLimit) => budget.too_large_a_dictionary(),
        _ => error,
    }
}

fn of_zstd(error: FrameDecoderError, budget: &Budget) -> io::Error {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. } => budget.too_large_a_dictionary(),
        other => io::Error::other(other),
    }
}

/// A decoder of one stream that stands in another container, for formats that know where it ends.
pub(super) fn single<'a>(
    format: Format,
    input: Input<'a>,
    budget: &'a Budget,
) -> io::Result<Box<dyn Read + 'a>> {
    let mut streams = Streams { format, budget, state: State::Between(input), passed: Vec::new() };
    if streams.start()? { Ok(Box::new(streams)) } else { Err(io::Error::other("corrupt stream")) }
}
