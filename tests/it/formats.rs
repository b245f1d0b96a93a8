//! From bytes on disk to places in reports: lines, columns and byte spans in every encoding, through the real binary.

use std::fs;
use std::ops::Range;

use keylint::rules::placeholder::{Kind, expand};
use serde_json::{Value, json};

use crate::harness::Sandbox;

/// A file with one credential, and where its parts must be found. Lines and columns are counted by hand.
struct Case {
    path: &'static str,
    text: String,
    /// What stands before the text, as it lies on disk.
    mark: &'static [u8],
    encode: fn(&str) -> Vec<u8>,
    /// Line and column of the key ID, and of the secret.
    places: [(u64, u64); 2],
}

fn utf8(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

fn utf16_le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn utf16_be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

const PLAIN: &str = "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n";
const PLAIN_PLACES: [(u64, u64); 2] = [(1, 21), (2, 25)];

const WIDE: &str = "# 生产🔑 aws_access_key_id = {{aws-access-key-id:2}} 🔑\n日本 aws_secret_access_key = \
                    {{aws-secret-access-key:2}}\n";
const WIDE_PLACES: [(u64, u64); 2] = [(1, 27), (2, 28)];

fn cases() -> Vec<Case> {
    let case = |path, text: &str, mark, encode, places| Case {
        path,
        text: text.to_owned(),
        mark,
        encode,
        places,
    };
    let filler = "x = 'a line of é and no more';\n";
    let lines = 2_500_000 / filler.len();
    let large = format!("{}{PLAIN}{}", filler.repeat(lines), filler.repeat(lines));
    let first = lines as u64 + 1;
    vec![
        case("plain.env", PLAIN, b"", utf8, PLAIN_PLACES),
        case("bom.env", PLAIN, b"\xef\xbb\xbf", utf8, PLAIN_PLACES),
        case("crlf.env", &PLAIN.replace('\n', "\r\n"), b"", utf8, PLAIN_PLACES),
        case("le-mark.env", PLAIN, b"\xff\xfe", utf16_le, PLAIN_PLACES),
        case("be-mark.env", PLAIN, b"\xfe\xff", utf16_be, PLAIN_PLACES),
        case("le.env", PLAIN, b"", utf16_le, PLAIN_PLACES),
        case("be.env", PLAIN, b"", utf16_be, PLAIN_PLACES),
        case("wide.env", WIDE, b"", utf8, WIDE_PLACES),
        case("wide-bom.env", WIDE, b"\xef\xbb\xbf", utf8, WIDE_PLACES),
        case("wide-le.env", WIDE, b"\xff\xfe", utf16_le, WIDE_PLACES),
        case("wide-be.env", &WIDE.replace('\n', "\r\n"), b"\xfe\xff", utf16_be, WIDE_PLACES),
        case(
            "tabs.env",
            "\taws_access_key_id\t=\t{{aws-access-key-id:3}}\n\n\t\taws_secret_access_key\t=\t\
             {{aws-secret-access-key:3}}\n",
            b"",
            utf8,
            [(1, 22), (3, 27)],
        ),
        // No UTF-8: each stray byte is one column.
        case(
            "latin1.env",
            "# café aws_access_key_id = {{aws-access-key-id:4}}\néè aws_secret_access_key = \
             {{aws-secret-access-key:4}} é\n",
            b"",
            latin1,
            [(1, 28), (2, 28)],
        ),
        case(
            "program.bin",
            "\0\u{1}\u{90}\u{ff}\n\0aws_access_key_id\0{{aws-access-key-id:5}}\0aws_secret_access_key\0\
             {{aws-secret-access-key:5}}\0\u{fe}\n",
            b"\x7fELF",
            latin1,
            [(2, 20), (2, 63)],
        ),
        case("large.log", &large, b"", utf8, [(first, 21), (first + 1, 25)]),
    ]
}

impl Case {
    /// The bytes of the file, and those that the key ID and the secret take in it.
    fn on_disk(&self) -> (Vec<u8>, [Range<usize>; 2]) {
        let (text, expansions) = expand(&self.text);
        let offset = |at: usize| self.mark.len() + (self.encode)(&text[..at]).len();
        let span = |wanted: Kind| {
            let found = expansions.iter().find(|expansion| expansion.kind == wanted).unwrap();
            offset(found.range.start)..offset(found.range.end)
        };
        let spans = [span(Kind::AwsAccessKeyId), span(Kind::AwsSecretAccessKey)];
        ([self.mark, &(self.encode)(&text)].concat(), spans)
    }
}

/// A tree of all cases.
fn tree() -> (Sandbox, Vec<Case>) {
    let sandbox = Sandbox::new();
    let mut cases = cases();
    for case in &cases {
        fs::write(sandbox.path(case.path), case.on_disk().0).unwrap();
    }
    cases.sort_by_key(|case| case.path);
    (sandbox, cases)
}

#[track_caller]
fn assert_valid(report: &Value, schema: &Value) {
    let schema = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[track_caller]
fn array<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("no list at {pointer} in {value:#}"))
}

