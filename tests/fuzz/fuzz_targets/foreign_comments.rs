//! Any text with other tools' comments in it: what they silence are lines of the text or all that follow.

#![no_main]

use std::path::Path;

use keylint::suppress::Mark;
use keylint::suppress::foreign::inline::{TOKENS, directives};
use libfuzzer_sys::{arbitrary, fuzz_target};

#[derive(arbitrary::Arbitrary, Debug)]
struct Comment<'a> {
    token: u8,
    further: u8,
    before: &'a [u8],
    after: &'a [u8],
}

fuzz_target!(|comments: Vec<Comment<'_>>| {
    let mut marks = Vec::new();
    let (mut line, mut at) = (1, 0);
    for comment in &comments {
        line += u64::from(comment.further);
        at += u64::from(comment.further) + 1;
        let cut = |text: &[u8]| text[..text.len().min(Mark::REACH)].into();
        marks.push(Mark {
            token: TOKENS[usize::from(comment.token) % TOKENS.len()],
            line,
            at,
            before: cut(comment.before),
            after: cut(comment.after),
        });
    }
    for path in ["a.py", "a.yaml"] {
        let found = directives(&marks, Path::new(path));
        assert!(found.is_sorted_by_key(|directive| directive.line));
        for directive in found {
            let (first, last) = directive.lines;
            assert!(first <= last);
            assert!(marks.iter().any(|mark| mark.line == directive.line));
        }
    }
});
