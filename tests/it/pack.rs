//! Packs and indexes that contradict themselves, are cut off, or have wrong bits: whatever they hold, every object of
//! the index is handed over as it was or named as unread, once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use keylint::sources::git::probe::{self, Seen};
use libdeflater::{CompressionLvl, Compressor};
use proptest::prelude::*;
use sha1::{Digest, Sha1};

use crate::harness::Sandbox;

type Id = [u8; 20];

const BLOB: u8 = 3;
const OFFSET_DELTA: u8 = 6;
const ID_DELTA: u8 = 7;

/// A pack and its index, made by hand.
struct Made {
    compressor: Compressor,
    pack: Vec<u8>,
    /// Id, offset, and checksum of each entry.
    entries: Vec<(Id, u64, u32)>,
}

impl Made {
    fn new() -> Self {
        Self {
            compressor: Compressor::new(CompressionLvl::fastest()),
            pack: b"PACK\0\0\0\x02\0\0\0\0".to_vec(),
            entries: Vec::new(),
        }
    }

    fn here(&self) -> u64 {
        self.pack.len() as u64
    }

    /// Adds an entry that says it is of `size` bytes; `base` stands between header and deflated bytes.
    fn add_sized(&mut self, id: Id, kind: u8, size: u64, base: &[u8], data: &[u8]) -> u64 {
        let offset = self.here();
        let mut rest = size >> 4;
        let mut byte = kind << 4 | (size & 0x0f) as u8;
        while rest > 0 {
            self.pack.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        self.pack.push(byte);
        self.pack.extend_from_slice(base);
        let start = self.pack.len();
        self.pack.resize(start + self.compressor.zlib_compress_bound(data.len()), 0);
        let length = self.compressor.zlib_compress(data, &mut self.pack[start..]).unwrap();
        self.pack.truncate(start + length);
        let sum = libdeflater::crc32(&self.pack[offset as usize..]);
        self.entries.push((id, offset, sum));
        offset
    }

    fn blob(&mut self, id: Id, data: &[u8]) -> u64 {
        self.add_sized(id, BLOB, data.len() as u64, &[], data)
    }

    fn offset_delta(&mut self, id: Id, base: u64, delta: &[u8]) -> u64 {
        let distance = self.here() - base;
        self.add_sized(id, OFFSET_DELTA, delta.len() as u64, &distance_bytes(distance), delta)
    }

    fn id_delta(&mut self, id: Id, base: Id, delta: &[u8]) -> u64 {
        self.add_sized(id, ID_DELTA, delta.len() as u64, &base, delta)
    }

    fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        let sum = Sha1::digest(&self.pack);
        self.pack.extend_from_slice(&sum);
        self.entries.sort_unstable();
        let fanout = |slot: u8| self.entries.partition_point(|entry| entry.0[0] <= slot);
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for slot in 0..=255 {
            index.extend_from_slice(&(fanout(slot) as u32).to_be_bytes());
        }
        for entry in &self.entries {
            index.extend_from_slice(&entry.0);
        }
        for entry in &self.entries {
            index.extend_from_slice(&entry.2.to_be_bytes());
        }
        let mut large = Vec::new();
        for (_, offset, _) in &self.entries {
            let small = if *offset < 1 << 31 {
                *offset as u32
            } else {
                large.extend_from_slice(&offset.to_be_bytes());
                (large.len() / 8 - 1) as u32 | 1 << 31
            };
            index.extend_from_slice(&small.to_be_bytes());
        }
        index.extend_from_slice(&large);
        index.extend_from_slice(&sum);
        let sum = Sha1::digest(&index);
        index.extend_from_slice(&sum);
        (self.pack, index)
    }

    fn seen(self) -> Seen {
        let count = self.entries.len();
        let (pack, index) = self.finish();
        let seen = probe::pack(&pack, &index, 2).unwrap();
        assert_eq!(accounted(&seen), count, "{:?}", seen.unread);
        seen
    }
}

fn accounted(seen: &Seen) -> usize {
    seen.objects.len() + seen.unread.len()
}

fn distance_bytes(mut distance: u64) -> Vec<u8> {
    let mut bytes = vec![(distance & 0x7f) as u8];
    while distance > 0x7f {
        distance = (distance >> 7) - 1;
        bytes.insert(0, (distance & 0x7f) as u8 | 0x80);
    }
    bytes
}

fn id(number: u32) -> Id {
    let mut id = [0; 20];
    id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    id[16..].copy_from_slice(&number.to_be_bytes());
    id
}

/// A delta on an object of 4 bytes that makes it `to`.
fn becomes(to: [u8; 4]) -> Vec<u8> {
    [&[4, 4, 4][..], &to].concat()
}

