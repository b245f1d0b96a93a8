//! The entries of a pack and how they hang together: families of deltas, each below a whole object.

use std::sync::Mutex;

use rayon::prelude::*;

use super::entry::{self, Form, Header};
use super::offsets::{Offsets, Place};
use super::{Id, Index, Kind, PackError, TRAILER};

const NONE: u32 = u32::MAX;

/// What a pack starts with: its name, its version, and how many entries it has.
const HEADER: usize = 12;

/// A pack with its entries' headers read and its families linked.
#[derive(Clone, Copy)]
pub(crate) struct Pack<'a> {
    data: &'a [u8],
    families: &'a Families,
}

/// What the headers of all entries of a pack say. Entries are numbered in the order of offsets.
#[derive(Default)]
pub(crate) struct Families {
    /// One more than there are, which says where the last one ends.
    entries: Vec<Entry>,
    /// The deltas on each entry lie side by side, those with the fewest entries below them first.
    children: Vec<u32>,
    /// Entries below each entry, itself counted.
    family: Vec<u32>,
    /// Entries that cannot be used, nor those below them.
    unusable: Vec<(u32, PackError)>,
    /// Entries that are deltas on each other, and what hangs below them.
    circles: Vec<u32>,
}

/// All that a walk needs to know of an entry. Families are walked in no order that memory is laid out in, so it lies in
/// one place: to fetch its parts from tables of their own costs more than to rebuild a small object.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Where it starts in the pack.
    offset: u64,
    /// Bytes of the entry once inflated: of the object, or of the delta.
    pub(super) size: u64,
    /// Where the deltas on it start among those of all entries. Those of the next entry follow them.
    first_child: u32,
    pub(super) id: Id,
    /// Bytes that its header takes.
    header: u8,
    /// The kind of what is no delta.
    pub(super) whole: Option<Kind>,
    /// Whether the index has another entry of this id before.
    pub(super) is_repeated: bool,
}

impl Families {
    /// Reads all headers of the pack in `data`, whose index is `index`, on the threads of the current pool. To link them
    /// takes one thread; another one does `meanwhile`.
    pub(crate) fn of(data: &[u8], index: Index<'_>, meanwhile: impl FnOnce() + Send) -> Self {
        let offsets = Offsets::of(index, data.len());
        let unusable = Mutex::new(Vec::new());
        let (mut entries, mut bases) = (Vec::with_capacity(offsets.len() + 1), Vec::new());
        let numbers = (0..offsets.len() as u32).into_par_iter();
        let read = numbers.map(|number| {
            let Place { offset, position, .. } = offsets.place(number);
            let position = position as usize;
            let (id, is_repeated) = (index.id(position), index.is_repeated(position));
            let unread = Entry { offset, id, is_repeated, ..Entry::behind_all() };
            read(data, index, &offsets, number).map_or_else(
                |error| {
                    unusable.lock().expect("collecting does not panic").push((number, error));
                    (unread, NONE)
                },
                |(Header { form, size, len }, base)| {
                    let whole = if let Form::Whole(kind) = form { Some(kind) } else { None };
                    (Entry { size, whole, header: len as u8, ..unread }, base)
                },
            )
        });
        read.unzip_into_vecs(&mut entries, &mut bases);
        entries.push(Entry::behind_all());
        let mut unusable = unusable.into_inner().expect("collecting does not panic");
        unusable.sort_unstable_by_key(|(number, _)| *number);
        let mut families = Self { entries, unusable, ..Self::default() };
        let beside = || {
            drop(offsets);
            meanwhile();
        };
        rayon::join(|| families.link(&bases), beside);
        families
    }

    /// Puts the deltas on each entry side by side, and counts families.
    fn link(&mut self, bases: &[u32]) {
        let mut next = vec![0; bases.len()];
        for base in bases.iter().filter(|base| **base != NONE) {
            next[*base as usize] += 1;
        }
        let mut sum = 0;
        for next in &mut next {
            sum += *next;
            *next = sum - *next;
        }
        self.children = vec![0; sum as usize];
        for (number, base) in (0..).zip(bases).filter(|(_, base)| **base != NONE) {
            let place = &mut next[*base as usize];
            self.children[*place as usize] = number;
            *place += 1;
        }
        // Each is where the children of an entry end now. Entries are many bytes each: they are gone through once.
        let mut start = 0;
        for (entry, end) in self.entries.iter_mut().zip(next.iter().chain([&sum])) {
            entry.first_child = start;
            start = *end;
        }
        self.count_families(bases);
        let (family, mut start) = (&self.family, 0);
        for end in next {
            // Whoever walks a family lets go of an object before it turns to the last of its deltas: with the largest
            // branch last, the objects held at once are no more than the logarithm of the family's size.
            let children = &mut self.children[start as usize..end as usize];
            if children.len() > 1 {
                children.sort_by_key(|child| family[*child as usize]);
            }
            start = end;
        }
    }

