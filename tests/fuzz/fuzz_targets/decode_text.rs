//! Any bytes as text: maps between text and original offsets are monotone, in bounds and inverse to each other, and a
//! cut at a boundary changes nothing of what stands before it.

#![no_main]

use keylint::decode::text::{Encoding, SNIFF_LEN, View, boundary, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u16, u32)| {
    let (bytes, cut, base) = input;
    let (sniffed, mark) = sniff(bytes);
    assert!(mark <= bytes.len());
    assert_eq!(
        sniff(&bytes[..bytes.len().min(SNIFF_LEN)]),
        (sniffed, mark),
        "more than the head is looked at"
    );
    for encoding in [sniffed, Encoding::Bytes, Encoding::Utf16Le, Encoding::Utf16Be] {
        check(bytes, usize::from(cut), u64::from(base), encoding);
    }
});

fn check(bytes: &[u8], cut: usize, base: u64, encoding: Encoding) {
    let view = View::new(bytes, base, encoding);
    let end = base + bytes.len() as u64;
    let units = (bytes.len() / encoding.unit() * encoding.unit()) as u64;

    let mut before = base;
    let step = view.text().len() / 256 + 1;
    for at in (cut % step..=view.text().len()).step_by(step) {
        let original = view.original(at);
        assert!(before <= original, "monotone at {at}");
        // Odd bytes at the end become a character that takes a whole unit.
        assert!(original < end + encoding.unit() as u64, "in bounds at {at}");
        before = original;
    }
    if units == bytes.len() as u64 {
        assert_eq!(view.original(view.text().len()), end);
    }

    let cut = boundary(bytes, cut.min(bytes.len()), encoding);
    assert!(cut <= bytes.len());
    let range = view.text_range(0..cut);
    assert_eq!(range.start, 0);
    assert_eq!(view.original(range.end), base + cut as u64, "there and back");
    let part = View::new(&bytes[..cut], base, encoding);
    assert_eq!(&view.text()[range.clone()], part.text());
    let rest = View::new(&bytes[cut..], base + cut as u64, encoding);
    assert_eq!(&view.text()[range.end..], rest.text());
}
