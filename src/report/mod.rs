//! Findings → bytes on a writer. One file a format; none of them knows a terminal, a file or an exit status.
//!
//! Every byte of a credential that reaches a report goes through [`redact`].

pub mod redact;

use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::rules::load::RuleSet;

/// What there is to report.
pub struct Report<'a> {
    /// Findings at or above the confidence asked for, sorted by path and place.
    pub findings: &'a [Finding],
    /// What was scanned and what was not.
    pub coverage: &'a Coverage,
    /// The rules that were looked for.
    pub rules: &'a RuleSet,
}
