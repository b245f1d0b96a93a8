//! The SARIF 2.1.0 format, as code scanning services take it.
//!
//! A finding is one result at the place of its first part. The other parts are its related locations, which the message
//! links to, and so are further places of any part, which it counts. Columns are code points, from 1; the end is exclusive.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactContent, ArtifactLocation, Invocation, Location, Message, MultiformatMessageString,
    Notification, PhysicalLocation, PropertyBag, Region, ReportingConfiguration,
    ReportingDescriptor, ReportingDescriptorReference, Result as SarifResult, ResultLevel, Run,
    Sarif, Suppression, Tool, ToolComponent,
};

use super::escape::escape_json;
use super::history::History;
use super::json::Commit;
use super::redact::{Glyph, Line, Redactor};
use super::silenced::uselessness;
use super::{Listing, Options, Report, percent_encoded};
use crate::model::coverage::Problem;
use crate::model::finding::{Class, Finding, Part, Severity};
use crate::model::silenced::{Entry, Kind};
use crate::rules::load::RuleSet;
use crate::rules::schema::Rule;

/// What relative paths are relative to: the directory keylint ran in, which a service takes for the repository.
const SOURCE_ROOT: &str = "%SRCROOT%";

/// The schema that the report declares.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The name of keylint's fingerprint in results; its number changes when equal findings get other fingerprints.
const FINGERPRINT: &str = "keylint/v1";

/// Writes the report as SARIF, indented, with a line end after it.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let redactor = Redactor::new(options.secrets, report.all());
    let mut results: Vec<SarifResult> =
        report.findings.iter().map(|finding| result(finding, report.rules, &redactor)).collect();
    if options.silenced == Listing::Listed {
        results.extend(report.silenced.iter().map(|silenced| {
            let mut result = result(&silenced.finding, report.rules, &redactor);
            result.suppressions = Some(vec![suppression(&silenced.by, &redactor)]);
            result
        }));
    }
    let run = Run::builder()
        .tool(Tool::builder().driver(driver(report.rules)).build())
        .results(results)
        .invocations(vec![invocation(report, &redactor)])
        .original_uri_base_ids(BTreeMap::from([(SOURCE_ROOT.to_owned(), source_root())]))
        .column_kind("unicodeCodePoints")
        .build();
    let sarif = Sarif::builder().schema(SCHEMA).version("2.1.0").runs(vec![run]).build();
    let json = serde_json::to_string_pretty(&sarif)?;
    writeln!(out, "{}", escape_json(&json))
}

