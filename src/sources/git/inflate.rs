//! Deflated data, with the size known beforehand: at once into memory, or as a stream for what is too large for that.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{Decompressor, adler32};

use super::buffer::Buffer;
use super::pack::PackError;

/// Deflate packs at most 1032 bytes into one: data that claims more is corrupt, and nothing is allocated for it.
const MAX_RATIO: u64 = 1032;

const MORE: &str = "it inflates to more than it says";
const LESS: &str = "it inflates to less than it says";
const BROKEN: &str = "it cannot be inflated";

/// How deflate marks a block that is packed with its fixed codes.
const FIXED: u8 = 1;

/// Whether `size` bytes can have been packed into `packed` bytes at all.
pub(crate) fn is_possible(packed: u64, size: u64) -> bool {
    size <= packed.saturating_add(1).saturating_mul(MAX_RATIO)
}

/// Inflates one stream after the other.
///
/// libdeflate holds the tables of the fixed codes until a block with codes of its own comes. Small objects and deltas
/// have the one kind of blocks and larger ones the other, in turn, so each kind is left to a decompressor of its own.
#[derive(Default)]
pub(crate) struct Inflater {
    fixed: Decompressor,
    other: Decompressor,
}

impl Inflater {
    /// Inflates the zlib stream at the start of `packed`, of `size` bytes, of which at most `limit` are allowed, into a
    /// buffer.
    pub(crate) fn whole(
        &mut self,
        packed: &[u8],
        size: u64,
        limit: u64,
        into: &mut Buffer,
    ) -> Result<(), PackError> {
        let room = room(packed.len(), size, limit, into)?;
        match self.apt_for(packed).zlib_decompress(packed, room) {
            Ok(length) if length as u64 == size => Ok(()),
            Ok(length) if (length as u64) < size => Err(PackError::Corrupt(LESS)),
            Ok(_) | Err(_) => Err(PackError::Corrupt(BROKEN)),
        }
    }

    /// The same for a stream of `len` bytes, which is faster for one of few: libdeflate looks ahead, and takes a slow
    /// way where nothing follows a stream.
    pub(crate) fn ending(
        &mut self,
        packed: &[u8],
        len: usize,
        size: u64,
        limit: u64,
        into: &mut Buffer,
    ) -> Result<(), PackError> {
        if let Some((ends, stream)) = plain(&packed[..len]).zip(packed.get(2..)) {
            let room = room(len, size, limit, into)?;
            let length = self.apt_for(packed).deflate_decompress(stream, room);
            if length.is_ok_and(|length| length as u64 == size) && adler32(into) == ends {
                return Ok(());
            }
        }
        // If it does not end there, or is no such stream, that is not known from this.
        self.whole(&packed[..len], size, limit, into)
    }

    /// The decompressor for a zlib stream, by the kind of its first block.
    fn apt_for(&mut self, packed: &[u8]) -> &mut Decompressor {
        match packed.get(2).map(|first| (first >> 1) & 3) {
            Some(FIXED) => &mut self.fixed,
            _ => &mut self.other,
        }
    }
}

/// The checksum that a stream ends with if it takes all of `packed`, unless there is something special about it.
fn plain(packed: &[u8]) -> Option<u32> {
    let (&[first, second], rest) = packed.split_first_chunk()?;
    let needs_dictionary = second & 0x20 != 0;
    let is_plain =
        first == 0x78 && !needs_dictionary && u16::from_be_bytes([first, second]) % 31 == 0;
    rest.last_chunk().filter(|_| is_plain).map(|ends| u32::from_be_bytes(*ends))
}

/// Room for `size` bytes that are said to have been packed into so many, if that can be.
fn room(packed: usize, size: u64, limit: u64, into: &mut Buffer) -> Result<&mut [u8], PackError> {
    if size > limit {
        return Err(PackError::TooLarge(size));
    }
    if !is_possible(packed as u64, size) {
        return Err(PackError::Corrupt("it says it inflates to more than it can"));
    }
    Ok(into.room(size as usize))
}

/// A zlib stream that is read as what it holds.
pub(crate) struct Inflating<R> {
    packed: R,
    state: Decompress,
    ended: bool,
}

impl<R: BufRead> Inflating<R> {
    pub(crate) fn new(packed: R) -> Self {
        Self { packed, state: Decompress::new(true), ended: false }
    }

    /// The rest of it, as exactly `size` bytes or an error.
    pub(crate) fn exactly(self, size: u64) -> Exactly<R> {
        Exactly { stream: self, left: size, failed: None }
    }
}

impl<R: BufRead> Read for Inflating<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !into.is_empty() {
            let packed = self.packed.fill_buf()?;
            let at_end = packed.is_empty();
            let (taken, given) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(packed, into, FlushDecompress::None);
            let status = status.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, BROKEN))?;
            let given = (self.state.total_out() - given) as usize;
            let taken = (self.state.total_in() - taken) as usize;
            self.packed.consume(taken);
            self.ended = matches!(status, Status::StreamEnd);
            if given > 0 {
                return Ok(given);
            }
            if at_end && !self.ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off"));
            }
        }
        Ok(0)
    }
}

/// An inflating stream that has to hold as many bytes as was said. It remembers what went wrong with it, since whoever
/// reads it may not say so.
pub(crate) struct Exactly<R> {
    stream: Inflating<R>,
    left: u64,
    failed: Option<String>,
}

