//! 7z: files in one or more packed streams, whose directory stands at the end and is mostly packed itself.
//!
//! Decoded are LZMA, LZMA2, bzip2, Deflate, zstd and plain copies, with the branch and delta filters of liblzma; BCJ2,
//! `PPMd` and the rest are named as not supported.

mod header;

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::bufread::DeflateDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{Filters, Stream};
use rawzip::Crc32;

use self::header::{Coder, Folder, Header, Parsed, Streams, parse};
use super::budget::{Budget, Metered, Progress};
use super::compressed::single;
use super::input::{Anywhere, Input, Range, own};
use super::{Format, Sink};
use crate::model::blob::Content;
use crate::model::coverage::ProblemKind;

/// Bytes before the packed streams.
const START: u64 = 32;

/// Larger directories are not read: a million files have one of some 100 MiB.
const LARGEST_HEADER: u64 = 64 << 20;

/// Directories that are packed within each other.
const MOST_PACKINGS: usize = 4;

/// Unpacks the archive in `bytes`. Unless all of it was, it is scanned as it lies, too; so is one that says it holds
/// nothing, since something may lie in it all the same.
pub(super) fn unpack(bytes: &dyn Anywhere, budget: &Budget, sink: &mut dyn Sink) {
    let size = bytes.size().unwrap_or_default();
    let packed = Packed { bytes, size, budget };
    let mut archive = Archive { packed, budget, sink, is_whole: true };
    let end = match packed.header() {
        Ok((header, end)) => {
            archive.members(&header);
            if header.streams.folders.is_empty() { 0 } else { end }
        }
        Err(Failure { kind, message }) => {
            archive.problem(None, kind, message);
            size
        }
    };
    let from = if archive.is_whole { end } else { 0 };
    if from < size && !sink.is_cancelled() {
        own(bytes, from, size, sink);
    }
}

struct Archive<'a> {
    packed: Packed<'a>,
    budget: &'a Budget,
    sink: &'a mut dyn Sink,
    is_whole: bool,
}

/// The archive's bytes, and what may be spent on them.
#[derive(Clone, Copy)]
struct Packed<'a> {
    bytes: &'a dyn Anywhere,
    size: u64,
    budget: &'a Budget,
}

/// Why something is not read.
struct Failure {
    kind: ProblemKind,
    message: String,
}

impl Failure {
    fn unreadable(message: impl fmt::Display) -> Self {
        Self { kind: ProblemKind::Unreadable, message: format!("{message}") }
    }
}

impl From<header::Corrupt> for Failure {
    fn from(_: header::Corrupt) -> Self {
        Self::unreadable("the 7z directory is corrupt")
    }
}

impl Archive<'_> {
    fn problem(&mut self, name: Option<&[u8]>, kind: ProblemKind, message: String) {
        self.is_whole = false;
        self.sink.problem(name, kind, message);
    }

    fn members(&mut self, header: &Header) {
        let Streams { pack_start, pack_sizes, folders } = &header.streams;
        let mut files =
            header.files.iter().filter(|(_, has_content)| *has_content).map(|(name, _)| name);
        let (mut at, mut pack_sizes, mut members) = (*pack_start, pack_sizes.iter(), 0);
        for folder in folders {
            let packed = pack_sizes.next().copied().unwrap_or_default();
            let decoder = self.packed.decoder(folder, at, packed);
            at = at.saturating_add(packed);
            for other in pack_sizes.by_ref().take(folder.pack_streams.saturating_sub(1)) {
                at = at.saturating_add(*other);
            }
            let mut decoder = Some(decoder);
            for (size, crc) in &folder.pieces {
                let name = files.next().map(Vec::as_slice).unwrap_or_default();
                members += 1;
                let most = self.budget.limits().members;
                if members > most {
                    let message =
                        format!("more than {most} members: the rest of it was not unpacked");
                    return self.problem(None, ProblemKind::OverLimit, message);
                }
                if self.budget.ends(self.sink) {
                    self.is_whole = false;
                    return;
                }
                decoder = match decoder {
                    Some(Ok((mut stream, taken))) => {
                        let piece = Piece {
                            stream: &mut stream,
                            left: *size,
                            sum: Crc32::new(),
                            crc: *crc,
                        };
                        let is_whole = self.member(name, piece, &taken);
                        is_whole.then_some(Ok((stream, taken)))
                    }
                    Some(Err(Failure { kind, message })) => {
                        self.problem(Some(name), kind, message.clone());
                        Some(Err(Failure { kind, message }))
                    }
                    None => {
                        let message =
                            "what stands before it cannot be unpacked: not scanned".to_owned();
                        self.problem(Some(name), ProblemKind::Unreadable, message);
                        None
                    }
                };
                if self.sink.is_cancelled() {
                    self.is_whole = false;
                    return;
                }
            }
        }
    }

    /// Whether the member was read to its end.
    fn member(&mut self, name: &[u8], piece: impl Read, taken: &Rc<Cell<u64>>) -> bool {
        let mut content = Metered::new(piece, self.budget, Rc::clone(taken));
        self.sink.member(name, Content::Stream(&mut content));
        let is_whole = content.progress() == Progress::Ended;
        self.is_whole &= is_whole;
        is_whole
    }
}

