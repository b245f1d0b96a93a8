//! What all blobs of a run share: its rules, ready to be matched.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::compile::{Compiled, Probes};
use super::inspect::Floors;
use crate::rules::load::RuleSet;
use crate::rules::schema::Matcher;

/// All rules of a run, ready to be matched against blobs from many threads.
pub struct Detector {
    pub(super) rules: Arc<RuleSet>,
    pub(super) compiled: Compiled,
    pub(super) floors: Floors,
    pub(super) now: Option<i64>,
}

impl Detector {
    /// Prepares `rules` for matching. Patterns are compiled when a keyword of theirs is first met. Expiry times are
    /// not judged until [`at`](Self::at) says what time it is.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let floor = |matcher| {
            rules.by_matcher(matcher).and_then(|(_, rule)| rule.min_entropy).unwrap_or(0.0)
        };
        let floors = Floors {
            key_id: floor(Matcher::AwsAccessKeyId),
            secret: floor(Matcher::AwsSecretAccessKey),
        };
        Self { compiled: Compiled::new(&rules, Probes::On), floors, rules, now: None }
    }

    /// Takes texts as they stand: nothing that is escaped, encoded or written in pieces is looked into.
    #[must_use]
    pub fn without_decoding(self) -> Self {
        Self { compiled: Compiled::new(&self.rules, Probes::Off), ..self }
    }

    /// Judges expiry times that stand beside temporary credentials by `now`.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs().cast_signed());
        self
    }

    /// The rules this detector looks for.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }
}
