//! Any text with placeholders: expansions are in order, hold what they stand for, and leave the rest alone.

#![no_main]

use keylint::rules::placeholder::{expand, value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (expanded, expansions) = expand(text);
    let mut reached = 0;
    let mut rest = String::new();
    for expansion in &expansions {
        assert!(reached <= expansion.range.start, "in order");
        assert_eq!(&expanded[expansion.range.clone()], value(expansion.kind, expansion.number));
        rest.push_str(&expanded[reached..expansion.range.start]);
        reached = expansion.range.end;
    }
    rest.push_str(&expanded[reached..]);
    assert!(rest.len() <= text.len());
    if expansions.is_empty() {
        assert_eq!(expanded, text);
    }
    assert_eq!(expand(text).0, expanded, "the same every time");
});
