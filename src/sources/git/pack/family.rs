//! The entries of a pack and how they hang together: families of deltas, each below a whole object.

use std::sync::Mutex;

use rayon::prelude::*;

use super::entry::{self, Form};
use super::{Id, Index, Kind, PackError, TRAILER};

const NONE: u32 = u32::MAX;

/// What a pack starts with: its name, its version, and how many entries it has.
const HEADER: usize = 12;

/// A pack with its entries' headers read and its families linked.
#[derive(Clone, Copy)]
pub(crate) struct Pack<'a> {
    data: &'a [u8],
    pub(super) index: Index<'a>,
    families: &'a Families,
}

/// What the headers of all entries of a pack say. Entries are numbered in the order of offsets.
#[derive(Default)]
pub(crate) struct Families {
    places: Vec<Place>,
    nodes: Vec<Node>,
    /// The deltas on each entry lie side by side, those with the fewest entries below them first.
    children: Vec<u32>,
    /// Where the deltas on each entry start in `children`, and one more number.
    first_child: Vec<u32>,
    /// Entries below each entry, itself counted.
    family: Vec<u32>,
    /// Entries that cannot be used, nor those below them.
    unusable: Vec<(u32, PackError)>,
    /// Entries that are deltas on each other, and what hangs below them.
    circles: Vec<u32>,
}

/// Where an entry starts in the pack, and where it stands in the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    offset: u64,
    position: u32,
}

/// What the header of an entry says.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Bytes of the entry once inflated: of the object, or of the delta.
    pub(super) size: u64,
    header: u8,
    /// The kind of what is no delta.
    pub(super) whole: Option<Kind>,
}

impl Families {
    /// Reads all headers of the pack in `data`, whose index is `index`, on the threads of the current pool.
    pub(crate) fn of(data: &[u8], index: Index<'_>) -> Self {
        let mut places: Vec<Place> = (0..index.len())
            .map(|position| Place {
                offset: index.offset(position).unwrap_or(u64::MAX),
                position: position as u32,
            })
            .collect();
        places.par_sort_unstable();
        let mut families = Self { places, ..Self::default() };
        let pack = Pack::new(data, index, &families);
        let unusable = Mutex::new(Vec::new());
        let (mut nodes, mut bases) = (Vec::new(), Vec::new());
        let numbers = (0..pack.families.places.len() as u32).into_par_iter();
        let read = numbers.map(|number| {
            pack.read(number).unwrap_or_else(|error| {
                unusable.lock().expect("collecting does not panic").push((number, error));
                (Node { size: 0, header: 0, whole: None }, NONE)
            })
        });
        read.unzip_into_vecs(&mut nodes, &mut bases);
        families.nodes = nodes;
        families.unusable = unusable.into_inner().expect("collecting does not panic");
        families.unusable.sort_unstable_by_key(|(number, _)| *number);
        families.link(&bases);
        families
    }

    /// The number of the entry at an offset: the last, if there are several.
    fn at(&self, offset: u64) -> Option<u32> {
        let after = self.places.partition_point(|place| place.offset <= offset);
        let number = after.checked_sub(1)?;
        (self.places[number].offset == offset).then_some(number as u32)
    }

    /// Puts the deltas on each entry side by side, and counts families.
    fn link(&mut self, bases: &[u32]) {
        let count = self.nodes.len();
        self.first_child = vec![0; count + 1];
        for base in bases.iter().filter(|base| **base != NONE) {
            self.first_child[*base as usize + 1] += 1;
        }
        for number in 0..count {
            self.first_child[number + 1] += self.first_child[number];
        }
        let mut next = self.first_child.clone();
        self.children = vec![0; self.first_child[count] as usize];
        for (number, base) in bases.iter().enumerate().filter(|(_, base)| **base != NONE) {
            let place = &mut next[*base as usize];
            self.children[*place as usize] = number as u32;
            *place += 1;
        }
        self.count_families(bases);
        let family = &self.family;
        for number in 0..count {
            let range = self.first_child[number] as usize..self.first_child[number + 1] as usize;
            // Whoever walks a family lets go of an object before it turns to the last of its deltas: with the largest
            // branch last, the objects held at once are no more than the logarithm of the family's size.
            self.children[range].sort_by_key(|child| family[*child as usize]);
        }
    }

