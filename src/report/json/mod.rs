//! The JSON format: one object that holds the whole report. Its types are the specification.
//!
//! Within a version (`keylint-report-1`) fields may be added, and values to the lists of `rule`, `place`, `kind` and
//! `left_out`; nothing is renamed, removed or given another meaning. The order of findings, parts and keys is fixed;
//! for the same input only `seconds` differs between runs.

mod scan;

use std::io::{self, Write};
use std::path::Path;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;

pub(super) use self::scan::Scan;
use super::commit;
use super::escape::escape_json;
use super::history::History;
use super::redact::Redactor;
use super::silenced::{Suppression, Unused};
use super::{Listing, Options, Report, percent_encoded};
use crate::model::blob;
use crate::model::finding::{self, Class, Confidence, Evidence, PartKind, Severity};
use crate::model::layer::Layer;
use crate::model::notebook::CellPlace;
use crate::model::silenced as model;
use crate::model::span::Span;

/// The name of this version of the format.
pub const SCHEMA: &str = "keylint-report-1";

/// Writes the report as one JSON object, indented, with a line end after it.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let redactor = Redactor::new(options.secrets, report.all());
    let document = Document {
        schema: SCHEMA,
        tool: Tool::default(),
        scan: Scan::of(report, &redactor),
        findings: report
            .findings
            .iter()
            .map(|finding| Finding::of(finding, report, &redactor))
            .collect(),
        silenced: (options.silenced == Listing::Listed).then(|| {
            report.silenced.iter().map(|one| Silenced::of(one, report, &redactor)).collect()
        }),
        unused: report
            .unused
            .map(|unused| unused.iter().map(|one| Unused::of(one, &redactor)).collect()),
    };
    let json = serde_json::to_string_pretty(&document)?;
    writeln!(out, "{}", escape_json(&json))
}

/// The JSON Schema (draft 2020-12) of what [`write()`] writes.
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Document>()
}

/// A report of keylint.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "keylint report")]
pub struct Document<'a> {
    /// The version of this format: `keylint-report-1`.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// What wrote the report.
    tool: Tool,
    /// What was scanned, and whether that was all that was asked for.
    scan: Scan<'a>,
    /// The findings, sorted by path and place; where commits were scanned, by commit first, from the oldest. A
    /// credential that stands in several files, or was added by several commits, is one finding for each; these share
    /// `credential`. Of a whole history, a credential is one finding.
    findings: Vec<Finding<'a>>,
    /// The findings that are known and accepted, in the same order. Only with `--show-silenced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    silenced: Option<Vec<Silenced<'a>>>,
    /// Suppressions that silenced nothing, or have expired. Only with `--report-unused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused: Option<Vec<Unused>>,
}

/// A finding that is known and accepted.
#[derive(Serialize, JsonSchema)]
pub(super) struct Silenced<'a> {
    /// What silences it; the first suppression, where several do.
    by: Suppression,
    /// The finding.
    finding: Finding<'a>,
}

impl<'a> Silenced<'a> {
    pub(super) fn of(
        silenced: &'a model::Silenced,
        report: &Report<'a>,
        redactor: &Redactor,
    ) -> Self {
        Self {
            by: Suppression::of(&silenced.by, redactor),
            finding: Finding::of(&silenced.finding, report, redactor),
        }
    }
}

/// What wrote the report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tool {
    /// Always `keylint`.
    name: &'static str,
    /// Its version, such as `0.1.0`.
    version: &'static str,
}

impl Default for Tool {
    fn default() -> Self {
        Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }
    }
}

/// One credential in one file.
#[derive(Serialize, JsonSchema)]
pub(super) struct Finding<'a> {
    /// The identifier of the rule, such as `aws-long-term-credentials`.
    rule: &'a str,
    /// The rule's title for readers.
    title: &'a str,
    /// How much harm the finding means if it is what it seems to be.
    severity: Severity,
    /// How sure keylint is that it is.
    confidence: Confidence,
    /// Whether it is a leak, or an example that was asked for.
    class: Class,
    /// Identity of this credential in this path, 32 hexadecimal digits. Survives moves within the file.
    fingerprint: String,
    /// Identity of this credential wherever it stands, 32 hexadecimal digits.
    credential: String,
    /// The AWS account number embedded in the key ID, 12 digits; `null` where it cannot be read off.
    account: Option<&'a str>,
    /// The file, as it was given; bytes that are no UTF-8 are shown as U+FFFD.
    path: String,
    /// The bytes of the path, percent-encoded, only where they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    /// The commit that adds it; `null` where no commits were scanned.
    commit: Option<Commit>,
    /// Where it stands in the history; `null` where none was scanned. The finding's own place is then one of these.
    history: Option<History>,
    /// Remarks on the whole credential.
    notes: Vec<String>,
    /// What to do about it.
    advice: Advice<'a>,
    /// Its parts in order of position, at least one. A part that stands at several places of the file is listed once
    /// for each. The first part's place is the finding's place.
    parts: Vec<Part>,
}

