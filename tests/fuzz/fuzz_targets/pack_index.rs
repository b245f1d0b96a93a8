//! Any bytes as an index of either version: its tables can be read, and are no larger than the file.

#![no_main]

use keylint::sources::git::probe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, &[u8], Vec<(u8, u32)>, &[u8])| {
    let (second, start, fanout, tables) = input;
    // Some 1,000 bytes of fan-out would leave little to chance, so they are filled in.
    let mut bytes = start.to_vec();
    if second {
        bytes = b"\xfftOc\0\0\0\x02".to_vec();
    }
    let mut slots = [0_u32; 256];
    slots[255] = (tables.len().saturating_sub(40) / if second { 28 } else { 24 }) as u32;
    for (slot, value) in fanout {
        slots[usize::from(slot)] = value;
    }
    bytes.extend(slots.iter().flat_map(|value| value.to_be_bytes()));
    bytes.extend_from_slice(tables);
    if let Some((objects, found)) = probe::index(&bytes) {
        assert!(found <= objects);
        assert!(objects * 24 <= bytes.len());
    }
    let _ = probe::index(start);
});
