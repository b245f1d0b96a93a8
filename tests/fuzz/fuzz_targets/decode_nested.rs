//! Any bytes and any hits: no panic, values and views within bounds, maps monotone, and no view larger than what it is
//! made of, but for what is unpacked.

#![no_main]

use keylint::decode::nested::{self, Hit, Map, Nested, PIECES, PROBES};
use keylint::model::layer::Layer;
use keylint::unpack::Format;
use keylint_fuzz::{Piece, gzip, headed, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<Piece<'_>>, u16, u16, u8)| {
    let (pieces, at, to, probe) = input;
    let mut text = text(&pieces);
    // A compressed file hardly ever comes about by chance.
    if probe >= 0xc0 {
        text = if probe.is_multiple_of(2) { gzip(&text) } else { headed(Format::Gzip, &text) };
    }
    if text.is_empty() {
        return;
    }
    let at = usize::from(at) % text.len();
    let to = at + usize::from(to) % (text.len() - at + 1);
    let (_, layer, back) = PROBES[usize::from(probe) % PROBES.len()];
    let mut hits: Vec<Hit> = Hit::in_pieces(vec![nested::beside(at)]);
    hits.extend(Hit::of_probe(layer, at, back));
    hits.extend(Hit::of_run(&text, at));
    hits.extend(Hit::of_lines_beside(&text, at));
    hits.extend(Hit::of_file(&text, &(at..to)));
    hits.extend(Hit::of_file(&text, &(0..text.len())));
    for (literal, piece) in PIECES {
        let found = memmem(&text[at..], literal).map(|found| at + found);
        hits.extend(Hit::in_pieces(
            found.and_then(|at| piece.stretch(&text, at)).into_iter().collect(),
        ));
    }
    for hit in hits.into_iter().filter(|hit| hit.at < text.len()) {
        let mut values = nested::decode(&text, &hit).values;
        values.sort_by_key(|value| value.range.start);
        for value in &values {
            check(&value.map, &value.text, text.len());
            assert!(hit.layer == Layer::Gzip || value.text.len() <= value.range.len());
        }
        let whole = 0..text.len();
        let view = Nested::new(hit.layer, &text, &whole, &values);
        check(view.map(), view.text(), text.len());
        assert!(hit.layer == Layer::Gzip || view.text().len() <= text.len());
    }
});

fn memmem(text: &[u8], literal: &[u8]) -> Option<usize> {
    text.windows(literal.len()).position(|window| window == literal)
}

fn check(map: &Map, decoded: &[u8], len: usize) {
    let mut before = 0..0;
    for at in (0..decoded.len()).step_by(decoded.len() / 256 + 1) {
        let source = map.source(&(at..at + 1)).range;
        assert!(before.start <= source.start && before.end <= source.end, "monotone at {at}");
        assert!(!source.is_empty() && source.end <= len, "in bounds at {at}");
        assert!(map.text_at(source.start) <= at);
        before = source;
    }
}
