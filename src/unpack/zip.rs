//! Zip, by its directory: zip, jar, whl, apk, nupkg, office documents, executable Python archives.
//!
//! `rawzip` reads one entry of the directory after the other, in constant memory, says where each one's data lies, and
//! keeps entries of equal names apart. Decoders are keylint's bounded ones.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use deflate64::Deflate64Decoder;
use flate2::bufread::DeflateDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;
use rawzip::{
    CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator, ZipVerification,
};

use super::at_once;
use super::budget::{Budget, Metered, Progress};
use super::compressed::single;
use super::input::{Anywhere, Input, own};
use super::{Format, Sink};
use crate::model::blob::Content;
use crate::model::coverage::ProblemKind;

/// Bytes behind its stream that the decoder of Deflate64 may have taken, at most.
const AHEAD: u64 = 8;

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";

/// Whether `head` is the first line of a script and an archive follows it, as in executable Python archives.
pub(super) fn follows_a_script(head: &[u8]) -> bool {
    let line_end = head.iter().take(256).position(|byte| *byte == b'\n');
    line_end.is_some_and(|end| head[end + 1..].starts_with(LOCAL_HEADER))
}

impl ReaderAt for &dyn Anywhere {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Anywhere::read_at(*self, buffer, offset)
    }
}

/// Unpacks the archive in `bytes`. What no member was read from whole is scanned as it lies.
pub(super) fn unpack(bytes: &dyn Anywhere, budget: &Budget, sink: &mut dyn Sink) {
    let mut zip = Zip { bytes, budget, sink, whole: BTreeMap::new(), seen: BTreeMap::new() };
    if let Err(message) = zip.members() {
        zip.sink.problem(None, ProblemKind::Unreadable, message);
    }
    zip.gaps();
}

struct Zip<'a> {
    bytes: &'a dyn Anywhere,
    budget: &'a Budget,
    sink: &'a mut dyn Sink,
    /// Where the data of members lies that were read whole: end by start.
    whole: BTreeMap<u64, u64>,
    /// The same of all members.
    seen: BTreeMap<u64, u64>,
}

impl Zip<'_> {
    fn members(&mut self) -> Result<(), String> {
        let bytes = self.bytes;
        let size = bytes.size().map_err(|error| error.to_string())?;
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let archive = ZipLocator::new()
            .locate_in_reader(bytes, &mut buffer, size)
            .map_err(|(_, error)| format!("the zip directory cannot be read: {error}"))?;
        let mut entries = archive.entries(&mut buffer);
        let mut members = 0;
        loop {
            let entry = entries
                .next_entry()
                .map_err(|error| format!("the zip directory is corrupt: {error}"))?;
            let Some(entry) = entry else { return Ok(()) };
            if entry.is_dir() && entry.uncompressed_size_hint() == 0 {
                continue;
            }
            members += 1;
            let most = self.budget.limits().members;
            if members > most {
                let message = format!("more than {most} members: the rest of it was not unpacked");
                self.sink.problem(None, ProblemKind::OverLimit, message);
                return Ok(());
            }
            if self.budget.ends(self.sink) {
                return Ok(());
            }
            let path = entry.file_path();
            let name = path.as_ref();
            if entry.flags().is_encrypted() {
                let message = "encrypted: not scanned".to_owned();
                self.sink.problem(Some(name), ProblemKind::Encrypted, message);
                continue;
            }
            let size = entry.uncompressed_size_hint();
            self.member(&archive, name, entry.compression_method(), size, entry.wayfinder());
            if self.sink.is_cancelled() {
                return Ok(());
            }
        }
    }

    fn member(
        &mut self,
        archive: &ZipArchive<&dyn Anywhere>,
        name: &[u8],
        method: CompressionMethod,
        size: u64,
        place: ZipArchiveEntryWayfinder,
    ) {
        let entry = match archive.get_entry(place) {
            Ok(entry) => entry,
            Err(error) => {
                let message = format!("its header is corrupt: {error}");
                return self.sink.problem(Some(name), ProblemKind::Unreadable, message);
            }
        };
        let (start, end) = entry.compressed_data_range();
        match self.overlap(start, end) {
            Overlap::None => {}
            // Two names for the same data.
            Overlap::Same => return,
            Overlap::Partial => {
                let message =
                    "its data is part of another member's, as in a zip bomb: not unpacked";
                return self.sink.problem(Some(name), ProblemKind::OverLimit, message.to_owned());
            }
        }
        let mut data = entry.reader();
        if self.at_once(name, method, (start, end), data.claim_verifier()) {
            self.whole.insert(start, end);
            return;
        }
        let input = Input::new(&mut data);
        let taken = input.taken();
        match decoder(method, input, size, self.budget) {
            Ok(decoder) => {
                let verified = entry.verifying_reader(decoder);
                let is_whole = self.push(name, verified, Rc::clone(&taken));
                if is_whole {
                    // What follows a stream is none of it, though it lies where the member does.
                    let ahead = if method == CompressionMethod::DEFLATE64 { AHEAD } else { 0 };
                    let read = taken.get().saturating_sub(ahead);
                    self.whole
                        .insert(start, if taken.get() < end - start { start + read } else { end });
                }
            }
            Err(Refusal::Method) => {
                let message = match method.name() {
                    Some(name) => {
                        format!("compressed by {name}, which is not supported: not scanned")
                    }
                    None => format!("compressed by method {}: not scanned", method.as_u16()),
                };
                self.sink.problem(Some(name), ProblemKind::Unsupported, message);
            }
            Err(Refusal::Data(error)) => {
                let (kind, message) = match self.budget.take_hit() {
                    Some(hit) => (ProblemKind::OverLimit, hit.message),
                    None => (ProblemKind::Unreadable, error.to_string()),
                };
                self.sink.problem(Some(name), kind, message);
            }
        }
    }

    /// Hands the member over as bytes; `false`, and does nothing, if it is to be read as a stream.
    fn at_once(
        &mut self,
        name: &[u8],
        method: CompressionMethod,
        (start, end): (u64, u64),
        claimed: ZipVerification,
    ) -> bool {
        let ZipVerification { crc, uncompressed_size: size } = claimed;
        let Some(packed) = self.bytes.stretch(start, end) else { return false };
        if method == CompressionMethod::STORE {
            let is_right = at_once::stored(packed, size, crc, self.budget);
            if is_right {
                self.sink.member(name, Content::Bytes(packed));
            }
            return is_right;
        }
        if method != CompressionMethod::DEFLATE {
            return false;
        }
        let Some(content) = at_once::deflate(packed, size, crc, self.budget) else { return false };
        self.sink.member(name, Content::Bytes(&content));
        true
    }

    /// Whether the member was read to its end.
    fn push(&mut self, name: &[u8], content: impl Read, taken: Rc<Cell<u64>>) -> bool {
        let mut content = Metered::new(content, self.budget, taken);
        self.sink.member(name, Content::Stream(&mut content));
        content.progress() == Progress::Ended
    }

    fn overlap(&mut self, start: u64, end: u64) -> Overlap {
        if start == end {
            return Overlap::None;
        }
        let before = self.seen.range(..=start).next_back();
        let after = self.seen.range(start + 1..).next();
        if before == Some((&start, &end)) {
            return Overlap::Same;
        }
        if before.is_some_and(|(_, before)| *before > start)
            || after.is_some_and(|(at, _)| *at < end)
        {
            return Overlap::Partial;
        }
        self.seen.insert(start, end);
        Overlap::None
    }

    fn gaps(&mut self) {
        let Ok(size) = self.bytes.size() else { return };
        let mut at = 0;
        for (start, end) in std::mem::take(&mut self.whole).into_iter().chain([(size, size)]) {
            if at < start && !self.sink.is_cancelled() {
                own(self.bytes, at, start, self.sink);
            }
            at = at.max(end);
        }
    }
}