    fn count_families(&mut self, bases: &[u32]) {
        let numbers = 0..bases.len() as u32;
        let base_of = |number: u32| Some(bases[number as usize]).filter(|base| *base != NONE);
        self.family = vec![0; bases.len()];
        let mut count = |number: u32| {
            self.family[number as usize] += 1;
            if let Some(base) = base_of(number) {
                self.family[base as usize] += self.family[number as usize];
            }
        };
        // Git puts what others are deltas on before these, unless it names bases by their ids.
        if numbers.clone().all(|number| base_of(number).is_none_or(|base| base < number)) {
            return numbers.rev().for_each(count);
        }
        let mut order: Vec<u32> = Vec::with_capacity(bases.len());
        order.extend(numbers.clone().filter(|number| base_of(*number).is_none()));
        let mut done = 0;
        while let Some(number) = order.get(done).copied() {
            order.extend_from_slice(children(&self.entries, &self.children, number));
            done += 1;
        }
        order.into_iter().rev().for_each(&mut count);
        // Only what hangs below a start was counted; the rest goes round and round.
        let circles = numbers.filter(|number| self.family[*number as usize] == 0);
        self.circles = circles.collect();
    }
}

impl Entry {
    /// One that starts behind every other, and has nothing.
    fn behind_all() -> Self {
        Self {
            offset: u64::MAX,
            size: 0,
            first_child: 0,
            id: [0; 20],
            header: 0,
            whole: None,
            is_repeated: false,
        }
    }
}

/// The entries that are deltas on an entry, of those of all.
fn children<'a>(entries: &[Entry], children: &'a [u32], number: u32) -> &'a [u32] {
    let number = number as usize;
    &children[entries[number].first_child as usize..entries[number + 1].first_child as usize]
}

/// Reads the header of an entry; with it comes the number of the entry that it is a delta on.
fn read(
    data: &[u8],
    index: Index<'_>,
    offsets: &Offsets,
    number: u32,
) -> Result<(Header, u32), PackError> {
    let Place { offset, position, checksum } = offsets.place(number);
    if offset == u64::MAX {
        // Why, if nobody knows where it starts.
        index.offset(position as usize)?;
    }
    let next = offsets.next(number);
    if next == Some(offset) {
        return Err(PackError::Corrupt("its index has another object at the same offset"));
    }
    let bytes = bytes(data, offset, next.unwrap_or(u64::MAX))?;
    // Without this, a wrong bit in a header could make a blob a tree, which nobody would miss.
    if index.has_checksums() && checksum != libdeflater::crc32(bytes) {
        return Err(PackError::Corrupt("its entry does not match its checksum"));
    }
    let header = entry::parse(bytes)?;
    let base = match header.form {
        Form::Whole(_) => return Ok((header, NONE)),
        Form::OffsetDelta(distance) => offset.checked_sub(distance),
        Form::IdDelta(id) => match index.find(&id) {
            Some(position) => Some(index.offset(position)?),
            None => return Err(PackError::Corrupt("what it is a delta on is not in its pack")),
        },
    };
    let base = base.and_then(|offset| offsets.at(offset));
    base.map(|base| (header, base))
        .ok_or(PackError::Corrupt("what it is a delta on is no entry of its pack"))
}

/// The bytes of an entry, up to the next one.
fn bytes(data: &[u8], start: u64, next: u64) -> Result<&[u8], PackError> {
    let end = data.len().saturating_sub(TRAILER) as u64;
    if start < HEADER as u64 || start >= end {
        return Err(PackError::Corrupt("its entry lies outside of its pack"));
    }
    Ok(&data[start as usize..next.min(end) as usize])
}

impl<'a> Pack<'a> {
    /// The pack in `data`, and the families that were read of it.
    pub(crate) fn new(data: &'a [u8], families: &'a Families) -> Self {
        Self { data, families }
    }

    /// How many objects the pack holds.
    pub(super) fn len(&self) -> usize {
        self.families.entries.len() - 1
    }

    pub(super) fn entry(&self, number: u32) -> &'a Entry {
        &self.families.entries[number as usize]
    }

    /// The entries that are deltas on an entry.
    pub(super) fn children(&self, number: u32) -> &'a [u32] {
        children(&self.families.entries, &self.families.children, number)
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
        self.body_and_more(number).map(|(bytes, len)| &bytes[..len])
    }

    /// The deflated bytes of an entry, which are so many, and all that follow in the pack.
    pub(super) fn body_and_more(&self, number: u32) -> Result<(&'a [u8], usize), PackError> {
        let (entry, next) = (self.entry(number), self.entry(number + 1));
        let header = usize::from(entry.header);
        let len = bytes(self.data, entry.offset, next.offset)?.len() - header;
        Ok((&self.data[entry.offset as usize + header..], len))
    }
}
