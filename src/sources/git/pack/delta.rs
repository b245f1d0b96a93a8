//! Delta instructions: an object as copies out of another one and insertions.

use super::PackError;
use crate::model::traces::Copied;
use crate::sources::git::buffer::Buffer;

const SHORT: PackError = PackError::Corrupt("a delta is cut off");

/// The sizes that a delta starts with: of the object that it is on, and of the one that it makes; and where its
/// instructions start.
pub(crate) fn sizes(delta: &[u8]) -> Result<(u64, u64, usize), PackError> {
    let (base, taken) = size(delta)?;
    let (result, more) = size(&delta[taken..])?;
    Ok((base, result, taken + more))
}

fn size(bytes: &[u8]) -> Result<(u64, usize), PackError> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    Err(PackError::Corrupt("a delta's size is cut off or too large"))
}

/// Pieces up to this many bytes are copied as if they were as long: most are short, and to find out how short costs more.
const STEP: usize = 64;

/// Applies `delta` to `base`; `result` then holds the object, and `copies` what of it was copied, as far as that is
/// noted.
/// `limit` bounds its size before anything is allocated.
pub(crate) fn apply(
    base: &[u8],
    delta: &[u8],
    result: &mut Buffer,
    copies: &mut Vec<Copied>,
    limit: u64,
) -> Result<(), PackError> {
    let (base_size, result_size, start) = sizes(delta)?;
    if base_size != base.len() as u64 {
        return Err(PackError::Corrupt("a delta is on an object of another size"));
    }
    if result_size > limit {
        return Err(PackError::TooLarge(result_size));
    }
    let wanted = usize::try_from(result_size).map_err(|_| PackError::TooLarge(result_size))?;
    copies.clear();
    let room = result.room(wanted);
    let mut at = 0;
    let mut rest = &delta[start..];
    while let Some((&instruction, after)) = rest.split_first() {
        rest = after;
        let (source, size) = match instruction {
            0 => return Err(PackError::Corrupt("a delta has an instruction that means nothing")),
            insert @ 1..=0x7f => {
                let source = rest;
                rest = rest.get(usize::from(insert)..).ok_or(SHORT)?;
                (source, usize::from(insert))
            }
            copy => {
                let (offset, size) = stretch(copy, &mut rest)?;
                let outside = PackError::Corrupt("a delta copies from outside of its base");
                let source = base.get(offset..).filter(|source| size <= source.len());
                if size >= WORTH_NOTING {
                    note(Copied { from: offset, to: at, len: size }, copies);
                }
                (source.ok_or(outside)?, size)
            }
        };
        if size > wanted - at {
            return Err(PackError::Corrupt("a delta makes more than it says"));
        }
        match (room[at..].first_chunk_mut::<STEP>(), source.first_chunk::<STEP>()) {
            (Some(into), Some(source)) if size <= STEP => *into = *source,
            _ => room[at..at + size].copy_from_slice(&source[..size]),
        }
        at += size;
    }
    if at != wanted {
        return Err(PackError::Corrupt("a delta makes less than it says"));
    }
    Ok(())
}

/// The least bytes that are noted of one copy: most are shorter, and too short to be worth anything.
const WORTH_NOTING: usize = 128;

/// Copies that are noted of one delta. What is not noted is not known to be copied, which costs time and nothing else.
const MAX_NOTED: usize = 1 << 16;

/// Adds a copy, to the one before if it goes on where that ended: a single one is at most 16 MiB long.
fn note(copied: Copied, all: &mut Vec<Copied>) {
    let goes_on =
        |last: &&mut Copied| last.from + last.len == copied.from && last.to + last.len == copied.to;
    if let Some(last) = all.last_mut().filter(goes_on) {
        last.len += copied.len;
    } else if all.len() < MAX_NOTED {
        all.push(copied);
    }
}

/// What a copy is of: offset and size, four bytes and three, of which only those are stored whose bit is set in the
/// instruction.
fn stretch(instruction: u8, rest: &mut &[u8]) -> Result<(usize, usize), PackError> {
    let stored = (instruction & 0x7f).count_ones() as usize;
    let (bytes, after) = rest.split_at_checked(stored).ok_or(SHORT)?;
    let mut next = rest.first_chunk().map_or_else(
        || bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        |chunk| u64::from_le_bytes(*chunk),
    );
    // Which are there is as good as random, so nothing branches on it.
    let mut fields = 0;
    for field in 0..7 {
        let is_stored = u64::from(instruction >> field & 1);
        fields |= (next & (0xff * is_stored)) << (8 * field);
        next >>= 8 * is_stored;
    }
    *rest = after;
    let size = match (fields >> 32) as usize {
        0 => 0x1_0000,
        size => size,
    };
    Ok((fields as u32 as usize, size))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn applied(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, PackError> {
        let (mut result, mut copies) = (Buffer::default(), Vec::new());
        apply(base, delta, &mut result, &mut copies, 1000)?;
        for Copied { from, to, len } in copies {
            assert_eq!(base[from..from + len], result[to..to + len]);
        }
        Ok(result.to_vec())
    }

    #[test]
    fn copies_that_go_on_are_one() {
        // Base of 500, result of 513: copy 128 from 0, 129 from 128, 127 from 257, 129 from 300.
        let delta =
            [0xf4, 3, 0x81, 4, 0x91, 0, 128, 0x91, 128, 129, 0x93, 1, 1, 127, 0x93, 44, 1, 129];
        let base: Vec<u8> = (0..500).map(|at| at as u8).collect();
        let (mut result, mut copies) = (Buffer::default(), Vec::new());
        apply(&base, &delta, &mut result, &mut copies, 513).unwrap();
        assert_eq!(*result, [&base[..384], &base[300..429]].concat());
        let expected =
            [Copied { from: 0, to: 0, len: 257 }, Copied { from: 300, to: 384, len: 129 }];
        assert_eq!(copies, expected);
    }

    #[test]
    fn copies_and_insertions() {
        // Base of 5, result of 6: copy 3 from 1, insert "xyz".
        assert_eq!(applied(b"abcde", &[5, 6, 0x91, 1, 3, 3, b'x', b'y', b'z']).unwrap(), b"bcdxyz");
    }

    #[test]
    fn contradictions_are_errors() {
        for delta in [
            &[][..],
            &[5],
            &[4, 1, 1, b'x'],
            &[5, 2, 1, b'x'],
            &[5, 1, 2, b'x', b'y'],
            &[5, 1, 0],
            &[5, 9, 0x91, 1, 9],
            &[5, 1, 0x91],
            &[5, 1, 3, b'x'],
            &[5, 0xff, 0xff, 0x7f],
        ] {
            assert!(applied(b"abcde", delta).is_err(), "{delta:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_deltas_never_panic(base in prop::collection::vec(any::<u8>(), 0..64), delta in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(result) = applied(&base, &delta) {
                prop_assert!(result.len() <= 1000);
            }
        }
    }
}
