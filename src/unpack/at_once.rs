//! Deflated members from memory into memory, in one piece: that is faster than a stream, and an archive among them is
//! in memory then, so that its members are, too.
//!
//! Only what is sound and far from every limit is taken. The rest is left to streams, which give what can be had of it
//! and say what is wrong. A stream that libdeflate reads and flate2 calls corrupt, though size and checksum are right,
//! is taken: no encoder writes such, and nothing in it is lost.

use std::ops::Deref;

use libdeflater::{DecompressionError, Decompressor};
use memchr::{memchr, memmem};

use super::budget::{Budget, Room};

/// The one flag of gzip headers that is looked at: the name of the file follows. Other fields are hardly ever there.
const NAMED: u8 = 8;

/// Bytes of a gzip header before the name.
const HEADER: usize = 10;

/// Longer names are left to the stream, which has a limit for them.
const LONGEST_NAME: usize = 1 << 10;

/// Bytes behind a stream of gzip: checksum and size.
const TRAILER: usize = 8;

/// A member in memory.
pub(super) struct Whole<'b> {
    bytes: Vec<u8>,
    _room: Room<'b>,
}

impl Deref for Whole<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Inflates the gzip file in `packed` and charges `budget`, if it is one stream and nothing more. The second value is
/// the name in its header.
pub(super) fn gzip<'p, 'b>(packed: &'p [u8], budget: &'b Budget) -> Option<(Whole<'b>, &'p [u8])> {
    let name = match packed.get(..HEADER)?[3] {
        0 => &[],
        NAMED => {
            let field = &packed[HEADER..];
            let end = memchr(0, &field[..field.len().min(LONGEST_NAME)])?;
            &field[..end]
        }
        _ => return None,
    };
    let trailer = packed.last_chunk::<TRAILER>()?;
    let size = u32::from_le_bytes([trailer[4], trailer[5], trailer[6], trailer[7]]);
    // libdeflate does not say where the stream ends, but makes sure that the checksum and the size are what follows. If
    // these bytes stand in one place only, it ends there, and nothing hides behind it.
    if memmem::find(packed, trailer)? + TRAILER != packed.len() {
        return None;
    }
    let inflate = |into: &mut [u8]| Decompressor::new().gzip_decompress(packed, into);
    Some((whole(packed, u64::from(size), budget, inflate, |_| true)?, name))
}

/// Inflates the stream at the start of `packed` and charges `budget`, if it is one of `size` bytes with the checksum
/// `crc`.
pub(super) fn deflate<'b>(
    packed: &[u8],
    size: u64,
    crc: u32,
    budget: &'b Budget,
) -> Option<Whole<'b>> {
    let inflate = |into: &mut [u8]| Decompressor::new().deflate_decompress(packed, into);
    whole(packed, size, budget, inflate, |bytes| libdeflater::crc32(bytes) == crc)
}

/// Charges `budget` for what is stored as it is, if it has `size` bytes and the checksum `crc`.
pub(super) fn stored(bytes: &[u8], size: u64, crc: u32, budget: &Budget) -> bool {
    bytes.len() as u64 == size
        && budget.is_far_from(size, size)
        && libdeflater::crc32(bytes) == crc
        && budget.spend(size)
}

fn whole<'b>(
    packed: &[u8],
    size: u64,
    budget: &'b Budget,
    inflate: impl FnOnce(&mut [u8]) -> Result<usize, DecompressionError>,
    is_right: impl FnOnce(&[u8]) -> bool,
) -> Option<Whole<'b>> {
    let room = budget.room(packed.len() as u64, size)?;
    let mut bytes = vec![0; size as usize];
    let length = inflate(&mut bytes).ok()?;
    let is_whole = length == bytes.len() && is_right(&bytes) && budget.spend(size);
    is_whole.then_some(Whole { bytes, _room: room })
}
