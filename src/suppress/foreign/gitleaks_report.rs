//! A JSON report of gitleaks, given as a baseline.
//!
//! gitleaks holds every field against the finding, so that its baselines break with each edit. Here a finding is known
//! if rule, file and value are; only a redacted report, which holds no values, is held against lines and commits. The
//! report itself may lie in the tree with the values in it: gitleaks does not look there, and here they are known there.

use serde::Deserialize;

use super::carry::Carry;
use super::list::{Concern, ForeignList, Scope, normal};
use super::{Lines, Problem, json_problem};
use crate::model::secret::Secret;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Finding {
    #[serde(rename = "RuleID")]
    rule: String,
    start_line: u64,
    file: String,
    secret: String,
    #[serde(rename = "Match", default)]
    matched: String,
    #[serde(default)]
    commit: String,
}

/// Whether a JSON text is such a report.
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with('[')
}

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let findings: Vec<Finding> =
        serde_json::from_str(text).map_err(|error| json_problem(&error, "a gitleaks report"))?;
    let mut lines = Lines::new(text);
    let own = list.own_path();
    for finding in findings {
        let line = lines.of_next("\"RuleID\"");
        let Some(concern) = Concern::of_gitleaks_rule(&finding.rule) else {
            list.pass_over(line, format!("rule {} of gitleaks", finding.rule));
            continue;
        };
        let what = format!("{}:{}:{}", finding.file, finding.rule, finding.start_line);
        let is_redacted = finding.secret.is_empty()
            || finding.secret == "REDACTED"
            || finding.secret.ends_with("...")
            || finding.matched == "REDACTED";
        let commit = Some(finding.commit).filter(|commit| !commit.is_empty());
        let entry = list.push(
            line,
            what,
            None,
            Carry::Findings { commit: commit.clone(), anywhere: false },
        );
        if concern == Concern::Secrets {
            list.mark_general(entry);
        }
        if is_redacted {
            list.at_line(entry, &finding.file, finding.start_line, commit.as_deref(), concern);
        } else {
            let value = Secret::new(finding.secret.into_bytes());
            for path in own.iter().chain([&normal(&finding.file)]) {
                list.of_value(entry, value.clone(), Scope::File(path.as_str().into()));
            }
        }
    }
    Ok(())
}
