//! Where the entries of a pack start, in the order in which they lie.
//!
//! Entries are spread over a pack, so each is dealt into the stretch of the pack that it starts in: what is left to
//! sort, and later to look through, are the few of one stretch.

use super::Index;

/// Where an entry starts in the pack, where it stands in the index, and its checksum: looked up here, where the index is
/// gone through in its own order, and not later, in that of the pack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) position: u32,
    /// The CRC-32 of the entry; 0 if the index has none.
    pub(super) checksum: u32,
}

/// The places of all entries, sorted. An entry's number is its place among them.
pub(super) struct Offsets {
    places: Vec<Place>,
    /// Where the entries of each stretch end among all.
    ends: Vec<u32>,
    /// The length of a stretch, as a power of two.
    stretch: u32,
}

impl Offsets {
    /// The entries of a pack of `length` bytes. Those of which the index does not tell where they start come last.
    pub(super) fn of(index: Index<'_>, length: usize) -> Self {
        let mut offsets = Self { places: Vec::new(), ends: Vec::new(), stretch: 0 };
        while length >> offsets.stretch > index.len() {
            offsets.stretch += 1;
        }
        // Whatever starts behind the end is in the last one.
        offsets.ends = vec![0; (length >> offsets.stretch) + 1];
        let all = (0..index.len()).map(|position| index.offset(position).unwrap_or(u64::MAX));
        for offset in all.clone() {
            let stretch = offsets.stretch_of(offset);
            offsets.ends[stretch] += 1;
        }
        let mut sum = 0;
        for end in &mut offsets.ends {
            sum += *end;
            *end = sum - *end;
        }
        offsets.places = vec![Place::default(); index.len()];
        for (position, offset) in all.enumerate() {
            let stretch = offsets.stretch_of(offset);
            let next = &mut offsets.ends[stretch];
            let checksum = index.checksum(position).unwrap_or_default();
            offsets.places[*next as usize] = Place { offset, position: position as u32, checksum };
            *next += 1;
        }
        let mut start = 0;
        for end in &offsets.ends {
            let near = &mut offsets.places[start..*end as usize];
            // Those at one offset were dealt in the order of the index, and stay in it.
            if near.len() > 1 {
                near.sort_by_key(|place| place.offset);
            }
            start = *end as usize;
        }
        offsets
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn place(&self, number: u32) -> Place {
        self.places[number as usize]
    }

    /// Where the entry of the next number starts.
    pub(super) fn next(&self, number: u32) -> Option<u64> {
        self.places.get(number as usize + 1).map(|place| place.offset)
    }

    /// The number of the entry at an offset: the last, if there are several.
    pub(super) fn at(&self, offset: u64) -> Option<u32> {
        let stretch = self.stretch_of(offset);
        let start = stretch.checked_sub(1).map_or(0, |before| self.ends[before]);
        let near = &self.places[start as usize..self.ends[stretch] as usize];
        let after = near.partition_point(|place| place.offset <= offset);
        let before = after.checked_sub(1)?;
        (near[before].offset == offset).then_some(start + before as u32)
    }

    fn stretch_of(&self, offset: u64) -> usize {
        let stretch = usize::try_from(offset >> self.stretch).unwrap_or(usize::MAX);
        stretch.min(self.ends.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An index of version 2 that says where its objects start; ids and checksums are zeros.
    fn index(offsets: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
        bytes.extend((offsets.len() as u32).to_be_bytes().repeat(256));
        bytes.resize(bytes.len() + 24 * offsets.len(), 0);
        bytes.extend((0..offsets.len() as u32).flat_map(|at| (0x8000_0000 | at).to_be_bytes()));
        bytes.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
        bytes.resize(bytes.len() + 40, 0);
        bytes
    }

    proptest! {
        #[test]
        fn places_are_sorted_and_found(
            offsets in prop::collection::vec(prop_oneof![8 => 0..500_u64, 1 => 0..100_000_u64, 1 => any::<u64>()], 0..100),
            length in prop_oneof![0..600_usize, 0..100_000_usize],
        ) {
            let index = index(&offsets);
            let all = Offsets::of(Index::parse(&index).unwrap(), length);
            let mut sorted: Vec<(u64, u32)> = offsets.iter().copied().zip(0..).collect();
            sorted.sort_unstable();
            let places = (0..all.len() as u32).map(|number| all.place(number));
            let places: Vec<_> = places.map(|place| (place.offset, place.position)).collect();
            prop_assert_eq!(&places, &sorted);
            for offset in offsets.iter().copied().chain(0..600) {
                let last = sorted.iter().rposition(|(one, _)| *one == offset);
                prop_assert_eq!(all.at(offset).map(|number| number as usize), last);
            }
        }
    }
}
