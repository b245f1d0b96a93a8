//! Any text as a rule file: it is taken, or the error names the file. Rules that were taken can be looked for.

#![no_main]

use std::sync::Arc;

use keylint::detect::Detector;
use keylint::rules::load::{RuleError, RuleSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match RuleSet::from_files([("fuzz.toml", text)]) {
        Ok(rules) => {
            for (index, rule) in rules.rules().iter().enumerate() {
                assert_eq!(rules.id(index).as_str(), rule.id);
                assert!(rules.get(&rule.id).is_some());
            }
            drop(Detector::new(Arc::new(rules)));
        }
        Err(RuleError::Empty) => {}
        Err(error) => assert!(error.to_string().starts_with("fuzz.toml:"), "{error}"),
    }
});
