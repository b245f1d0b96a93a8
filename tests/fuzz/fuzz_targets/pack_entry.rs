//! Any bytes as the header of a pack's entry, and as deflated data of any size: headers lie within the bytes, and both
//! ways to inflate give the same.

#![no_main]

use keylint::sources::git::probe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u16)| {
    let (bytes, size) = input;
    if let Some(length) = probe::entry_header(bytes) {
        assert!(length <= bytes.len());
        assert_eq!(probe::entry_header(&bytes[..length]), Some(length), "no more is looked at");
        assert_eq!(probe::entry_header(&bytes[..length - 1]), None, "no less is");
    }
    let size = u64::from(size);
    if let Some(data) = probe::inflate(bytes, size, 1 << 15) {
        assert!(size <= 1 << 15);
        assert_eq!(data.len() as u64, size);
    }
});
