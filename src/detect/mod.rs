//! Views → findings; pure and deterministic.

#[doc(hidden)]
pub mod prefilter;
#[doc(hidden)]
pub mod runs;

use std::sync::Arc;

use crate::rules::load::RuleSet;

/// All rules of a run, ready to be matched against blobs from many threads.
pub struct Detector {
    rules: Arc<RuleSet>,
}

impl Detector {
    /// Prepares `rules` for matching. Patterns are compiled when a keyword of theirs is first met.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self { rules }
    }

    /// The rules this detector looks for.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }
}