impl<'a> Finding<'a> {
    pub(super) fn of(
        finding: &'a finding::Finding,
        report: &Report<'a>,
        redactor: &Redactor,
    ) -> Self {
        let rule = finding.rule.as_str();
        let path = finding.origin.path();
        Self {
            rule,
            title: report.rules.get(rule).map_or(rule, |rule| &rule.title),
            severity: finding.severity,
            confidence: finding.confidence,
            class: finding.class,
            fingerprint: finding.fingerprint.to_string(),
            credential: finding.credential.to_string(),
            account: finding.account.as_deref(),
            path: lossy(path),
            path_raw: raw(path),
            commit: finding.origin.commit().map(|commit| Commit::of(commit, redactor)),
            history: finding.history.as_ref().map(|told| History::of(told, redactor)),
            notes: words(&finding.notes, redactor),
            advice: Advice::of(&finding.advice),
            parts: finding.parts.iter().map(|part| Part::of(part, path, redactor)).collect(),
        }
    }
}

/// A commit of a repository.
#[derive(Serialize, JsonSchema)]
pub(super) struct Commit {
    /// Its object id in full.
    id: String,
    /// Its author: name, and address in angle brackets.
    author: String,
    /// When it was authored, in RFC 3339 with the author's distance from UTC; `null` if that is no date.
    date: Option<String>,
}

impl Commit {
    pub(super) fn of(commit: &blob::Commit, redactor: &Redactor) -> Self {
        Self {
            id: commit.id.clone(),
            author: redactor.words(&commit.author).into_owned(),
            date: commit::date(commit),
        }
    }
}

/// What to do about a finding.
#[derive(Serialize, JsonSchema)]
struct Advice<'a> {
    /// The kind of place the finding stands in, in kebab case, such as `terraform`; `other` if it is no known one.
    place: &'a str,
    /// What to do instead there.
    instead: &'a str,
    /// Where that is documented: a URL.
    link: &'a str,
    /// What to do about the leaked key, in order.
    steps: &'a [String],
}

impl<'a> Advice<'a> {
    fn of(advice: &'a finding::Advice) -> Self {
        Self {
            place: &advice.place,
            instead: &advice.instead,
            link: &advice.link,
            steps: &advice.steps,
        }
    }
}

/// A part of a credential at one place.
#[derive(Serialize, JsonSchema)]
struct Part {
    /// What it is.
    kind: PartKind,
    /// Its value. Redacted, unless secrets were asked for: of a key ID the first and last four characters are shown,
    /// of other values the last four, of values under 20 characters none. The rest are stars: as many as there are
    /// characters where the value has at most 64, else 16.
    value: String,
    /// The file, as in the finding.
    path: String,
    /// The bytes of the path, percent-encoded, only where they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    /// The line of its first character, from 1. Lines end at a line feed.
    line: u64,
    /// The column of its first character, from 1, in Unicode code points. A byte order mark takes no column.
    column: u64,
    /// The line of its last character.
    end_line: u64,
    /// The column after its last character.
    end_column: u64,
    /// The bytes it takes in the file as it lies on disk.
    span: Span,
    /// What speaks for or against it, in words.
    evidence: Vec<String>,
    /// What it is wrapped in, the outermost first. Absent for what stands in clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<Vec<Layer>>,
    /// Where it stands in a Jupyter notebook of up to 4 MiB. Absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<CellPlace>,
}

impl Part {
    fn of(part: &finding::Part, path: &Path, redactor: &Redactor) -> Self {
        Self {
            kind: part.kind,
            value: redactor.value(part.kind, &part.value),
            path: lossy(path),
            path_raw: raw(path),
            line: part.start.line,
            column: part.start.column,
            end_line: part.end.line,
            end_column: part.end.column,
            span: part.span,
            evidence: words(&part.evidence, redactor),
            decoded: (!part.decoded.is_empty()).then(|| part.decoded.clone()),
            cell: part.cell,
        }
    }
}

fn words(evidence: &[Evidence], redactor: &Redactor) -> Vec<String> {
    evidence.iter().map(|evidence| redactor.words(evidence.as_str()).into_owned()).collect()
}

pub(super) fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The path's bytes, where they cannot be told from its lossy form.
pub(super) fn raw(path: &Path) -> Option<String> {
    path.to_str().is_none().then(|| percent_encoded(path))
}
