//! Small packs of entries that may be anything, with an index that may lie: each object of the index is handed over or
//! named, and rebuilt the same on one thread, on two, and by itself.

#![no_main]

use keylint::sources::git::probe;
use libdeflater::{CompressionLvl, Compressor};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Entry<'a> {
    id: u8,
    form: Form<'a>,
    /// Added to what the header says of its size.
    more: Option<u16>,
    /// The index says another place.
    elsewhere: Option<u16>,
    /// The index knows it by another id, too.
    copy: Option<u8>,
    /// The checksum that the index has is not its own.
    sum: Option<u32>,
}

#[derive(Arbitrary, Debug)]
enum Form<'a> {
    Whole(u8, &'a [u8]),
    OffsetDelta(u8, Delta<'a>),
    IdDelta(u8, Delta<'a>),
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
struct Delta<'a> {
    /// Of what it is on.
    base: u8,
    result: u16,
    instructions: &'a [u8],
}

impl Delta<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = size(u64::from(self.base));
        bytes.extend(size(u64::from(self.result)));
        bytes.extend_from_slice(self.instructions);
        bytes
    }
}

fuzz_target!(|input: (Vec<Entry<'_>>, u16)| {
    let (entries, cut) = input;
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    let mut offsets: Vec<usize> = Vec::new();
    let mut listed: Vec<([u8; 20], u32, u32)> = Vec::new();
    for entry in &entries {
        let offset = pack.len();
        match &entry.form {
            Form::Whole(kind, data) => add(&mut pack, entry, 1 + kind % 5, &[], data),
            Form::OffsetDelta(back, delta) => {
                let base = offsets.len().checked_sub(1 + usize::from(*back % 8));
                let distance = base.map_or(usize::from(*back), |base| offset - offsets[base]);
                add(&mut pack, entry, 6, &distance_bytes(distance), &delta.bytes());
            }
            Form::IdDelta(base, delta) => add(&mut pack, entry, 7, &[*base; 20], &delta.bytes()),
            Form::Bytes(bytes) => pack.extend_from_slice(bytes),
        }
        let sum = entry.sum.unwrap_or_else(|| libdeflater::crc32(&pack[offset..]));
        offsets.push(offset);
        let offset = entry.elsewhere.map_or(offset as u32, u32::from);
        listed.push(([entry.id; 20], offset, sum));
        listed.extend(entry.copy.map(|id| ([id; 20], offset, sum)));
    }
    pack.extend_from_slice(&[0; 20]);
    pack.truncate(pack.len().saturating_sub(usize::from(cut / 16)));
    listed.sort_unstable();
    let repeated = listed.windows(2).filter(|pair| pair[0].0 == pair[1].0).count();

    let index = index(&listed);
    let one = probe::pack(&pack, &index, 1).expect("the index is sound");
    assert!(one.objects.len() + one.unread.len() <= listed.len());
    assert!(one.objects.len() + one.unread.len() >= listed.len() - repeated);
    let two = probe::pack(&pack, &index, 2);
    assert_eq!(two, Some(one), "threads make no difference");
});

fn add(pack: &mut Vec<u8>, entry: &Entry<'_>, kind: u8, base: &[u8], data: &[u8]) {
    let said = data.len() as u64 + u64::from(entry.more.unwrap_or_default());
    let low = kind << 4 | (said & 0x0f) as u8;
    if said >> 4 == 0 {
        pack.push(low);
    } else {
        pack.push(low | 0x80);
        pack.extend(size(said >> 4));
    }
    pack.extend_from_slice(base);
    let mut compressor = Compressor::new(CompressionLvl::fastest());
    let start = pack.len();
    pack.resize(start + compressor.zlib_compress_bound(data.len()), 0);
    let length = compressor.zlib_compress(data, &mut pack[start..]).expect("there is room");
    pack.truncate(start + length);
}

fn size(mut rest: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn distance_bytes(mut distance: usize) -> Vec<u8> {
    let mut bytes = vec![(distance & 0x7f) as u8];
    while distance > 0x7f {
        distance = (distance >> 7) - 1;
        bytes.insert(0, (distance & 0x7f) as u8 | 0x80);
    }
    bytes
}

fn index(listed: &[([u8; 20], u32, u32)]) -> Vec<u8> {
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for slot in 0..=255_u8 {
        let count = listed.iter().filter(|(id, ..)| id[0] <= slot).count() as u32;
        index.extend(count.to_be_bytes());
    }
    index.extend(listed.iter().flat_map(|(id, ..)| *id));
    index.extend(listed.iter().flat_map(|(.., sum)| sum.to_be_bytes()));
    index.extend(listed.iter().flat_map(|(_, offset, _)| offset.to_be_bytes()));
    index.extend([0; 40]);
    index
}