impl<'a> Packed<'a> {
    /// The directory, and where the archive ends.
    fn header(self) -> Result<(Header, u64), Failure> {
        let mut start = Vec::new();
        Range::new(self.bytes, 0, START).read_to_end(&mut start).map_err(Failure::unreadable)?;
        let number = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(start.get(at..at + 8)?.try_into().ok()?))
        };
        let place = number(12).zip(number(20)).and_then(|(offset, length)| {
            let from = START.checked_add(offset)?;
            Some((from, from.checked_add(length).filter(|end| *end <= self.size)?))
        });
        let Some((from, end)) = place else {
            return Err(Failure::unreadable("the 7z directory is missing: it ends too early"));
        };
        if from == end {
            return Ok((Header::default(), end));
        }
        let mut bytes = self.read(Range::new(self.bytes, from, end), end - from)?;
        for _ in 0..MOST_PACKINGS {
            match parse(&bytes)? {
                Parsed::Plain(header) => return Ok((header, end)),
                Parsed::Packed(streams) => bytes = self.packed_header(&streams)?,
            }
        }
        Err(Failure::unreadable("the 7z directory is packed again and again"))
    }

    fn packed_header(self, streams: &Streams) -> Result<Vec<u8>, Failure> {
        let (Some(folder), Some(size)) = (streams.folders.first(), streams.pack_sizes.first())
        else {
            return Err(header::Corrupt.into());
        };
        let (decoder, _) = self.decoder(folder, streams.pack_start, *size)?;
        self.read(decoder, folder.size)
    }

    fn read(self, stream: impl Read, size: u64) -> Result<Vec<u8>, Failure> {
        if size > LARGEST_HEADER.min(self.budget.memory_left()) {
            let message = format!("its directory has {size} bytes: not unpacked");
            return Err(Failure { kind: ProblemKind::OverLimit, message });
        }
        let mut bytes = Vec::new();
        stream.take(size).read_to_end(&mut bytes).map_err(Failure::unreadable)?;
        if (bytes.len() as u64) < size { Err(header::Corrupt.into()) } else { Ok(bytes) }
    }

    /// The decoder of a folder, and the count of what it has taken.
    #[expect(clippy::type_complexity, reason = "a stream and its counter go together here only")]
    fn decoder(
        self,
        folder: &Folder,
        start: u64,
        packed: u64,
    ) -> Result<(Box<dyn Read + 'a>, Rc<Cell<u64>>), Failure> {
        let unsupported = |what: &str| {
            let message = format!("compressed by {what}, which is not supported: not scanned");
            Failure { kind: ProblemKind::Unsupported, message }
        };
        let Some(chain) = &folder.chain else { return Err(unsupported("BCJ2 or the like")) };
        if chain.iter().any(|coder| coder.method == [6, 0xf1, 7, 1]) {
            let message = "encrypted: not scanned".to_owned();
            return Err(Failure { kind: ProblemKind::Encrypted, message });
        }
        let place = START.checked_add(start).and_then(|from| {
            Some((from, from.checked_add(packed).filter(|end| *end <= self.size)?))
        });
        let Some((from, end)) = place else { return Err(header::Corrupt.into()) };
        let input = Input::of(Range::new(self.bytes, from, end));
        let taken = input.taken();
        let (Some((last, filters)), memory) = (chain.split_last(), self.budget.limits().memory)
        else {
            return Err(header::Corrupt.into());
        };
        let decoder: Box<dyn Read + 'a> = match (last.method.as_slice(), filters) {
            ([0x03, 0x01, 0x01] | [0x21], _) => {
                let raw = raw_decoder(last, filters, folder.size, memory)?;
                let Some(raw) = raw else { return Err(unsupported("an unknown filter")) };
                Box::new(XzDecoder::new_stream(input, raw))
            }
            ([0x00], []) => Box::new(input),
            ([0x04, 0x01, 0x08], []) => Box::new(DeflateDecoder::new(input)),
            ([0x04, 0x02, 0x02], []) => {
                single(Format::Bzip2, input, self.budget).map_err(Failure::unreadable)?
            }
            ([0x04, 0xf7, 0x11, 0x01], []) => {
                single(Format::Zstd, input, self.budget).map_err(Failure::unreadable)?
            }
            ([0x03, 0x04, 0x01], _) => return Err(unsupported("PPMd")),
            _ => return Err(unsupported("an unknown method")),
        };
        Ok((decoder, taken))
    }
}

