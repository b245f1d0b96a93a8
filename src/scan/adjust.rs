//! What the user's settings make of a finding: severities of rules, and own accounts.

use crate::config::settings::Settings;
use crate::model::finding::{Evidence, Finding};

/// Changes the finding as the settings have it; `false` if its rule is disabled.
pub(super) fn adjust(finding: &mut Finding, settings: &Settings) -> bool {
    let rule = settings.rules.get(finding.rule.as_str());
    if rule.is_some_and(|rule| rule.enabled == Some(false)) {
        return false;
    }
    if let Some(severity) = rule.and_then(|rule| rule.severity) {
        finding.severity = severity;
    }
    if let Some(account) = &finding.account
        && !settings.own_accounts.is_empty()
    {
        if settings.own_accounts.contains(account) {
            finding.notes.push(Evidence::new("in an account of your own"));
        } else {
            finding.notes.push(Evidence::new("in an account that is not among your own"));
            finding.severity = settings.others.unwrap_or(finding.severity);
        }
    }
    true
}
