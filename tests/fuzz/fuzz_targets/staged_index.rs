//! Any bytes as an index of what is staged: it has no more entries than there is room for.

#![no_main]

use keylint::sources::git::probe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    // The start of every index, and zeros where a checksum may be left out.
    let (version, count, content) = input;
    let start = [b"DIRC\0\0\0", &[version % 5, 0, 0, 0, count][..]].concat();
    let bytes = [&start, content, &[0; 20]].concat();
    if let Some(entries) = probe::staged_index(&bytes) {
        assert_eq!(entries, usize::from(count));
        assert!(entries * 62 <= content.len());
    }
});