fn driver(rules: &RuleSet) -> ToolComponent {
    let mut driver = ToolComponent::builder()
        .name(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .short_description(text(env!("CARGO_PKG_DESCRIPTION")))
        .rules(rules.rules().iter().map(descriptor).collect::<Vec<_>>())
        .build();
    let homes = [env!("CARGO_PKG_HOMEPAGE"), env!("CARGO_PKG_REPOSITORY")];
    driver.information_uri = homes.into_iter().find(|uri| !uri.is_empty()).map(str::to_owned);
    driver
}

fn source_root() -> ArtifactLocation {
    let message = Message::builder().text("The directory that keylint ran in.").build();
    ArtifactLocation::builder().description(message).build()
}

fn descriptor(rule: &Rule) -> ReportingDescriptor {
    let help =
        MultiformatMessageString::builder().text(help_text(rule)).markdown(help_markdown(rule));
    let properties = [
        ("security-severity", json!(security_severity(rule.severity))),
        ("tags", json!(["security", "secret", "external/cwe/cwe-798"])),
    ];
    let mut descriptor = ReportingDescriptor::builder()
        .id(rule.id.as_str())
        .short_description(text(&rule.title))
        .full_description(text(&rule.what))
        .help(help.build())
        .default_configuration(
            ReportingConfiguration::builder().level(json!(level(rule.severity))).build(),
        )
        .properties(bag(properties))
        .build();
    descriptor.help_uri = rule.references.first().cloned();
    descriptor
}

fn help_text(rule: &Rule) -> String {
    let Rule { what, why, instead, references, .. } = rule;
    format!("{what}\n\n{why}\n\nInstead: {instead}\n\n{}", references.join("\n"))
}

fn help_markdown(rule: &Rule) -> String {
    let Rule { what, why, instead, .. } = rule;
    let links: Vec<String> =
        rule.references.iter().map(|reference| format!("- <{reference}>")).collect();
    let mut sections = vec![
        what.clone(),
        format!("### Why it is bad\n\n{why}"),
        format!("### What to do instead\n\n{instead}"),
    ];
    if !links.is_empty() {
        sections.push(format!("### See\n\n{}", links.join("\n")));
    }
    sections.join("\n\n")
}

fn result(finding: &Finding, rules: &RuleSet, redactor: &Redactor) -> SarifResult {
    let path = finding.origin.path();
    let (parts, further) = finding.places();
    let related: Vec<Location> = (1..)
        .zip(parts[1..].iter().chain(&further))
        .map(|(id, part)| {
            let mut location = location(path, part, redactor);
            location.id = Some(id);
            location.message = Some(message(part.kind.describe()));
            location
        })
        .collect();
    let mut evidence = Vec::new();
    for reason in finding.parts.iter().flat_map(|part| &part.evidence) {
        let reason = redactor.words(reason.as_str());
        if !evidence.contains(&reason) {
            evidence.push(reason);
        }
    }
    let mut properties = vec![
        ("security-severity", json!(security_severity(finding.severity))),
        ("confidence", json!(finding.confidence)),
        ("account", json!(finding.account)),
        ("credential", json!(finding.credential.to_string())),
        ("evidence", json!(evidence)),
    ];
    if finding.class != Class::Leak {
        properties.push(("class", json!(finding.class)));
    }
    if let Some(commit) = finding.origin.commit() {
        properties.push(("commit", json!(Commit::of(commit, redactor))));
    }
    if let Some(told) = &finding.history {
        properties.push(("history", json!(History::of(told, redactor))));
    }
    let mut result = SarifResult::builder()
        .rule_id(finding.rule.as_str())
        .level(level(finding.severity))
        .message(message(&sentence(finding, rules, redactor)))
        .locations(vec![location(path, finding.primary(), redactor)])
        .partial_fingerprints(BTreeMap::from([(
            FINGERPRINT.to_owned(),
            finding.fingerprint.to_string(),
        )]))
        .properties(bag(properties))
        .build();
    if !related.is_empty() {
        result.related_locations = Some(related);
    }
    let index = rules.rules().iter().position(|rule| rule.id == finding.rule.as_str());
    result.rule_index = index.map(as_i64);
    result
}

fn suppression(entry: &Entry, redactor: &Redactor) -> Suppression {
    let kind = match entry.form.kind {
        Kind::InSource => "inSource",
        Kind::External => "external",
    };
    let region = Region::builder().start_line(as_i64(entry.line)).build();
    let physical =
        PhysicalLocation::builder().artifact_location(artifact(&entry.path)).region(region).build();
    let mut properties = vec![
        ("form", json!(entry.form.name)),
        ("what", json!(redactor.words(&entry.what))),
        ("new", json!(entry.is_new)),
    ];
    properties.extend(entry.owner.iter().map(|owner| ("owner", json!(redactor.words(owner)))));
    properties.extend(entry.expires.iter().map(|date| ("expires", json!(date.to_string()))));
    let mut suppression = Suppression::builder()
        .kind(json!(kind))
        .status(json!("accepted"))
        .location(Location::builder().physical_location(physical).build())
        .properties(bag(properties))
        .build();
    suppression.justification =
        entry.reason.as_ref().map(|reason| redactor.words(reason).into_owned());
    suppression
}

/// What was found, with links to the related locations, and what to do instead. The first sentence stands alone, since
/// lists of results show no more.
fn sentence(finding: &Finding, rules: &RuleSet, redactor: &Redactor) -> String {
    let rule = finding.rule.as_str();
    let title = rules.get(rule).map_or(rule, |rule| &rule.title);
    let primary = finding.primary();
    let value = redactor.value(primary.kind, &primary.value);
    let (parts, further) = finding.places();
    let links: Vec<String> = (1..)
        .zip(&parts[1..])
        .map(|(id, part)| format!("[{}]({id})", part.kind.describe()))
        .collect();
    let with = if links.is_empty() { "" } else { " with " };
    let mut sentences = vec![format!(
        "{}: {} {}{with}{}.",
        plain(title),
        primary.kind.describe(),
        plain(&value),
        links.join(", ")
    )];
    match further.len() {
        0 => {}
        1 => sentences.push("It stands at one more place of the file.".to_owned()),
        places => sentences.push(format!("It stands at {places} more places of the file.")),
    }
    sentences.extend(finding.notes.iter().map(|note| {
        let note = redactor.words(note.as_str());
        format!("Note: {}.", plain(note.trim_end_matches('.')))
    }));
    if !finding.advice.instead.is_empty() {
        sentences.push(format!("Instead: {}", plain(&finding.advice.instead)));
    }
    if !finding.advice.link.is_empty() {
        sentences.push(format!("See {}", plain(&finding.advice.link)));
    }
    sentences.join(" ")
}

/// Text in which SARIF sees no links.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '[' | ']' | '\\') {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

fn location(path: &Path, part: &Part, redactor: &Redactor) -> Location {
    let line = redactor.line(part, &[]);
    let region = Region::builder()
        .start_line(as_i64(part.start.line))
        .start_column(as_i64(part.start.column))
        .end_line(as_i64(part.end.line))
        .end_column(as_i64(part.end.column))
        .byte_offset(as_i64(part.span.start))
        .byte_length(as_i64(part.span.len()))
        .snippet(content(&line.glyphs[line.places[0].clone()]))
        .build();
    let physical = PhysicalLocation::builder()
        .artifact_location(artifact(path))
        .region(region)
        .context_region(context(part, &line))
        .build();
    Location::builder().physical_location(physical).build()
}

/// The line around a part, as far as it is known.
fn context(part: &Part, line: &Line) -> Region {
    let first = part.start.column.saturating_sub(line.places[0].start as u64).max(1);
    Region::builder()
        .start_line(as_i64(part.start.line))
        .start_column(as_i64(first))
        .end_line(as_i64(part.end.line))
        .end_column(as_i64((first + line.glyphs.len() as u64).max(part.end.column)))
        .snippet(content(&line.glyphs))
        .build()
}

fn content(glyphs: &[Glyph]) -> ArtifactContent {
    let text: String = glyphs
        .iter()
        .map(|glyph| match glyph {
            Glyph::Plain(character) => *character,
            Glyph::Masked { .. } => '*',
        })
        .collect();
    ArtifactContent::builder().text(text).build()
}

fn artifact(path: &Path) -> ArtifactLocation {
    let encoded = percent_encoded(path);
    if !path.is_absolute() {
        return ArtifactLocation::builder().uri(encoded).uri_base_id(SOURCE_ROOT).build();
    }
    let slash = if encoded.starts_with('/') { "" } else { "/" };
    ArtifactLocation::builder().uri(format!("file://{slash}{encoded}")).build()
}

fn invocation(report: &Report, redactor: &Redactor) -> Invocation {
    let coverage = report.coverage;
    let problems = coverage.problems.iter().map(|problem| notification(problem, "error"));
    let gaps = coverage.gaps.iter().map(|gap| notification(gap, "note"));
    let warnings = coverage.warnings.iter().map(|warning| {
        remark("warning", &redactor.words(&warning.message), &warning.path, warning.line)
    });
    let unused = report.unused.unwrap_or_default().iter().map(|unused| {
        let said = uselessness(unused);
        remark("note", &redactor.words(&said), &unused.entry.path, unused.entry.line)
    });
    let notifications: Vec<_> = problems.chain(gaps).chain(warnings).chain(unused).collect();
    Invocation::builder()
        .execution_successful(coverage.is_complete())
        .tool_execution_notifications(notifications)
        .build()
}

fn notification(problem: &Problem, level: &str) -> Notification {
    let mut notification = Notification::builder()
        .level(json!(level))
        .message(message(&plain(&problem.message)))
        .descriptor(kind(json!(problem.kind)))
        .build();
    notification.locations = problem.path.as_deref().map(|path| {
        let physical = PhysicalLocation::builder().artifact_location(artifact(path)).build();
        vec![Location::builder().physical_location(physical).build()]
    });
    notification
}

fn remark(level: &str, said: &str, path: &Path, line: u64) -> Notification {
    let physical = PhysicalLocation::builder()
        .artifact_location(artifact(path))
        .region(Region::builder().start_line(as_i64(line)).build())
        .build();
    Notification::builder()
        .level(json!(level))
        .message(message(&plain(said)))
        .locations(vec![Location::builder().physical_location(physical).build()])
        .build()
}

fn kind(kind: Value) -> ReportingDescriptorReference {
    let mut reference = ReportingDescriptorReference::builder().build();
    if let Value::String(id) = kind {
        reference.id = Some(id);
    }
    reference
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Critical | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low | Severity::Info => ResultLevel::Note,
    }
}

/// The score by which GitHub orders security results: 9.0 and above is critical, 7.0 high, 4.0 medium.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "1.0",
    }
}

fn text(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text).build()
}

fn message(text: &str) -> Message {
    Message::builder().text(text).build()
}

fn bag(properties: impl IntoIterator<Item = (&'static str, Value)>) -> PropertyBag {
    let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value));
    PropertyBag::builder().additional_properties(properties.collect::<BTreeMap<_, _>>()).build()
}

/// SARIF's integers; nothing that keylint counts comes near their end.
fn as_i64(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
