//! Pack indexes of versions 1 and 2: which objects a pack holds, and where.
//!
//! Only the frame is checked when one is opened. Tables are read with bounds as they are asked for, so that an index
//! with a wrong bit still tells of all other objects; `is_intact` says whether it is as it was written.

use std::cmp::Ordering;

use sha1::{Digest, Sha1};

use super::PackError;

/// An object id of SHA-1.
pub(crate) type Id = [u8; 20];

const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FANOUT: usize = 256 * 4;
/// Two checksums end an index: of the pack, and of what stands before it.
const TRAILER: usize = 40;

/// A parsed index over its file's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index<'a> {
    bytes: &'a [u8],
    frame: Frame,
}

/// What is known of an index without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    version: Version,
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Offset and id of each object side by side.
    One,
    /// Tables of ids, of checksums, of offsets and of large offsets.
    Two,
}

impl<'a> Index<'a> {
    /// Checks the frame of an index.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, PackError> {
        let version = if bytes.starts_with(&MAGIC) {
            Version::Two
        } else if bytes.starts_with(&MAGIC[..4]) {
            return Err(PackError::Unsupported("its index is of a version that is not known"));
        } else {
            Version::One
        };
        let (header, record) = match version {
            Version::One => (0, 24),
            Version::Two => (MAGIC.len(), 28),
        };
        let tables = bytes.len().checked_sub(header + FANOUT + TRAILER);
        let tables = tables.ok_or(PackError::Corrupt("its index is too short"))?;
        let count = be32(bytes, header + FANOUT - 4) as usize;
        let fits = match version {
            Version::One => count * record == tables,
            Version::Two => count * record <= tables,
        };
        if !fits {
            return Err(PackError::Corrupt("its index is shorter or longer than its tables"));
        }
        Ok(Self { bytes, frame: Frame { version, count } })
    }

    /// The index that `frame` was taken from, without checking it again.
    pub(crate) fn framed(bytes: &'a [u8], frame: Frame) -> Self {
        Self { bytes, frame }
    }

    /// What is known of it without its bytes.
    pub(crate) fn frame(&self) -> Frame {
        self.frame
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.frame.count
    }

    /// The id of the object at `position`, in the order of ids.
    pub(crate) fn id(&self, position: usize) -> Id {
        *self.id_at(position)
    }

    fn id_at(&self, position: usize) -> &'a Id {
        let at = self.tables()
            + match self.frame.version {
                Version::One => 24 * position + 4,
                Version::Two => 20 * position,
            };
        self.bytes[at..].first_chunk().expect("the frame was checked")
    }

    /// Where the object at `position` starts in the pack.
    pub(crate) fn offset(&self, position: usize) -> Result<u64, PackError> {
        if self.frame.version == Version::One {
            return Ok(u64::from(be32(self.bytes, self.tables() + 24 * position)));
        }
        let small = be32(self.bytes, self.tables() + 24 * self.frame.count + 4 * position);
        if small & 0x8000_0000 == 0 {
            return Ok(u64::from(small));
        }
        let large = self.tables() + 28 * self.frame.count;
        let large = self.bytes.get(large..self.bytes.len() - TRAILER).unwrap_or_default();
        let (numbers, _) = large.as_chunks::<8>();
        let number = numbers.get((small & 0x7fff_ffff) as usize).copied();
        number
            .map(u64::from_be_bytes)
            .ok_or(PackError::Corrupt("its index has no place for its offset"))
    }

    /// Whether there is a checksum of each entry.
    pub(crate) fn has_checksums(&self) -> bool {
        self.frame.version == Version::Two
    }

    /// The CRC-32 of the entry of the object at `position`. Version 1 has none.
    pub(crate) fn checksum(&self, position: usize) -> Option<u32> {
        let table = self.tables() + 20 * self.frame.count;
        (self.frame.version == Version::Two).then(|| be32(self.bytes, table + 4 * position))
    }

    /// The position of the object `id`.
    pub(crate) fn find(&self, id: &Id) -> Option<usize> {
        let slot = usize::from(id[0]);
        let fanout = |slot: usize| {
            let number = be32(self.bytes, self.tables() - FANOUT + 4 * slot) as usize;
            number.min(self.frame.count)
        };
        let (mut low, mut high) = (if slot == 0 { 0 } else { fanout(slot - 1) }, fanout(slot));
        if low >= high {
            return None;
        }
        // Ids are spread evenly, so the bytes that follow tell about where in its slot an id is: it is looked for in
        // growing steps from there.
        let next = u32::from_be_bytes([id[1], id[2], id[3], id[4]]);
        let guess = low + (((high - low) as u64 * u64::from(next)) >> 32) as usize;
        let prefix = first(id);
        let compare = |position: usize| {
            let other = self.id_at(position);
            first(other).cmp(&prefix).then_with(|| other.cmp(id))
        };
        let mut step = 4;
        if compare(guess) == Ordering::Greater {
            high = guess;
            while high - low > step && compare(high - step) == Ordering::Greater {
                high -= step;
                step *= 2;
            }
            low = low.max(high.saturating_sub(step));
        } else {
            low = guess;
            while high - low > step && compare(low + step) != Ordering::Greater {
                low += step;
                step *= 2;
            }
            high = high.min(low + step);
        }
        while low < high {
            let middle = low.midpoint(high);
            match compare(middle) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether an object's id stands at an earlier position, too.
    pub(crate) fn is_repeated(&self, position: usize) -> bool {
        position > 0 && self.id(position - 1) == self.id(position)
    }

    /// The checksum that the pack has to end with.
    pub(crate) fn pack_checksum(&self) -> &'a [u8] {
        let at = self.bytes.len() - TRAILER;
        &self.bytes[at..at + 20]
    }

    /// Whether the index matches the checksum that it ends with.
    pub(crate) fn is_intact(&self) -> bool {
        let (summed, checksum) = self.bytes.split_at(self.bytes.len() - 20);
        Sha1::digest(summed)[..] == *checksum
    }

    /// Where the tables behind the fan-out start.
    fn tables(&self) -> usize {
        match self.frame.version {
            Version::One => FANOUT,
            Version::Two => MAGIC.len() + FANOUT,
        }
    }
}