    fn count_families(&mut self, bases: &[u32]) {
        let starts = (0..bases.len() as u32).filter(|number| bases[*number as usize] == NONE);
        let mut order: Vec<u32> = Vec::with_capacity(bases.len());
        order.extend(starts);
        let mut done = 0;
        while let Some(number) = order.get(done).copied() {
            order.extend_from_slice(self.children(number));
            done += 1;
        }
        self.family = vec![0; bases.len()];
        for number in order.into_iter().rev() {
            self.family[number as usize] += 1;
            if let Some(base) = bases.get(number as usize).filter(|base| **base != NONE) {
                self.family[*base as usize] += self.family[number as usize];
            }
        }
        // Only what hangs below a start was counted; the rest goes round and round.
        let circles = (0..bases.len() as u32).filter(|number| self.family[*number as usize] == 0);
        self.circles = circles.collect();
    }

    /// The entries that are deltas on an entry.
    fn children(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.children[self.first_child[number] as usize..self.first_child[number + 1] as usize]
    }
}

impl<'a> Pack<'a> {
    /// The pack in `data` with its index, and the families that were read of them.
    pub(crate) fn new(data: &'a [u8], index: Index<'a>, families: &'a Families) -> Self {
        Self { data, index, families }
    }

    /// Reads the header of an entry; with it comes the number of the entry that it is a delta on.
    fn read(&self, number: u32) -> Result<(Node, u32), PackError> {
        let Place { offset, position } = self.families.places[number as usize];
        let position = position as usize;
        self.index.offset(position)?;
        if self.families.places.get(number as usize + 1).is_some_and(|next| next.offset == offset) {
            return Err(PackError::Corrupt("its index has another object at the same offset"));
        }
        let bytes = self.bytes(number)?;
        // Without this, a wrong bit in a header could make a blob a tree, which nobody would miss.
        if self.index.checksum(position).is_some_and(|sum| sum != libdeflater::crc32(bytes)) {
            return Err(PackError::Corrupt("its entry does not match its checksum"));
        }
        let header = entry::parse(bytes)?;
        let mut node = Node { size: header.size, header: header.len as u8, whole: None };
        let base = match header.form {
            Form::Whole(kind) => {
                node.whole = Some(kind);
                return Ok((node, NONE));
            }
            Form::OffsetDelta(distance) => offset.checked_sub(distance),
            Form::IdDelta(id) => match self.index.find(&id) {
                Some(position) => Some(self.index.offset(position)?),
                None => return Err(PackError::Corrupt("what it is a delta on is not in its pack")),
            },
        };
        let base = base.and_then(|offset| self.families.at(offset));
        base.map(|base| (node, base))
            .ok_or(PackError::Corrupt("what it is a delta on is no entry of its pack"))
    }

    /// How many objects the pack holds.
    pub(super) fn len(&self) -> usize {
        self.families.nodes.len()
    }

    pub(super) fn node(&self, number: u32) -> &Node {
        &self.families.nodes[number as usize]
    }

    /// Where an entry stands in the index.
    pub(super) fn position(&self, number: u32) -> usize {
        self.families.places[number as usize].position as usize
    }

    pub(super) fn id(&self, number: u32) -> Id {
        self.index.id(self.position(number))
    }

    /// The entries that are deltas on an entry.
    pub(super) fn children(&self, number: u32) -> &'a [u32] {
        self.families.children(number)
    }

    /// How many entries hang below an entry, itself counted.
    pub(super) fn family(&self, number: u32) -> u32 {
        self.families.family[number as usize]
    }

    /// Entries that cannot be used, nor those below them.
    pub(super) fn unusable(&self) -> &'a [(u32, PackError)] {
        &self.families.unusable
    }

    /// Entries that are deltas on each other, and what hangs below them.
    pub(super) fn circles(&self) -> &'a [u32] {
        &self.families.circles
    }

    /// The deflated bytes of an entry.
    pub(super) fn body(&self, number: u32) -> Result<&'a [u8], PackError> {
        let bytes = self.bytes(number)?;
        Ok(&bytes[usize::from(self.families.nodes[number as usize].header)..])
    }

    /// The bytes of an entry, up to the next one.
    fn bytes(&self, number: u32) -> Result<&'a [u8], PackError> {
        let end = self.data.len().saturating_sub(TRAILER) as u64;
        let start = self.families.places[number as usize].offset;
        let next = self.families.places.get(number as usize + 1).map_or(end, |next| next.offset);
        if start < HEADER as u64 || start >= end {
            return Err(PackError::Corrupt("its entry lies outside of its pack"));
        }
        Ok(&self.data[start as usize..next.min(end) as usize])
    }
}
