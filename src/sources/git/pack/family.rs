//! The entries of a pack and how they hang together: families of deltas, each below a whole object.

use rayon::prelude::*;

use super::entry::{self, Form, Header};
use super::{Id, Index, Kind, PackError, TRAILER};

const NONE: u32 = u32::MAX;

/// What a pack starts with: its name, its version, and how many entries it has.
const HEADER: usize = 12;

/// A pack with its entries' headers read and its families linked. Entries are numbered in the order of offsets.
pub(crate) struct Pack<'a> {
    data: &'a [u8],
    pub(super) index: Index<'a>,
    nodes: Vec<Node>,
    /// The deltas on each entry lie side by side, those with the fewest entries below them first.
    children: Vec<u32>,
    /// Where the deltas on each entry start in `children`, and one more number.
    first_child: Vec<u32>,
    /// Entries below each entry, itself counted.
    family: Vec<u32>,
    /// Entries that cannot be used, nor those below them.
    pub(super) unusable: Vec<(u32, PackError)>,
    /// Entries that are deltas on each other, and what hangs below them.
    pub(super) circles: Vec<u32>,
}

/// An entry.
#[derive(Clone, Copy)]
pub(super) struct Node {
    offset: u64,
    /// Bytes of the entry once inflated: of the object, or of the delta.
    pub(super) size: u64,
    pub(super) position: u32,
    header: u8,
    /// The kind of what is no delta.
    pub(super) whole: Option<Kind>,
}

impl<'a> Pack<'a> {
    /// Reads all headers of the pack in `data`, whose index is `index`, on the threads of the current pool.
    pub(crate) fn new(data: &'a [u8], index: Index<'a>) -> Self {
        let mut unusable = Vec::new();
        let mut nodes = Vec::with_capacity(index.len());
        for position in 0..index.len() {
            let offset = index.offset(position);
            nodes.push(Node {
                offset: *offset.as_ref().unwrap_or(&u64::MAX),
                size: 0,
                position: position as u32,
                header: 0,
                whole: None,
            });
        }
        nodes.par_sort_unstable_by_key(|node| (node.offset, node.position));
        let mut pack = Self {
            data,
            index,
            nodes,
            children: Vec::new(),
            first_child: Vec::new(),
            family: Vec::new(),
            unusable: Vec::new(),
            circles: Vec::new(),
        };
        let headers: Vec<Result<(Header, u32), PackError>> = (0..pack.nodes.len() as u32)
            .into_par_iter()
            .map(|number| pack.header(number))
            .collect();
        let mut bases = vec![NONE; pack.nodes.len()];
        for (number, header) in headers.into_iter().enumerate() {
            match header {
                Ok((header, base)) => {
                    let node = &mut pack.nodes[number];
                    (node.size, node.header) = (header.size, header.len as u8);
                    bases[number] = base;
                    if let Form::Whole(kind) = header.form {
                        node.whole = Some(kind);
                    }
                }
                Err(error) => unusable.push((number as u32, error)),
            }
        }
        pack.unusable = unusable;
        pack.link(&bases);
        pack
    }

    /// The header of an entry, and the number of the entry that it is a delta on.
    fn header(&self, number: u32) -> Result<(Header, u32), PackError> {
        let node = &self.nodes[number as usize];
        let position = node.position as usize;
        self.index.offset(position)?;
        if self.nodes.get(number as usize + 1).is_some_and(|next| next.offset == node.offset) {
            return Err(PackError::Corrupt("its index has another object at the same offset"));
        }
        let bytes = self.bytes(number)?;
        // Without this, a wrong bit in a header could make a blob a tree, which nobody would miss.
        if self.index.checksum(position).is_some_and(|sum| sum != libdeflater::crc32(bytes)) {
            return Err(PackError::Corrupt("its entry does not match its checksum"));
        }
        let header = entry::parse(bytes)?;
        let base = match header.form {
            Form::Whole(_) => return Ok((header, NONE)),
            Form::OffsetDelta(distance) => node.offset.checked_sub(distance),
            Form::IdDelta(id) => match self.index.find(&id) {
                Some(position) => Some(self.index.offset(position)?),
                None => return Err(PackError::Corrupt("what it is a delta on is not in its pack")),
            },
        };
        let base = base.and_then(|offset| self.at(offset));
        base.map(|base| (header, base))
            .ok_or(PackError::Corrupt("what it is a delta on is no entry of its pack"))
    }

    /// The number of the entry at an offset: the last, if there are several.
    fn at(&self, offset: u64) -> Option<u32> {
        let after = self.nodes.partition_point(|node| node.offset <= offset);
        let number = after.checked_sub(1)?;
        (self.nodes[number].offset == offset).then_some(number as u32)
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

    /// How many objects the pack holds.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize]
    }

    pub(super) fn id(&self, number: u32) -> Id {
        self.index.id(self.nodes[number as usize].position as usize)
    }

    /// The entries that are deltas on an entry.
    pub(super) fn children(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.children[self.first_child[number] as usize..self.first_child[number + 1] as usize]
    }

    /// How many entries hang below an entry, itself counted.
    pub(super) fn family(&self, number: u32) -> u32 {
        self.family[number as usize]
    }

    /// The deflated bytes of an entry.
    pub(super) fn body(&self, number: u32) -> Result<&'a [u8], PackError> {
        let bytes = self.bytes(number)?;
        Ok(&bytes[usize::from(self.nodes[number as usize].header)..])
    }

    /// The bytes of an entry, up to the next one.
    fn bytes(&self, number: u32) -> Result<&'a [u8], PackError> {
        let end = self.data.len().saturating_sub(TRAILER) as u64;
        let start = self.nodes[number as usize].offset;
        let next = self.nodes.get(number as usize + 1).map_or(end, |next| next.offset);
        if start < HEADER as u64 || start >= end {
            return Err(PackError::Corrupt("its entry lies outside of its pack"));
        }
        Ok(&self.data[start as usize..next.min(end) as usize])
    }
}
