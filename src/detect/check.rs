//! Runs every rule's own examples: each hit must give a finding of that rule and of no other, each miss none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{BlobScan, Detector};
use crate::decode::text::{Encoding, View};
use crate::model::blob::Origin;
use crate::model::finding::{Class, Confidence};
use crate::rules::load::RuleSet;
use crate::rules::placeholder::expand;

/// An example that does not do what its rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub rule: String,
    /// The example as it stands in the rule, placeholders and all.
    pub example: String,
    /// What was expected, and what was found instead.
    pub problem: String,
}

/// Checks all rules, patterns included; returns what failed.
pub fn check(rules: &Arc<RuleSet>) -> Vec<Failure> {
    let detector = Detector::new(rules.clone());
    let mut failures = Vec::new();
    for (index, rule) in rules.rules().iter().enumerate() {
        let mut fail = |example: &str, problem: String| {
            failures.push(Failure { rule: rule.id.clone(), example: example.to_owned(), problem });
        };
        if rule.pattern.is_some()
            && let Err(message) = detector.compiled.pattern(index)
        {
            fail("", message);
            continue;
        }
        for hit in &rule.hits {
            let found = found(&detector, hit);
            if found.iter().ne([rule.id.as_str()]) {
                fail(hit, format!("expected a finding of this rule alone, found {found:?}"));
            }
        }
        for miss in &rule.misses {
            let found = found(&detector, miss);
            if !found.is_empty() {
                fail(miss, format!("expected no finding, found {found:?}"));
            }
        }
    }
    failures
}

/// The rules of what is found in an example, as a scan with default settings would show it.
fn found(detector: &Detector, example: &str) -> BTreeSet<String> {
    let (text, _) = expand(example);
    let origin = Origin::Stdin { name: "example".into() };
    let mut scan = BlobScan::new(detector, &origin);
    scan.window(&View::new(text.as_bytes(), 0, Encoding::Bytes), 0..text.len(), true);
    scan.finish()
        .findings
        .into_iter()
        .filter(|finding| finding.class == Class::Leak && finding.confidence >= Confidence::Medium)
        .map(|finding| finding.rule.to_string())
        .collect()
}