/// What is said of an object.
fn said(seen: &Seen, of: Id) -> &str {
    let hex: String = of.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect();
    &seen.unread.iter().find(|one| one.0 == hex).expect("it is named").1
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap()
}

fn contents(seen: &Seen) -> Vec<&[u8]> {
    let mut contents: Vec<&[u8]> = seen.objects.iter().map(|object| &object.2[..]).collect();
    contents.sort_unstable();
    contents
}

#[test]
fn deltas_are_rebuilt_from_offsets_and_ids_before_and_behind() {
    let mut made = Made::new();
    made.id_delta(id(1), id(3), &becomes(*b"1111"));
    let two = made.blob(id(2), b"2222");
    let three = made.offset_delta(id(3), two, &becomes(*b"3333"));
    made.offset_delta(id(4), three, &[4, 8, 0x90, 4, 4, b'4', b'4', b'4', b'4']);
    made.offset_delta(id(5), two, &[4, 2, 0x91, 1, 2]);
    let seen = made.seen();
    assert_eq!(contents(&seen), [&b"1111"[..], b"22", b"2222", b"3333", b"33334444"]);
    // What is copied from each is compared where packs are read.
    assert_eq!(seen.with_base, 4);
}

#[test]
fn circles_are_named_with_all_that_hangs_on_them() {
    let mut made = Made::new();
    made.blob(id(0), b"0000");
    made.id_delta(id(1), id(2), &becomes(*b"1111"));
    made.id_delta(id(2), id(1), &becomes(*b"2222"));
    made.id_delta(id(3), id(3), &becomes(*b"3333"));
    let hanging = made.id_delta(id(4), id(2), &becomes(*b"4444"));
    made.offset_delta(id(5), hanging, &becomes(*b"5555"));
    let seen = made.seen();
    assert_eq!(contents(&seen), [b"0000"]);
    for number in 1..=5 {
        assert_eq!(said(&seen, id(number)), "corrupt: it is, over others, a delta on itself");
    }
}

#[test]
fn bases_that_are_not_there_are_named_with_all_that_hangs_on_them() {
    let mut made = Made::new();
    made.blob(id(0), b"0000");
    let one = made.id_delta(id(1), id(9), &becomes(*b"1111"));
    made.offset_delta(id(2), one, &becomes(*b"2222"));
    made.offset_delta(id(3), one + 1, &becomes(*b"3333"));
    made.offset_delta(id(4), 0, &becomes(*b"4444"));
    let far = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    made.add_sized(id(5), OFFSET_DELTA, 7, &far, &becomes(*b"5555"));
    made.offset_delta(id(6), made.here(), &becomes(*b"6666"));
    let seen = made.seen();
    assert_eq!(contents(&seen), [b"0000"]);
    assert_eq!(said(&seen, id(2)), "corrupt: what it is a delta on is not in its pack");
    assert_eq!(said(&seen, id(3)), "corrupt: what it is a delta on is no entry of its pack");
    // A distance of nothing is a circle of one.
    assert_eq!(said(&seen, id(6)), "corrupt: it is, over others, a delta on itself");
}

#[test]
fn chains_may_be_deeper_than_any_stack() {
    let mut made = Made::new();
    let mut last = made.blob(id(0), b"0000");
    // The stack of a thread has 2 MiB: 20 bytes for each of these, which is less than a call takes.
    for number in 1_u32..=100_000 {
        last = made.offset_delta(id(number), last, &becomes(number.to_le_bytes()));
    }
    let seen = made.seen();
    assert_eq!(seen.unread, []);
}

#[test]
fn a_broken_link_takes_what_hangs_on_it_and_no_more() {
    let mut made = Made::new();
    let root = made.blob(id(0), b"0000");
    let broken = made.offset_delta(id(1), root, b"\x04\x04\x00");
    made.offset_delta(id(2), broken, &becomes(*b"2222"));
    made.offset_delta(id(3), root, &becomes(*b"3333"));
    let seen = made.seen();
    assert_eq!(contents(&seen), [b"0000", b"3333"]);
    assert_eq!(said(&seen, id(2)), "corrupt: a delta has an instruction that means nothing");
}