enum Overlap {
    None,
    Same,
    Partial,
}

enum Refusal {
    Method,
    Data(io::Error),
}

fn decoder<'a>(
    method: CompressionMethod,
    input: Input<'a>,
    size: u64,
    budget: &'a Budget,
) -> Result<Box<dyn Read + 'a>, Refusal> {
    let format = match method {
        CompressionMethod::STORE => return Ok(Box::new(input)),
        CompressionMethod::DEFLATE => return Ok(Box::new(DeflateDecoder::new(input))),
        CompressionMethod::DEFLATE64 => {
            return Ok(Box::new(Deflate64Decoder::with_buffer(input)));
        }
        CompressionMethod::LZMA => return lzma(input, size, budget).map_err(Refusal::Data),
        CompressionMethod::BZIP2 => Format::Bzip2,
        CompressionMethod::ZSTD | CompressionMethod::ZSTD_DEPRECATED => Format::Zstd,
        CompressionMethod::XZ => Format::Xz,
        _ => return Err(Refusal::Method),
    };
    single(format, input, budget).map_err(Refusal::Data)
}

/// A decoder of LZMA that expands to `size` bytes. Before the stream stand the version of the program that wrote it and
/// the stream's properties with their length; liblzma wants these followed by the size, as files of LZMA have it.
fn lzma<'a>(mut input: Input<'a>, size: u64, budget: &Budget) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = [0; 9];
    input.read_exact(&mut start)?;
    let [_, _, 5, 0, modes, dictionary @ ..] = start else {
        return Err(io::Error::other("corrupt: no properties of LZMA"));
    };
    // No dictionary need be larger than what is decoded with it.
    let dictionary = u64::from(u32::from_le_bytes(dictionary)).min(size.max(4096));
    if dictionary > budget.limits().memory {
        return Err(budget.too_large_a_dictionary());
    }
    let mut header = vec![modes];
    header.extend((dictionary as u32).to_le_bytes());
    header.extend(size.to_le_bytes());
    let stream = Stream::new_lzma_decoder(u64::MAX).map_err(io::Error::other)?;
    Ok(Box::new(XzDecoder::new_stream(Cursor::new(header).chain(input), stream)))
}
