//! The rule files: their texts are fit to be printed, and their examples behave as they claim.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::rules::schema::{Place, Rule};

use crate::corpus::scan;

fn builtin() -> RuleSet {
    RuleSet::builtin().unwrap()
}

/// What is wrong with a text that reports print as a paragraph of its own.
fn fault(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("is empty"),
        _ if text.contains('\n') => Some("holds a line end: reports wrap texts themselves"),
        _ if text.contains("  ") => Some("holds two spaces in a row"),
        _ if text != text.trim() => Some("begins or ends with a space"),
        _ if !text.ends_with(['.', ')']) => Some("does not end as a sentence"),
        _ => None,
    }
}

fn is_link(link: &str) -> bool {
    link.starts_with("https://") && !link.contains(char::is_whitespace)
}

#[test]
fn every_place_has_advice_of_its_own() {
    let rules = builtin();
    for place in Place::ALL {
        let advice = rules.advice(place).unwrap();
        assert_eq!(advice.place, place, "`{place}` falls back to `{}`", advice.place);
        assert_eq!(fault(&advice.instead), None, "advice for `{place}`");
        assert!(is_link(&advice.link), "advice for `{place}`: {}", advice.link);
    }
}

#[test]
fn no_advice_is_given_twice() {
    let rules = builtin();
    let texts: BTreeSet<&str> =
        Place::ALL.iter().map(|&place| rules.advice(place).unwrap().instead.as_str()).collect();
    assert_eq!(texts.len(), Place::ALL.len());
}

#[test]
fn every_rule_explains_itself() {
    for rule in builtin().rules() {
        for (name, text) in [("what", &rule.what), ("why", &rule.why), ("instead", &rule.instead)] {
            assert_eq!(fault(text), None, "`{name}` of {}", rule.id);
        }
        assert!(rule.title.len() <= 60 && !rule.title.ends_with('.'), "title of {}", rule.id);
        assert!(!rule.references.is_empty(), "{} refers to something", rule.id);
        let links: BTreeSet<&String> = rule.references.iter().collect();
        assert_eq!(links.len(), rule.references.len(), "{} names a link twice", rule.id);
        assert!(rule.references.iter().all(|link| is_link(link)), "links of {}", rule.id);
    }
}

#[test]
fn every_rule_has_hits_and_misses() {
    for rule in builtin().rules() {
        assert!(!rule.hits.is_empty() && !rule.misses.is_empty(), "{} has examples", rule.id);
        for hit in &rule.hits {
            assert!(!expand(hit).1.is_empty(), "a hit of {} holds a placeholder: {hit}", rule.id);
        }
        let examples: BTreeSet<&String> = rule.hits.iter().chain(&rule.misses).collect();
        let count = rule.hits.len() + rule.misses.len();
        assert_eq!(examples.len(), count, "{} gives an example twice", rule.id);
    }
}

#[test]
fn every_kind_of_leak_has_steps() {
    let rules = builtin();
    let steps = rules.steps();
    for list in [&steps.long_term, &steps.temporary, &steps.root] {
        assert!(!list.is_empty());
        for step in list {
            assert_eq!(fault(step), None, "{step}");
        }
    }
}

#[test]
fn canary_accounts_are_known() {
    let rules = builtin();
    assert_eq!(rules.canary_issuer(52_310_077_262), Some("canarytokens.org / Thinkst"));
    assert_eq!(rules.canary_issuer(982_842_642_351), Some("another canary service"));
    assert_eq!(rules.canary_issuer(123_456_789_012), None);
}

/// The files of one rule's examples, named so that the name gives nothing away, and whether each is a hit.
fn examples(index: usize, rule: &Rule) -> Vec<(PathBuf, &str, bool)> {
    let hits = rule.hits.iter().map(|text| (text.as_str(), true));
    let misses = rule.misses.iter().map(|text| (text.as_str(), false));
    hits.chain(misses)
        .enumerate()
        .map(|(number, (text, hit))| (format!("{index}/{number}.txt").into(), text, hit))
        .collect()
}

#[test]
fn hits_are_found_by_their_rule_alone_and_misses_by_none() {
    let rules = builtin();
    let mut report = String::new();
    for (index, rule) in rules.rules().iter().enumerate() {
        let examples = examples(index, rule);
        let files: Vec<_> = examples
            .iter()
            .map(|(path, text, _)| (path.clone(), expand(text).0.into_bytes()))
            .collect();
        let found = scan(&files);
        for (path, text, hit) in examples {
            let by: Vec<&str> =
                found.get(&path).into_iter().flatten().map(|found| found.rule.as_str()).collect();
            let expected: &[&str] = if hit { &[&rule.id] } else { &[] };
            if by != expected {
                let kind = if hit { "hit" } else { "miss" };
                writeln!(report, "\n{kind} of {}: found {by:?} in\n{text}", rule.id).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}
