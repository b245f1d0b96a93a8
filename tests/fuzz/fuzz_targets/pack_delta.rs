//! Any bytes as a delta on any object: what it makes is within the limit, and made of the base and of the delta.

#![no_main]

use keylint::sources::git::probe;
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 4096;

fuzz_target!(|input: (&[u8], &[u8], bool)| {
    let (base, instructions, fits) = input;
    // A delta says how large its base is; nearly none that is made up says so rightly.
    let mut delta = Vec::new();
    if fits {
        let mut rest = base.len();
        while rest > 0x7f {
            delta.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        delta.push(rest as u8);
    }
    delta.extend_from_slice(instructions);
    if let Some(made) = probe::delta(base, &delta, LIMIT) {
        assert!(made.len() as u64 <= LIMIT);
        assert!(made.iter().all(|byte| base.contains(byte) || delta.contains(byte)));
        assert_eq!(probe::delta(base, &delta, made.len() as u64), Some(made), "the same again");
    }
});
