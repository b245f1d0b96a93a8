//! Deflated members from memory into memory, in one piece: that is faster than a stream, and an archive among them is
//! in memory then, so that its members are, too.
//!
//! Only what is sound and far from every limit is taken, and only if it is all of its bytes. The rest is left to streams,
//! which give what can be had of it and say what is wrong. A stream that libdeflate reads and flate2 calls corrupt,
//! though size and checksum are right, is taken: no encoder writes such, and nothing in it is lost.

use std::ops::Deref;

use libdeflater::Decompressor;
use memchr::{memchr, memmem};

use super::budget::{Budget, Room};

/// The one flag of gzip headers that is looked at: the name of the file follows. Other fields are hardly ever there.
const NAMED: u8 = 8;

/// Bytes of a gzip header before the name.
const HEADER: usize = 10;

/// Longer names are left to the stream, which has a limit for them.
const LONGEST_NAME: usize = 1 << 10;

/// A gzip header that says nothing.
const PLAIN_HEADER: [u8; HEADER] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

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
    let size = u32::from_le_bytes(*trailer.last_chunk()?);
    let room = budget.room(packed.len() as u64, u64::from(size))?;
    Some((only_stream(packed, size, room, budget)?, name))
}

/// Inflates the deflate stream in `packed` and charges `budget`, if it is one of `size` bytes with the checksum `crc`,
/// and nothing more.
pub(super) fn deflate<'b>(
    packed: &[u8],
    size: u64,
    crc: u32,
    budget: &'b Budget,
) -> Option<Whole<'b>> {
    let room = budget.room(packed.len() as u64, size)?;
    // What cannot be packed is a little longer than it was.
    if packed.len() as u64 > size + size / 1024 + 64 {
        return None;
    }
    let size = u32::try_from(size).ok()?;
    let framed = [&PLAIN_HEADER, packed, &crc.to_le_bytes(), &size.to_le_bytes()].concat();
    only_stream(&framed, size, room, budget)
}

/// Charges `budget` for what is stored as it is, if it has `size` bytes and the checksum `crc`.
pub(super) fn stored(bytes: &[u8], size: u64, crc: u32, budget: &Budget) -> bool {
    bytes.len() as u64 == size
        && budget.is_far_from(size, size)
        && libdeflater::crc32(bytes) == crc
        && budget.spend(size)
}

/// Inflates the one stream that a gzip file is, which says it has `size` bytes. libdeflate does not say where it ends,
/// but makes sure that its checksum and size are what follows. If they are those at the end, and stand in no other
/// place, it ends there, and nothing hides behind it.
fn only_stream<'b>(
    packed: &[u8],
    size: u32,
    room: Room<'b>,
    budget: &'b Budget,
) -> Option<Whole<'b>> {
    let trailer = packed.last_chunk::<TRAILER>()?;
    if memmem::find(packed, trailer)? + TRAILER != packed.len() {
        return None;
    }
    let mut bytes = vec![0; size as usize];
    let length = Decompressor::new().gzip_decompress(packed, &mut bytes).ok()?;
    let is_last = libdeflater::crc32(&bytes).to_le_bytes() == trailer[..4];
    let is_whole = length == bytes.len() && is_last && budget.spend(u64::from(size));
    is_whole.then_some(Whole { bytes, _room: room })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Limits;
    use super::*;

    #[test]
    fn sizes_that_cannot_be_are_left_to_streams() {
        let budget = Budget::new(Limits {
            depth: 4,
            members: 9,
            member_size: u64::MAX,
            total_size: u64::MAX,
            ratio: u64::MAX,
            ratio_free: u64::MAX,
            memory: u64::MAX,
            time: Duration::from_secs(600),
        });
        assert!(deflate(&[3, 0], u64::MAX, 0, &budget).is_none());
        assert!(!stored(b"", u64::MAX, 0, &budget));
    }
}
