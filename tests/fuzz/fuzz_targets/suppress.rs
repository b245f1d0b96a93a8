//! Any text as a file with comments that silence, cut anywhere, and as a baseline: what is read does not depend on the
//! cut, and a baseline that is taken is written so that it reads the same.

#![no_main]

use std::path::Path;

use keylint::model::span::LineCursor;
use keylint::suppress::baseline::Baseline;
use keylint::suppress::inline::directives;
use keylint::suppress::marks::{Marks, Search};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u16)| {
    let (text, cut) = input;
    let cut = usize::from(cut) % (text.len() + 1);
    let search = Search::new(true, true).expect("there are tokens");
    let marks = |cut: usize| {
        let mut marks = Marks::default();
        for core in [0..cut, cut..text.len()] {
            let mut lines = LineCursor::default();
            lines.advance(&text.as_bytes()[..core.start]);
            search.collect(text.as_bytes(), core, lines, |at| at as u64, &mut marks);
        }
        marks.marks
    };
    let whole = marks(0);
    if text.is_char_boundary(cut) {
        assert_eq!(marks(cut), whole);
    }
    let lines = text.matches('\n').count() as u64 + 1;
    let (read, malformed) = directives(&whole, &|rule| rule == "a");
    assert!(read.iter().all(|one| one.line <= lines && one.lines.0 <= one.lines.1));
    assert!(malformed.iter().all(|one| one.line <= lines));

    if let Ok(mut baseline) = Baseline::parse(Path::new("b"), text) {
        baseline.settle(|_| true);
        let written = baseline.text();
        let mut again = Baseline::parse(Path::new("b"), &written).expect("it was written here");
        assert!(!again.settle(|_| true).is_changed, "{written}");
    }
});