#[test]
fn sizes_are_not_taken_on_trust() {
    let mut made = Made::new();
    for (number, size) in [(1, 3), (2, 5), (3, 1 << 20), (4, 1 << 33), (5, u64::MAX >> 1)] {
        made.add_sized(id(number), BLOB, size, &[], b"four");
        made.add_sized(id(10 + number), 2, size, &[], b"tree");
    }
    // Results of deltas, too: of a terabyte, and of more than there is.
    let root = made.blob(id(20), b"0000");
    made.offset_delta(id(21), root, &[4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 1, b'x']);
    made.offset_delta(id(22), root, &[4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let seen = made.seen();
    assert_eq!(contents(&seen), [b"0000"]);
}

#[test]
fn two_ids_at_one_offset_are_not_both_right() {
    let mut made = Made::new();
    let root = made.blob(id(0), b"0000");
    made.offset_delta(id(1), root, &becomes(*b"1111"));
    let (_, offset, sum) = made.entries[0];
    made.entries.push((id(2), offset, sum));
    let seen = made.seen();
    assert_eq!(contents(&seen), [b"0000", b"1111"]);
    assert_eq!(seen.unread.len(), 1);
    assert!(seen.unread[0].1.contains("another object at the same offset"));
}

#[test]
fn an_id_that_stands_twice_is_handed_over_once() {
    let mut made = Made::new();
    made.blob(id(0), b"0000");
    let one = made.blob(id(1), b"1111");
    made.blob(id(1), b"1111");
    made.offset_delta(id(2), one, &becomes(*b"2222"));
    let (pack, index) = made.finish();
    let seen = probe::pack(&pack, &index, 2).unwrap();
    assert_eq!(contents(&seen), [b"0000", b"1111", b"2222"]);
    assert_eq!(seen.unread, []);
}

#[test]
fn offsets_inside_of_other_entries_and_outside_of_the_pack_are_named() {
    let mut made = Made::new();
    let root = made.blob(id(0), &[7; 100]);
    made.blob(id(1), b"1111");
    for (number, offset) in [(2, root + 5), (3, 0), (4, 11), (5, 1 << 20), (6, 1 << 40)] {
        made.entries.push((id(number), offset, 0));
    }
    let seen = made.seen();
    assert_eq!(contents(&seen), [b"1111"]);
    assert_eq!(said(&seen, id(0)), "corrupt: its entry does not match its checksum");
    assert_eq!(said(&seen, id(6)), "corrupt: its entry lies outside of its pack");
}

#[test]
fn a_fan_out_that_lies_loses_no_object() {
    let mut made = Made::new();
    let root = made.blob(id(0), b"0000");
    for number in 1..50_u32 {
        made.offset_delta(id(number), root, &becomes(number.to_le_bytes()));
    }
    let (pack, index) = made.finish();
    for slot in 0..255 {
        for lie in [0, 1, 49, 50, 51, u32::MAX] {
            let mut index = index.clone();
            index[8 + 4 * slot..12 + 4 * slot].copy_from_slice(&lie.to_be_bytes());
            let seen = probe::pack(&pack, &index, 1).unwrap();
            assert_eq!((seen.objects.len(), seen.unread.len()), (50, 0));
        }
    }
    for lie in [0, 1, 49, 51, u32::MAX] {
        let mut index = index.clone();
        index[8 + 4 * 255..12 + 4 * 255].copy_from_slice(&u32::to_be_bytes(lie));
        // Fewer are taken for tables with something behind them. The pack's own count tells of it.
        if let Some(seen) = probe::pack(&pack, &index, 1) {
            assert_eq!(accounted(&seen), lie as usize);
        }
    }
}

/// A pack that git made, its index, and what it holds.
struct Real {
    pack: Vec<u8>,
    index: Vec<u8>,
    objects: BTreeMap<String, (&'static str, Vec<u8>)>,
}

/// With offsets and an index of version 2; with ids and an index of version 1.
static REAL: LazyLock<[Real; 2]> = LazyLock::new(|| {
    [("2", "true"), ("1", "false")].map(|(version, offsets)| {
        let sandbox = Sandbox::new();
        sandbox.git("init --quiet");
        for version in 1..=6 {
            let line = |number: usize| {
                let word = if number < 10 * version { "newer" } else { "older" };
                format!("line {number}, which is {word}\n")
            };
            sandbox.write("long", &(0..80).map(line).collect::<String>());
            sandbox.write(format!("folder/{version}"), &line(version));
            sandbox.git("add --all");
            sandbox.git(&format!("commit --quiet --date=2020-01-01T00:00:00Z -m {version}"));
        }
        sandbox.git("tag -a -m tag tag");
        sandbox.git(&format!("config repack.useDeltaBaseOffset {offsets}"));
        sandbox.git(&format!("config pack.indexVersion {version}"));
        sandbox.git("repack -q -a -d -f --depth=20");
        let names = sandbox.list(".git/objects/pack");
        let file = |extension: &str| {
            let name = names.iter().find(|name| name.ends_with(extension)).unwrap();
            std::fs::read(sandbox.path(".git/objects/pack").join(name)).unwrap()
        };
        let (pack, index) = (file(".pack"), file(".idx"));
        let seen = probe::pack(&pack, &index, 1).unwrap();
        assert_eq!(seen.unread, []);
        let objects = seen.objects.into_iter();
        let objects = objects.map(|(id, kind, data)| (id, (kind, data))).collect();
        Real { pack, index, objects }
    })
});

impl Real {
    fn count(&self) -> usize {
        self.objects.len()
    }

    /// Asserts that all objects are accounted for, and returns how many are unread.
    fn check(&self, seen: &Seen, what: &str) -> usize {
        assert_eq!(accounted(seen), self.count(), "{what}: {:?}", seen.unread);
        for (id, kind, data) in &seen.objects {
            let (true_kind, true_data) = &self.objects[id];
            assert!(true_kind == kind && true_data == data, "{what}: {id} is something else");
        }
        seen.unread.len()
    }
}

#[test]
fn a_pack_cut_off_anywhere_is_read_as_far_as_it_goes() {
    for real in &*REAL {
        let mut before = real.count();
        for length in 0..real.pack.len() {
            let seen = probe::pack(&real.pack[..length], &real.index, 1).unwrap();
            let unread = real.check(&seen, &format!("cut at {length}"));
            assert!(unread > 0 && unread <= before, "cut at {length}");
            before = unread;
        }
        assert_eq!(before, 1);
    }
}

#[test]
fn an_index_cut_off_anywhere_is_none() {
    for real in &*REAL {
        for length in 0..real.index.len() {
            assert!(probe::pack(&real.pack, &real.index[..length], 1).is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The checksums of the index find every wrong bit of an entry.
    #[test]
    fn a_wrong_bit_in_a_pack_costs_its_entry_and_what_hangs_on_it(at: prop::sample::Index, bit in 0..8_u8) {
        let real = &REAL[0];
        let mut pack = real.pack.clone();
        let at = at.index(pack.len());
        pack[at] ^= 1 << bit;
        let seen = probe::pack(&pack, &real.index, 1).unwrap();
        let unread = real.check(&seen, &format!("bit {bit} of {at}"));
        let in_entries = (12..pack.len() - 20).contains(&at);
        prop_assert_eq!(unread > 0, in_entries);
        prop_assert!(unread < real.count());
    }

    /// An index of version 1 has none: what is rebuilt may be wrong, but nothing is left out in silence.
    #[test]
    fn a_wrong_bit_in_a_pack_without_checksums_leaves_nothing_out(at: prop::sample::Index, bit in 0..8_u8) {
        let real = &REAL[1];
        let mut pack = real.pack.clone();
        let at = at.index(pack.len());
        pack[at] ^= 1 << bit;
        let seen = probe::pack(&pack, &real.index, 1).unwrap();
        prop_assert_eq!(accounted(&seen), real.count());
    }

    #[test]
    fn wrong_bits_in_an_index_leave_nothing_out(
        which in 0..2_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let real = &REAL[which];
        let mut index = real.index.clone();
        for (at, bit) in flips {
            let at = at.index(index.len());
            index[at] ^= 1 << bit;
        }
        if let (Some(seen), Some((count, _))) = (probe::pack(&real.pack, &index, 1), probe::index(&index)) {
            prop_assert_eq!(accounted(&seen), count);
            let known: Vec<&Vec<u8>> = real.objects.values().map(|object| &object.1).collect();
            // With checksums that were changed as well, a part of an entry may look like one.
            let strange = seen.objects.iter().filter(|object| !known.contains(&&object.2)).count();
            prop_assert!(which == 1 || strange == 0);
        }
    }

    #[test]
    fn pieces_of_packs_in_any_order_leave_nothing_out(
        pieces in prop::collection::vec((any::<prop::sample::Index>(), 0..200_usize), 0..20),
        entries in prop::collection::vec((any::<u8>(), 0..2000_u64), 0..30),
    ) {
        let mut made = Made::new();
        for (from, length) in pieces {
            let from = from.index(REAL[1].pack.len());
            let piece = &REAL[1].pack[from..];
            made.pack.extend_from_slice(&piece[..length.min(piece.len())]);
        }
        let mut count = 0;
        for (number, offset) in entries {
            let end = (offset as usize + 40).min(made.pack.len());
            let sum = made.pack.get(offset as usize..end).map_or(0, libdeflater::crc32);
            made.entries.push((id(u32::from(number)), offset, sum));
            count += 1;
        }
        let (pack, index) = made.finish();
        let seen = probe::pack(&pack, &index, 2).unwrap();
        prop_assert!(accounted(&seen) <= count);
    }
}
