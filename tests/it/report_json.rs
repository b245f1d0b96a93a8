//! JSON and JSON Lines: snapshots, their own schema, read back strictly.

use std::collections::BTreeMap;
use std::sync::Arc;

use keylint::model::blob::{self, Origin};
use keylint::model::coverage::Coverage;
use keylint::model::history::{History as Told, Reach, Sighting as Sighted};
use keylint::report::{json, jsonl, text};
use serde::Deserialize;
use serde_json::Value;

use crate::report::{incomplete, report, samples};

/// The format as a strict reader sees it: a field that is added, removed or renamed shows here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    tool: Tool,
    scan: Scan,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Finding(Box<Finding>),
    Summary { schema: String, tool: Tool, scan: Box<Scan> },
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    version: String,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Scan {
    complete: bool,
    files: u64,
    bytes: u64,
    members: u64,
    unpacked: u64,
    seconds: f64,
    findings: u64,
    examples: u64,
    below_confidence: u64,
    disabled: u64,
    silenced: BTreeMap<String, u64>,
    silenced_by_change: u64,
    left_out: BTreeMap<String, u64>,
    problems: Vec<Problem>,
    warnings: Vec<Value>,
    gaps: Vec<Problem>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Problem {
    path: Option<String>,
    path_raw: Option<String>,
    kind: String,
    message: String,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Finding {
    rule: String,
    title: String,
    severity: String,
    confidence: String,
    class: String,
    fingerprint: String,
    credential: String,
    account: Option<String>,
    path: String,
    path_raw: Option<String>,
    commit: Option<Commit>,
    history: Option<History>,
    notes: Vec<String>,
    advice: Advice,
    parts: Vec<Part>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Commit {
    id: String,
    author: String,
    date: Option<String>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct History {
    objects: u64,
    more: bool,
    places: Vec<Sighting>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Sighting {
    path: String,
    path_raw: Option<String>,
    first_commit: Option<Commit>,
    at_head: bool,
    kept_by: String,
    objects: u64,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Advice {
    place: String,
    instead: String,
    link: String,
    steps: Vec<String>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Part {
    kind: String,
    value: String,
    path: String,
    path_raw: Option<String>,
    line: u64,
    column: u64,
    end_line: u64,
    end_column: u64,
    span: Span,
    evidence: Vec<String>,
    decoded: Option<Vec<String>>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Span {
    start: u64,
    end: u64,
}

fn document() -> Document {
    serde_json::from_str(&report(json::write, &samples(), &incomplete())).unwrap()
}

fn assert_valid(schema: &schemars::Schema, instance: &Value) {
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn json_of_samples() {
    let json = report(json::write, &samples(), &incomplete());
    insta::assert_snapshot!(json.replace(env!("CARGO_PKG_VERSION"), "⟨version⟩"));
}

#[test]
fn jsonl_of_samples() {
    let lines = report(jsonl::write, &samples(), &incomplete());
    insta::assert_snapshot!(lines.replace(env!("CARGO_PKG_VERSION"), "⟨version⟩"));
}

#[test]
fn json_reads_back_strictly() {
    let document = document();
    assert_eq!(document.schema, json::SCHEMA);
    assert_eq!(document.tool.name, "keylint");
    assert!(!document.scan.complete);
    assert_eq!(document.scan.seconds.to_string(), "0.182");
    assert_eq!(document.scan.left_out["ignored"], 12);
    assert_eq!(document.scan.problems[1].path, None);
    assert_eq!(document.findings.len(), samples().len());

    for (read, written) in document.findings.iter().zip(samples()) {
        assert_eq!(read.rule, written.rule.as_str());
        assert_eq!(read.fingerprint, written.fingerprint.to_string());
        assert_eq!(read.parts.len(), written.parts.len());
        for (read, written) in read.parts.iter().zip(&written.parts) {
            assert_eq!((read.line, read.column), (written.start.line, written.start.column));
            assert_eq!((read.end_line, read.end_column), (written.end.line, written.end.column));
            assert_eq!((read.span.start, read.span.end), (written.span.start, written.span.end));
        }
    }
    assert_eq!(document.findings[0].credential, document.findings[3].credential);
    assert_ne!(document.findings[0].fingerprint, document.findings[3].fingerprint);
}

#[test]
fn values_keep_their_length_up_to_64_characters() {
    let lengths = |kind: &str| -> Vec<usize> {
        let parts = document().findings.into_iter().flat_map(|finding| finding.parts);
        parts.filter(|part| part.kind == kind).map(|part| part.value.len()).collect()
    };
    assert!(lengths("access_key_id").iter().all(|&len| len == 20));
    assert!(lengths("secret_access_key").iter().all(|&len| len == 40));
    assert_eq!(lengths("session_token"), [20]);
}

#[test]
fn a_commit_is_named_with_its_author_masked_like_all_text() {
    let mut found = samples().remove(0);
    let author = format!("A <{}>", String::from_utf8_lossy(found.primary().value.expose()));
    let commit = blob::Commit { id: "1a2b".into(), author, seconds: i64::MAX, offset: 0 };
    let name = "<message of commit 1a2b>".into();
    found.origin = Arc::new(Origin::Message { name, commit: Arc::new(commit) });
    let json = report(json::write, &[found], &incomplete());
    let document: Document = serde_json::from_str(&json).unwrap();
    assert_valid(&json::schema(), &serde_json::from_str(&json).unwrap());
    let commit = document.findings[0].commit.as_ref().unwrap();
    assert_eq!((commit.id.as_str(), &commit.date), ("1a2b", &None));
    assert_eq!(commit.author, format!("A <{}>", "*".repeat(20)));
}

#[test]
fn places_in_a_history_are_listed_with_authors_masked_and_paths_escaped() {
    let mut found = samples().remove(0);
    let author = format!("A <{}>", String::from_utf8_lossy(found.primary().value.expose()));
    let commit = blob::Commit { id: "1a2b".repeat(10), author, seconds: 0, offset: 0 };
    let place = |path: &str, first, reach| Sighted {
        path: path.into(),
        first,
        at_head: reach == Reach::Ref,
        reach,
        objects: 2,
    };
    let sightings = vec![
        place("a\u{1b}[31m", Some(Arc::new(commit)), Reach::Ref),
        place("<blob 3c4d>", None, Reach::Dangling),
    ];
    found.history = Some(Told { objects: 3, sightings, more: true });
    let json = report(json::write, std::slice::from_ref(&found), &incomplete());
    assert_valid(&json::schema(), &serde_json::from_str(&json).unwrap());
    let mut document: Document = serde_json::from_str(&json).unwrap();
    let history = document.findings.remove(0).history.unwrap();
    assert_eq!((history.objects, history.more), (3, true));
    let first = &history.places[0];
    assert_eq!((first.path.as_str(), first.kept_by.as_str()), ("a\u{1b}[31m", "ref"));
    let commit = first.first_commit.as_ref().unwrap();
    assert_eq!(commit.author, format!("A <{}>", "*".repeat(20)));
    let lost = &history.places[1];
    assert_eq!((lost.at_head, lost.kept_by.as_str(), lost.objects), (false, "dangling", 2));

    let text = report(text::write, &[found], &incomplete());
    let stars = "*".repeat(20);
    let line = format!(
        "= in history: a\\u{{1b}}[31m since 1a2b1a2b1a2b by A <{stars}> on 1970-01-01, still at HEAD, in 2 versions\n"
    );
    assert!(text.contains(&line), "{text}");
    assert!(text.contains(" <blob 3c4d>, dangling, in 2 versions\n"), "{text}");
    assert!(text.contains(" and more places\n"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_utf8_is_given_twice() {
    let document = document();
    let odd = &document.findings[4];
    assert_eq!(
        (odd.path.as_str(), odd.path_raw.as_deref()),
        ("old/caf\u{fffd}.sh", Some("old/caf%E9.sh"))
    );
    assert_eq!(odd.parts[0].path_raw, odd.path_raw);
    assert_eq!(document.findings[2].path, "odd/\u{1b}[31m\nname.txt");
    assert_eq!(document.findings[2].path_raw, None);
}

#[test]
fn jsonl_says_the_same_line_by_line() {
    let document = document();
    let lines = report(jsonl::write, &samples(), &incomplete());
    let mut lines = lines.lines();
    for finding in document.findings {
        let Line::Finding(line) = serde_json::from_str(lines.next().unwrap()).unwrap() else {
            panic!("a finding is expected");
        };
        assert_eq!(*line, finding);
    }
    let Line::Summary { schema, tool, scan } = serde_json::from_str(lines.next().unwrap()).unwrap()
    else {
        panic!("the summary is expected");
    };
    assert_eq!((schema, tool, *scan), (document.schema, document.tool, document.scan));
    assert_eq!(lines.next(), None);
}

#[test]
fn reports_are_valid_against_the_schemas() {
    for (findings, coverage) in [(samples(), incomplete()), (Vec::new(), Coverage::default())] {
        let json = report(json::write, &findings, &coverage);
        assert_valid(&json::schema(), &serde_json::from_str(&json).unwrap());
        for line in report(jsonl::write, &findings, &coverage).lines() {
            assert_valid(&jsonl::schema(), &serde_json::from_str(line).unwrap());
        }
    }
}

#[test]
fn the_schema_asks_for_every_field_that_is_always_there() {
    let schema = json::schema().to_value();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let Some(properties) = definition.get("properties") else { continue };
        let required = definition["required"].as_array().unwrap();
        for property in properties.as_object().unwrap().keys() {
            let expected = !["path_raw", "decoded", "cell"].contains(&property.as_str());
            assert_eq!(required.contains(&property.as_str().into()), expected, "{name}.{property}");
        }
    }
}

#[test]
fn the_schema_of_the_json_format() {
    let schema = serde_json::to_string_pretty(json::schema().as_value()).unwrap();
    insta::assert_snapshot!(schema);
}
