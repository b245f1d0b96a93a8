//! Any bytes in any windows: no panic, spans in bounds and in order, values at their spans, and the same findings from
//! many windows as from one.

#![no_main]

use std::sync::{Arc, LazyLock};

use keylint::decode::text::{Encoding, View, boundary};
use keylint::detect::{BlobScan, Detected, Detector, MARGIN_AFTER, MARGIN_BEFORE};
use keylint::model::blob::Origin;
use keylint::rules::load::RuleSet;
use keylint_fuzz::{Piece, Wrapping, text};
use libfuzzer_sys::fuzz_target;

static DETECTOR: LazyLock<Detector> = LazyLock::new(|| {
    let rules = RuleSet::builtin().expect("the rules that come with keylint are sound");
    Detector::new(Arc::new(rules))
        .at(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000))
});

fuzz_target!(|input: (Vec<Piece<'_>>, Wrapping, Vec<u16>, u8)| {
    let (pieces, wrapping, cuts, path) = input;
    let bytes = wrapping.wrap(text(&pieces));
    let encoding = wrapping.encoding();
    let names = ["x", ".aws/credentials", "rootkey.csv", "main.tf", "src/app.js", "a.sql"];
    let origin = Origin::Stdin { name: names[usize::from(path) % names.len()].into() };

    let whole = scan(&origin, &bytes, encoding, &[]);
    for finding in &whole.findings {
        assert!(!finding.parts.is_empty());
        let spans: Vec<_> = finding.parts.iter().map(|part| part.span).collect();
        assert!(spans.is_sorted(), "{spans:?}");
        for part in &finding.parts {
            let span = part.span.start as usize..part.span.end as usize;
            assert!(!span.is_empty() && span.end <= bytes.len());
            let stands = part.raw.as_ref().unwrap_or(&part.value);
            assert_eq!(part.raw.is_some(), !part.decoded.is_empty());
            assert_eq!(View::new(&bytes[span], 0, encoding).text(), stands.expose());
            let shown = &part.excerpt.expose()[part.excerpt.part()];
            assert!(stands.expose().starts_with(shown));
            assert!(part.start <= part.end);
        }
    }

    let windows = scan(&origin, &bytes, encoding, &cuts);
    assert_eq!(whole.findings, windows.findings);
    assert_eq!(whole.shortcomings, windows.shortcomings);
});

/// The findings in `bytes`, whose cores end at multiples of 16 that `cuts` give. Windows have the margins that
/// detection is promised, no more.
fn scan(origin: &Origin, bytes: &[u8], encoding: Encoding, cuts: &[u16]) -> Detected {
    let margin = encoding.unit();
    let mut ends: Vec<usize> = cuts
        .iter()
        .map(|cut| boundary(bytes, (usize::from(*cut) * 16).min(bytes.len()), encoding))
        .collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut scan = BlobScan::new(&DETECTOR, origin);
    let mut start = 0usize;
    for (index, &end) in ends.iter().enumerate() {
        let from = boundary(bytes, start.saturating_sub(margin * MARGIN_BEFORE), encoding);
        let to = bytes.len().min(end + margin * MARGIN_AFTER);
        let view = View::new(&bytes[from..to], from as u64, encoding);
        let core = view.text_range(start - from..end - from);
        scan.window(&view, core, index + 1 == ends.len());
        start = end;
    }
    scan.finish()
}