/// A decoder of LZMA or LZMA2 and the filters before it; `None` for filters that liblzma does not have.
fn raw_decoder(
    coder: &Coder,
    filters: &[Coder],
    size: u64,
    memory: u64,
) -> Result<Option<Stream>, Failure> {
    let corrupt = |_| Failure::from(header::Corrupt);
    let mut all = Filters::new();
    for Coder { method, properties } in filters {
        match method.as_slice() {
            [0x03] => all.delta_properties(properties).map_err(corrupt)?,
            [0x04] | [3, 3, 1, 3] => all.x86(),
            [0x05] | [3, 3, 2, 5] => all.powerpc(),
            [0x06] | [3, 3, 4, 1] => all.ia64(),
            [0x07] | [3, 3, 5, 1] => all.arm(),
            [0x08] | [3, 3, 7, 1] => all.arm_thumb(),
            [0x09] | [3, 3, 8, 5] => all.sparc(),
            [0x0a] => all.arm64(),
            [0x0b] => all.riscv(),
            _ => return Ok(None),
        };
    }
    let mut properties = coder.properties.clone();
    // No dictionary need be larger than what is decoded with it.
    let needed = size.max(4096);
    let dictionary = match (&mut properties[..], coder.method.as_slice()) {
        ([_, dictionary @ ..], [0x03, ..]) => {
            let Ok(bytes) = <&mut [u8; 4]>::try_from(dictionary) else {
                return Err(header::Corrupt.into());
            };
            let stated = u64::from(u32::from_le_bytes(*bytes)).min(needed);
            *bytes = (stated as u32).to_le_bytes();
            stated
        }
        ([stated @ 0..=40], [0x21]) => {
            let bytes_of = |stated: u8| (2 | u64::from(stated & 1)) << (stated / 2 + 11);
            let enough = (0..=*stated).find(|stated| bytes_of(*stated) >= needed);
            *stated = enough.unwrap_or(*stated);
            bytes_of(*stated)
        }
        _ => return Err(header::Corrupt.into()),
    };
    if dictionary > memory {
        let message = format!("its dictionary is larger than {memory} bytes: not unpacked");
        return Err(Failure { kind: ProblemKind::OverLimit, message });
    }
    match coder.method.as_slice() {
        [0x21] => all.lzma2_properties(&properties).map_err(corrupt)?,
        _ => all.lzma1_properties(&properties).map_err(corrupt)?,
    };
    Stream::new_raw_decoder(&all).map(Some).map_err(corrupt)
}

/// The part of a folder's output that is one file.
struct Piece<'a> {
    stream: &'a mut dyn Read,
    left: u64,
    sum: Crc32,
    crc: Option<u32>,
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if self.left == 0 {
            if self.crc.take().is_some_and(|crc| crc != self.sum.checksum()) {
                return Err(io::Error::other("corrupt: wrong checksum"));
            }
            return Ok(0);
        }
        let read = self.stream.read(&mut buffer[..room])?;
        if read == 0 && room > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}
