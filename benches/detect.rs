//! Bytes per second of the run finder, the prefilter and the whole detector, on one core.
//!
//! `cargo bench` runs all of it; `cargo bench -- prefilter` what has that in its name. The figures of two machines, or
//! of two days on one, do not compare: compare within one run.

mod corpora;
mod rules_300;

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use keylint::decode::text::{Encoding, View};
use keylint::detect::prefilter::{Case, Literal, Prefilter};
use keylint::detect::runs::for_each_run;
use keylint::detect::{BlobScan, Detector};
use keylint::model::blob::Origin;
use keylint::rules::builtin;
use keylint::rules::load::RuleSet;

use corpora::Corpus;

fn main() {
    divan::main();
}

/// The built-in rules and this many generated ones.
const GENERATED: [usize; 3] = [0, 100, 300];

fn rules(generated: usize) -> Arc<RuleSet> {
    let text = rules_300::rule_file(generated);
    let own = (generated > 0).then_some(("generated.toml", text.as_str()));
    let files = builtin::FILES.iter().copied().chain(own);
    Arc::new(RuleSet::from_files(files).expect("these rules are in order"))
}

fn prefilter_of(rules: &RuleSet) -> Prefilter {
    Prefilter::new(rules.rules().iter().enumerate().flat_map(|(owner, rule)| {
        let case = if rule.ignore_case { Case::Ignored } else { Case::Sensitive };
        rule.keywords
            .iter()
            .map(move |keyword| (owner, Literal { bytes: keyword.as_bytes(), case }))
    }))
}

#[divan::bench(args = Corpus::ALL, sample_count = 10, sample_size = 1)]
fn runs(bencher: Bencher<'_, '_>, corpus: Corpus) {
    let text = corpus.bytes();
    bencher.counter(BytesCount::of_slice(text)).bench(|| {
        let mut count = 0;
        for_each_run(text, |_| count += 1);
        count
    });
}

#[divan::bench(args = Corpus::ALL, consts = GENERATED, sample_count = 10, sample_size = 1)]
fn prefilter<const RULES: usize>(bencher: Bencher<'_, '_>, corpus: Corpus) {
    let text = corpus.bytes();
    let prefilter = prefilter_of(&rules(RULES));
    bencher.counter(BytesCount::of_slice(text)).bench(|| {
        let mut count = 0;
        prefilter.for_each_hit(text, |_| count += 1);
        count
    });
}

#[divan::bench(args = Corpus::ALL, consts = GENERATED, sample_count = 10, sample_size = 1)]
fn detector<const RULES: usize>(bencher: Bencher<'_, '_>, corpus: Corpus) {
    let text = corpus.bytes();
    let detector = Detector::new(rules(RULES));
    let origin = Origin::Stdin { name: "corpus".into() };
    bencher.counter(BytesCount::of_slice(text)).bench(|| {
        let mut scan = BlobScan::new(&detector, &origin);
        scan.window(&View::new(text, 0, Encoding::Bytes), 0..text.len(), true);
        scan.finish().findings.len()
    });
}

/// What a run pays for its rules before it reads the first byte: parsing, checking, preparing the prefilter.
#[divan::bench(consts = GENERATED)]
fn start_up<const RULES: usize>() -> Detector {
    Detector::new(rules(RULES))
}