impl<R> Exactly<R> {
    /// What went wrong, if anything did.
    pub(crate) fn into_failed(self) -> Option<String> {
        self.failed
    }
}

impl<R: BufRead> Read for Exactly<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let read = self.stream.read(into).and_then(|read| match read as u64 {
            read if read > self.left => invalid(MORE),
            0 if self.left > 0 && !into.is_empty() => invalid(LESS),
            _ => Ok(read),
        });
        match &read {
            Ok(read) => self.left -= *read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.failed = Some(error.to_string()),
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use libdeflater::{CompressionLvl, Compressor};
    use proptest::prelude::*;

    use super::*;

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(CompressionLvl::fastest());
        let mut packed = vec![0; compressor.zlib_compress_bound(data.len())];
        let length = compressor.zlib_compress(data, &mut packed).unwrap();
        packed.truncate(length);
        packed
    }

    fn streamed(packed: &[u8], size: u64) -> (Vec<u8>, Option<String>) {
        // Three bytes at a time, so that states are carried over.
        let slow = io::BufReader::with_capacity(3, packed);
        let mut stream = Inflating::new(slow).exactly(size);
        let mut data = Vec::new();
        let read = stream.read_to_end(&mut data);
        assert_eq!(read.is_err(), stream.failed.is_some());
        (data, stream.into_failed())
    }

    #[test]
    fn both_ways_give_the_same() {
        let data: Vec<u8> =
            (0..100_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
        let packed = deflated(&data);
        let mut at_once = Buffer::default();
        let size = data.len() as u64;
        Inflater::default().whole(&packed, size, size, &mut at_once).unwrap();
        assert_eq!(*at_once, data);
        assert_eq!(streamed(&packed, size), (data, None));
    }

    #[test]
    fn what_is_cut_off_or_of_another_size_is_an_error() {
        let packed = deflated(b"some words, some words, some words");
        for length in 0..packed.len() {
            let cut = &packed[..length];
            assert!(streamed(cut, 34).1.is_some(), "{length}");
            let mut inflater = Inflater::default();
            assert!(inflater.whole(cut, 34, 100, &mut Buffer::default()).is_err(), "{length}");
        }
        let mut wrong = packed.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert!(streamed(&wrong, 34).1.is_some());
        let mut inflater = Inflater::default();
        assert!(inflater.whole(&wrong, 34, 100, &mut Buffer::default()).is_err());
        for size in [0, 33, 35] {
            assert!(streamed(&packed, size).1.is_some(), "{size}");
            let mut inflater = Inflater::default();
            assert!(inflater.whole(&packed, size, 100, &mut Buffer::default()).is_err(), "{size}");
        }
    }

    #[test]
    fn nothing_is_allocated_for_what_cannot_be() {
        let mut inflater = Inflater::default();
        let mut into = Buffer::default();
        assert!(inflater.whole(&[0; 10], 1 << 40, 1 << 20, &mut into).is_err());
        assert!(inflater.whole(&[0; 10], 1 << 20, 1 << 30, &mut into).is_err());
        assert_eq!(into.size(), 0);
    }

    proptest! {
        #[test]
        fn streams_of_all_kinds_come_one_after_the_other(
            all in prop::collection::vec((0_u8..=255, 0_usize..600, 1_i32..=9), 1..9),
        ) {
            let (mut inflater, mut into) = (Inflater::default(), Buffer::default());
            let mut numbers = 1_u64;
            for (most, length, level) in all {
                // Few different bytes are packed by codes of their own or, if few in all, by fixed ones; many are stored.
                let byte = |_| {
                    numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (numbers >> 56) as u8 & most
                };
                let data: Vec<u8> = (0..length).map(byte).collect();
                let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
                let mut packed = vec![0; compressor.zlib_compress_bound(length)];
                let len = compressor.zlib_compress(&data, &mut packed).unwrap();
                inflater.ending(&packed, len, length as u64, 1000, &mut into).unwrap();
                prop_assert_eq!(&*into, &*data);
                inflater.whole(&packed[..len], length as u64, 1000, &mut into).unwrap();
                prop_assert_eq!(&*into, &*data);
            }
        }

        #[test]
        fn what_follows_a_stream_makes_no_difference(
            data in prop::collection::vec(0_u8..4, 0..700),
            after in prop::collection::vec(any::<u8>(), 0..60),
            changed in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            more in -40_isize..40,
            wrong in prop_oneof![3 => Just(0_isize), 1 => -400_isize..400],
        ) {
            let mut packed = deflated(&data);
            if let Some((place, byte)) = changed {
                let place = place.index(packed.len());
                packed[place] = byte;
            }
            // Also where it is cut off, though the rest follows, or has something else behind it.
            let len = packed.len().saturating_add_signed(more);
            packed.extend(after);
            let len = len.min(packed.len());
            let size = data.len().saturating_add_signed(wrong) as u64;
            let mut inflater = Inflater::default();
            let (mut one, mut other) = (Buffer::default(), Buffer::default());
            let exact = inflater.whole(&packed[..len], size, 1000, &mut one);
            let ahead = inflater.ending(&packed, len, size, 1000, &mut other);
            prop_assert_eq!(exact.is_ok(), ahead.is_ok());
            match exact {
                Ok(()) => prop_assert_eq!(&*one, &*other),
                Err(error) => prop_assert_eq!(error.to_string(), ahead.unwrap_err().to_string()),
            }
        }
    }
}
