//! Pack indexes of version 2: which objects a pack holds, and where.

use super::PackError;

/// An object id of SHA-1.
pub(crate) type Id = [u8; 20];

const HEADER: usize = 8;
const FANOUT: usize = 256 * 4;
/// Where the table of ids starts.
const IDS: usize = HEADER + FANOUT;
/// Two checksums end an index.
const TRAILER: usize = 40;

/// A parsed index over its file's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Index<'a> {
    /// Checks the frame of an index; tables are read when they are asked for.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, PackError> {
        if bytes.len() < HEADER + FANOUT + TRAILER {
            return Err(PackError::Corrupt("the index is too short"));
        }
        if bytes[..4] != [0xff, b't', b'O', b'c'] || bytes[4..8] != [0, 0, 0, 2] {
            return Err(PackError::Unsupported("the index is not of version 2"));
        }
        let count = be32(bytes, HEADER + FANOUT - 4) as usize;
        let index = Self { bytes, count };
        if index.large_offsets() + TRAILER > bytes.len() {
            return Err(PackError::Corrupt("the index is shorter than its tables"));
        }
        let fanout = (0..256).map(|slot| be32(bytes, HEADER + 4 * slot));
        if !fanout.is_sorted() {
            return Err(PackError::Corrupt("the index's fan-out is not sorted"));
        }
        Ok(index)
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The id of the object at `position`, in the order of ids.
    pub(crate) fn id(&self, position: usize) -> Id {
        let at = IDS + 20 * position;
        self.bytes[at..at + 20].try_into().expect("the frame was checked")
    }

    /// Where the object at `position` starts in the pack.
    pub(crate) fn offset(&self, position: usize) -> Result<u64, PackError> {
        let small = be32(self.bytes, self.offsets() + 4 * position);
        if small & 0x8000_0000 == 0 {
            return Ok(u64::from(small));
        }
        let at = self.large_offsets() + 8 * (small & 0x7fff_ffff) as usize;
        let large = self.bytes.get(at..at + 8).filter(|_| at + 8 + TRAILER <= self.bytes.len());
        let large = large.ok_or(PackError::Corrupt("an offset lies outside of the index"))?;
        Ok(u64::from_be_bytes(large.try_into().expect("eight bytes were taken")))
    }

    /// The position of the object `id`.
    pub(crate) fn find(&self, id: &Id) -> Option<usize> {
        let slot = usize::from(id[0]);
        let fanout = |slot: usize| be32(self.bytes, HEADER + 4 * slot) as usize;
        let (mut low, mut high) = (if slot == 0 { 0 } else { fanout(slot - 1) }, fanout(slot));
        while low < high {
            let middle = low.midpoint(high);
            match self.id(middle).cmp(id) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Behind the ids stands a table of checksums, 4 bytes each.
    fn offsets(&self) -> usize {
        IDS + 24 * self.count
    }

    fn large_offsets(&self) -> usize {
        self.offsets() + 4 * self.count
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("the frame was checked"))
}
