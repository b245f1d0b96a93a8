//! The part of the JSON formats that tells what a run covered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{lossy, raw};
use crate::model::coverage::{self, LeftOut, ProblemKind};
use crate::report::redact::Redactor;
use crate::report::{Report, silenced};

/// What a run scanned, what it left out on purpose, and what it could not scan.
#[derive(Serialize, JsonSchema)]
pub(in crate::report) struct Scan<'a> {
    /// Whether everything that was asked for was scanned whole, but for `gaps`. If not, `problems` says what was not, and a report
    /// without findings does not mean that there is nothing to find.
    complete: bool,
    /// The number of files scanned, standard input included.
    files: u64,
    /// The number of bytes scanned.
    bytes: u64,
    /// The number of members of archives and contents of compressed files scanned. An archive within another is one.
    members: u64,
    /// The number of bytes of members scanned.
    unpacked: u64,
    /// Wall time in seconds, to the millisecond.
    seconds: f64,
    /// The number of findings in the report.
    findings: u64,
    /// The number of findings that are not in the report since they are documentation examples or placeholders.
    examples: u64,
    /// The number of findings that are not in the report since their confidence is below what was asked for.
    below_confidence: u64,
    /// The number of findings that are not in the report since the configuration disables their rules.
    disabled: u64,
    /// The number of findings that are known and accepted, by the form of what silences them: `keylint:allow`,
    /// `[[allow]]`, `baseline`, `policy`, or another tool's token or file name. Forms that did not occur are absent.
    silenced: BTreeMap<&'static str, u64>,
    /// How many of these are silenced by something that the scanned change adds itself.
    silenced_by_change: u64,
    /// How many entries were left out on purpose, by reason. Reasons that did not occur are absent.
    left_out: &'a BTreeMap<LeftOut, u64>,
    /// Inputs that were not scanned, or not whole, sorted by path.
    problems: Vec<Problem<'a>>,
    /// Comments that were to silence something and are not understood, sorted by path and line.
    warnings: Vec<Warning>,
    /// Inputs that were not scanned, or not whole, and were allowed to be (`--allow-incomplete`), sorted by path.
    gaps: Vec<Problem<'a>>,
}

impl<'a> Scan<'a> {
    pub(in crate::report) fn of(report: &Report<'a>, redactor: &Redactor) -> Self {
        let coverage = report.coverage;
        Self {
            complete: coverage.is_complete(),
            files: coverage.files,
            bytes: coverage.bytes,
            members: coverage.members,
            unpacked: coverage.unpacked,
            seconds: coverage.elapsed.as_millis() as f64 / 1000.0,
            findings: report.findings.len() as u64,
            examples: coverage.examples,
            below_confidence: coverage.below_confidence,
            disabled: coverage.disabled,
            silenced: silenced::by_form(report.silenced),
            silenced_by_change: silenced::by_change(report.silenced),
            left_out: &coverage.left_out,
            problems: coverage.problems.iter().map(Problem::of).collect(),
            gaps: coverage.gaps.iter().map(Problem::of).collect(),
            warnings: coverage
                .warnings
                .iter()
                .map(|warning| Warning::of(warning, redactor))
                .collect(),
        }
    }
}

/// A comment that was to silence something and is not understood.
#[derive(Serialize, JsonSchema)]
struct Warning {
    /// The file.
    path: String,
    /// The line, from 1.
    line: u64,
    /// What is wrong, for people.
    message: String,
}

impl Warning {
    fn of(warning: &coverage::Warning, redactor: &Redactor) -> Self {
        Self {
            path: lossy(&warning.path),
            line: warning.line,
            message: redactor.words(&warning.message).into_owned(),
        }
    }
}

/// One input that was not scanned, or not whole.
#[derive(Serialize, JsonSchema)]
struct Problem<'a> {
    /// The input; `null` when the whole run is concerned.
    path: Option<String>,
    /// The bytes of the path, percent-encoded, only where they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    /// What went wrong.
    kind: ProblemKind,
    /// What went wrong, for people.
    message: &'a str,
}

impl<'a> Problem<'a> {
    fn of(problem: &'a coverage::Problem) -> Self {
        Self {
            path: problem.path.as_deref().map(lossy),
            path_raw: problem.path.as_deref().and_then(raw),
            kind: problem.kind,
            message: &problem.message,
        }
    }
}