/// The first bytes of an id, which nearly always tell how it stands to another one.
fn first(id: &Id) -> u64 {
    u64::from_be_bytes(*id.first_chunk().expect("an id has twenty bytes"))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("the frame was checked"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An index of version 2 with these ids and no offsets.
    fn index(ids: &[Id]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for slot in 0..=255 {
            let count = ids.iter().filter(|id| id[0] <= slot).count();
            bytes.extend((count as u32).to_be_bytes());
        }
        bytes.extend(ids.concat());
        bytes.resize(bytes.len() + 8 * ids.len() + TRAILER, 0);
        bytes
    }

    /// Few first bytes, so that slots are full; and ids that nearly are each other.
    fn id() -> impl Strategy<Value = Id> {
        let spread = any::<[u8; 19]>();
        let alike = any::<[u8; 2]>().prop_map(|ends| {
            let mut id = [7; 19];
            (id[0], id[18]) = (ends[0], ends[1] % 3);
            id
        });
        (0..3_u8, prop_oneof![spread, alike]).prop_map(|(first, rest)| {
            let mut id = [first; 20];
            id[1..].copy_from_slice(&rest);
            id
        })
    }

    proptest! {
        #[test]
        fn ids_are_found_where_they_stand(
            ids in prop::collection::btree_set(id(), 0..300),
            others in prop::collection::vec(id(), 0..50),
        ) {
            let ids: Vec<Id> = ids.into_iter().collect();
            let bytes = index(&ids);
            let index = Index::parse(&bytes).unwrap();
            for id in ids.iter().chain(&others) {
                prop_assert_eq!(index.find(id), ids.binary_search(id).ok());
            }
        }

        #[test]
        fn nothing_panics_where_ids_are_in_no_order(ids in prop::collection::vec(id(), 0..300), other in id()) {
            let mut bytes = index(&ids);
            let check = |bytes: &[u8]| {
                let found = Index::parse(bytes).unwrap().find(&other);
                assert!(found.is_none_or(|position| ids[position] == other));
            };
            check(&bytes);
            bytes[MAGIC.len()..][..FANOUT - 4].reverse();
            check(&bytes);
        }
    }
}