#[test]
fn json_places_are_exact_in_every_encoding() {
    let (sandbox, cases) = tree();
    let report = sandbox.run("scan --format json").expect(1).json();
    assert_valid(&report, &sandbox.run("generate schema").expect(0).json());
    assert_eq!(report["scan"]["files"], cases.len());

    let findings = array(&report, "/findings");
    assert_eq!(findings.len(), cases.len(), "{report:#}");
    for (case, finding) in cases.iter().zip(findings) {
        let (_, spans) = case.on_disk();
        assert_eq!(finding["path"], case.path);
        assert_eq!(finding["rule"], "aws-long-term-credentials", "{}", case.path);
        let expected: Vec<Value> = [("access_key_id", 20), ("secret_access_key", 40)]
            .iter()
            .zip(case.places)
            .zip(spans)
            .map(|(((kind, len), (line, column)), span)| {
                json!({
                    "kind": kind, "path": case.path, "line": line, "column": column, "end_line": line,
                    "end_column": column + len, "span": { "start": span.start, "end": span.end },
                })
            })
            .collect();
        let found: Vec<Value> = array(finding, "/parts")
            .iter()
            .map(|part| {
                let mut place = part.clone();
                place.as_object_mut().unwrap().retain(|key, _| key != "value" && key != "evidence");
                place
            })
            .collect();
        assert_eq!(found, expected, "{}", case.path);
    }
}

#[test]
fn sarif_places_are_exact_in_every_encoding() {
    let (sandbox, cases) = tree();
    let report = sandbox.run("scan --format sarif").expect(1).json();
    let schema = serde_json::from_str(include_str!("data/sarif-schema-2.1.0.json")).unwrap();
    assert_valid(&report, &schema);
    assert_eq!(report["runs"][0]["columnKind"], "unicodeCodePoints");

    let results = array(&report, "/runs/0/results");
    assert_eq!(results.len(), cases.len(), "{report:#}");
    for (case, result) in cases.iter().zip(results) {
        let (_, spans) = case.on_disk();
        let locations = [&result["locations"][0], &result["relatedLocations"][0]];
        for (((location, len), (line, column)), span) in
            locations.into_iter().zip([20, 40]).zip(case.places).zip(spans)
        {
            let physical = &location["physicalLocation"];
            assert_eq!(physical["artifactLocation"]["uri"], case.path);
            let mut region = physical["region"].clone();
            region.as_object_mut().unwrap().remove("snippet");
            let expected = json!({
                "startLine": line, "startColumn": column, "endLine": line, "endColumn": column + len,
                "byteOffset": span.start, "byteLength": span.len(),
            });
            assert_eq!(region, expected, "{}", case.path);
            let context = &physical["contextRegion"];
            assert!(context["startColumn"].as_u64().unwrap() <= column, "{}", case.path);
            assert!(context["endColumn"].as_u64().unwrap() >= column + len, "{}", case.path);
        }
    }
}

#[test]
fn standard_input_has_the_places_of_a_file() {
    let (sandbox, cases) = tree();
    let findings = |args: &[&str], case: &Case| {
        let stdin = fs::File::open(sandbox.path(case.path)).unwrap();
        let run = sandbox.keylint(args).start_from(stdin).wait().expect(1);
        run.json()["findings"].clone()
    };
    for case in cases {
        let name = ["scan", "--format", "json", "--stdin-filename", case.path, "-"];
        let from_stdin = findings(&name, &case);
        let from_file = findings(&["scan", "--format", "json", case.path], &case);
        assert_eq!(from_stdin[0]["parts"], from_file[0]["parts"], "{}", case.path);
    }
}

#[test]
fn one_run_writes_the_same_findings_in_every_format() {
    let (sandbox, cases) = tree();
    let out = sandbox.directory("../out");
    let place = |name: &str| out.join(name).to_str().unwrap().to_owned();
    let (json, jsonl, sarif) = (place("r.json"), place("r.jsonl"), place("r.sarif"));
    let run = sandbox
        .keylint([
            "scan", "--format", "json", "--output", &json, "--format", "jsonl", "--output", &jsonl,
            "--format", "sarif", "--output", &sarif, "--format", "text",
        ])
        .run()
        .expect(1);
    let read = |path: &str| fs::read_to_string(path).unwrap();
    let json: Value = serde_json::from_str(&read(&json)).unwrap();
    let sarif: Value = serde_json::from_str(&read(&sarif)).unwrap();
    let lines: Vec<Value> =
        read(&jsonl).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schema = sandbox.run("generate schema jsonl").expect(0).json();
    for line in &lines {
        assert_valid(line, &schema);
    }

    let key = |finding: &Value| finding["fingerprint"].as_str().unwrap().to_owned();
    let expected: Vec<String> = array(&json, "/findings").iter().map(key).collect();
    assert_eq!(expected.len(), cases.len());
    let (summary, findings) = lines.split_last().unwrap();
    assert_eq!(findings.iter().map(key).collect::<Vec<_>>(), expected);
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["scan"], json["scan"]);
    let fingerprints: Vec<String> = array(&sarif, "/runs/0/results")
        .iter()
        .map(|result| result["partialFingerprints"]["keylint/v1"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(fingerprints, expected);
    for case in &cases {
        let (line, column) = case.places[0];
        let place = format!("{}:{line}:{column}", case.path);
        assert!(run.stdout.contains(&place), "{place} is not in:\n{run}");
    }
}
