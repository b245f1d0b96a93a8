//! Comments in the scanned text that silence findings.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keylint::config::settings::Settings;
use keylint::detect::Detector;
use keylint::rules::load::RuleSet;
use keylint::scan::{self, Input};
use proptest::prelude::*;
use serde_json::Value;

use crate::harness::Sandbox;

const ID: &str = "{{aws-access-key-id:1}}";
const SECRET: &str = "{{aws-secret-access-key:1}}";

/// The exit status of a scan of one file.
fn status(text: &str) -> i32 {
    let sandbox = Sandbox::new();
    sandbox.write("file", text);
    sandbox.run("scan").status.unwrap()
}

#[test]
fn each_extent_silences_what_it_is_about_and_no_more() {
    let key = format!("aws_access_key_id = {ID}");
    for (silent, loud) in [
        (format!("{key} # keylint:allow"), format!("{key}\n# keylint:allow\n")),
        (
            format!("# keylint:allow-next-line\n{key}\n"),
            format!("# keylint:allow-next-line\n\n{key}\n"),
        ),
        (
            format!("# keylint:allow-start\n\n{key}\n\n# keylint:allow-end\n"),
            format!("# keylint:allow-start\n# keylint:allow-end\n{key}\n"),
        ),
        (
            format!("{key}\n\n<!-- keylint:allow-file -->\n"),
            format!("{key}\n`keylint:allow-file`\n"),
        ),
        (
            format!("{key} # keylint:allow[aws-access-key-id] a test key"),
            format!("{key} # keylint:allow[aws-secret-access-key] a test key"),
        ),
    ] {
        assert_eq!(status(&silent), 0, "{silent}");
        assert_eq!(status(&loud), 1, "{loud}");
    }
}

#[test]
fn a_comment_at_either_part_silences_the_pair() {
    let (id, secret) =
        (format!("aws_access_key_id = {ID}"), format!("aws_secret_access_key = {SECRET}"));
    assert_eq!(status(&format!("{id}\n{secret}\n")), 1);
    assert_eq!(status(&format!("{id} # keylint:allow\n{secret}\n")), 0);
    assert_eq!(status(&format!("{id}\n{secret} // keylint:allow\n")), 0);
    // What was said of the ID alone does not hold for the pair.
    assert_eq!(status(&format!("{id} # keylint:allow[aws-access-key-id]\n{secret}\n")), 1);
}

#[test]
fn each_copy_needs_a_comment_of_its_own() {
    let (id, secret) =
        (format!("aws_access_key_id = {ID}"), format!("aws_secret_access_key = {SECRET}"));
    let (allowed, pair) = (format!("{id} # keylint:allow\n"), format!("{id}\n{secret}\n"));
    let said = "a comment silences it elsewhere in this file, but not in line";
    for (text, bare) in [
        (format!("{allowed}\n{id}\n"), Some(3)),
        (format!("{id}\n\n{allowed}"), Some(1)),
        (format!("{allowed}\n{allowed}"), None),
        (format!("{allowed}{secret}\n{}\n{pair}", "\n".repeat(9)), Some(13)),
        (format!("{allowed}{secret}\n{}\n{allowed}{secret}\n", "\n".repeat(9)), None),
        // A part of it that stands alone is a copy, too.
        (format!("{allowed}{secret}\n{}\n{id}\n", "\n".repeat(9)), Some(13)),
        (format!("# keylint:allow-file\n{id}\n\n{id}\n"), None),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("file", &text);
        let run = sandbox.run("scan --report-unused").expect(i32::from(bare.is_some()));
        if let Some(line) = bare {
            run.says(&format!("{said} {line}"));
        }
    }
}

#[test]
fn a_change_answers_for_the_copies_that_it_adds() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("a", &format!("id = {ID}\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("a", &format!("id = {ID}\n\nother_id = {ID} # keylint:allow\n"));
    sandbox.git("add .");
    sandbox.run("staged").expect(0);
    sandbox.git("commit --quiet -m second");
    sandbox.run("diff HEAD~1").expect(0);
    sandbox.run("scan").expect(1);
    sandbox.run("history").expect(1);
    sandbox.write("a", &format!("id = {ID} # keylint:allow\n\nother_id = {ID} # keylint:allow\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m third");
    sandbox.run("history").expect(0);
}

#[test]
fn silenced_findings_are_counted_and_listed_on_request() {
    let sandbox = Sandbox::new();
    sandbox.write("a", &format!("id = {ID} # keylint:allow test account\n"));
    sandbox
        .run("scan")
        .expect(0)
        .says("no credentials found")
        .says("not shown: 1 known finding: keylint:allow (1) (--show-silenced)");
    sandbox
        .run("scan --show-silenced")
        .expect(0)
        .says("Known and accepted\n  a:1:6: aws-access-key-id AKIA")
        .says("    by a:1: keylint:allow; reason: test account\n");
    sandbox.run("scan --no-inline").expect(1);
    sandbox.write("keylint.toml", "inline = false");
    sandbox.run("scan").expect(1);
    sandbox.run("scan --inline").expect(0);
}

#[test]
fn machine_formats_tell_what_silences() {
    let sandbox = Sandbox::new();
    sandbox.write("a", &format!("id = {ID} # keylint:allow test account\n"));
    let json = |line: &str| -> Value { sandbox.run(line).expect(0).json() };
    let counted = json("scan --format json");
    assert_eq!(counted["scan"]["silenced"]["keylint:allow"], 1);
    assert_eq!(counted["scan"]["silenced_by_change"], 0);
    assert!(counted.get("silenced").is_none());

    let listed = json("scan --format json --show-silenced");
    let one = &listed["silenced"][0];
    assert_eq!(one["finding"]["rule"], "aws-access-key-id");
    assert_eq!(one["by"]["kind"], "in_source");
    assert_eq!(one["by"]["reason"], "test account");
    assert_eq!((&one["by"]["path"], &one["by"]["line"]), (&"a".into(), &1.into()));

    let sarif = json("scan --format sarif");
    let result = &sarif["runs"][0]["results"][0];
    let suppression = &result["suppressions"][0];
    assert_eq!(suppression["kind"], "inSource");
    assert_eq!(suppression["justification"], "test account");
    assert_eq!(suppression["location"]["physicalLocation"]["region"]["startLine"], 1);
    let without = json("scan --format sarif --no-show-silenced");
    assert_eq!(without["runs"][0]["results"], Value::Array(Vec::new()));

    let lines = sandbox.run("scan --format jsonl --show-silenced").expect(0).stdout;
    assert!(
        lines.starts_with("{\"type\":\"silenced\",\"by\":{\"form\":\"keylint:allow\""),
        "{lines}"
    );
}

#[test]
fn what_is_not_understood_is_a_warning_and_no_silence() {
    let sandbox = Sandbox::new();
    sandbox.write("a", &format!("x\nid = {ID} # keylint:allow[aws-acess-key-id] typo\n"));
    let said =
        "a:2: keylint:allow[...] names an unknown rule, `aws-acess-key-id`: it silences nothing";
    sandbox.run("scan").expect(1).says(&format!("warning: {said}"));
    sandbox.run("scan --format json").expect(1).complains(said);
    sandbox.write("a", &format!("# keylint:allow-start\nid = {ID}\n"));
    sandbox.run("scan").expect(1).says("warning: a:1: keylint:allow-start without");
}

#[test]
fn a_reason_gives_no_credential_away() {
    let sandbox = Sandbox::new();
    let (value, _) = keylint::rules::placeholder::expand(SECRET);
    sandbox.write(
        "a",
        &format!(
            "/* keylint:allow */ id = {ID}\n# keylint:allow aws_secret_access_key = {SECRET}\n"
        ),
    );
    for format in ["text", "json", "jsonl", "sarif"] {
        let run = sandbox.run(&format!("scan --show-silenced --format {format}")).expect(0);
        assert!(!run.stdout.contains(&value[8..20]), "{format}");
    }
}

#[test]
fn comments_that_silence_nothing_are_listed_on_request() {
    let sandbox = Sandbox::new();
    sandbox.write("a", &format!("id = {ID} # keylint:allow\n"));
    sandbox.write("b", "nothing here # keylint:allow[aws-access-key-id] any more\n");
    sandbox.run("scan").expect(0);
    let run = sandbox.run("scan --report-unused").expect(0);
    run.says("Unused suppressions\n  b:1: keylint:allow[aws-access-key-id]: silences nothing\n");
    let json = sandbox.run("scan --report-unused --format json").expect(0).json();
    assert_eq!(json["unused"].as_array().unwrap().len(), 1);
    assert_eq!(json["unused"][0]["suppression"]["path"], "b");
}

#[test]
fn utf16_holds_comments_too() {
    let sandbox = Sandbox::new();
    let (text, _) =
        keylint::rules::placeholder::expand(&format!("é\r\nid = {ID} # keylint:allow it\r\n"));
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(sandbox.path("a"), utf16).unwrap();
    sandbox.run("scan --show-silenced").expect(0).says("by a:2: keylint:allow; reason: it");
}

#[test]
fn a_change_that_adds_its_own_comment_is_told() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("old", "# keylint:allow-file\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("old", &format!("# keylint:allow-file\nid = {ID}\n"));
    sandbox.write("new", &format!("id = {ID} # keylint:allow\n"));
    sandbox.git("add .");
    let said = "2 known findings: keylint:allow (2); 1 by what this change adds itself";
    sandbox.run("staged").expect(0).says(said);
    sandbox.git("commit --quiet -m second");
    sandbox
        .run("diff HEAD~1..HEAD --show-silenced")
        .expect(0)
        .says(said)
        .says("by new:1: keylint:allow; this change adds it\n")
        .says("by old:1: keylint:allow-file\n");
}

#[test]
fn a_comment_in_a_later_version_holds_for_the_history_of_its_file_only() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("a", &format!("id = {ID}\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.run("history").expect(1);
    sandbox.write("a", &format!("id = {ID} # keylint:allow revoked\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m second");
    sandbox.run("history --show-silenced").expect(0).says("reason: revoked");
    sandbox.write("b", &format!("id = {ID}\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m third");
    sandbox.run("history").expect(1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever a comment and a key fall in windows.
    #[test]
    fn windows_make_no_difference(
        before in 0_usize..9_000,
        between in 0_usize..9_000,
        core in 1_usize..20_000,
        comment in prop_oneof![
            Just("keylint:allow-file why"),
            Just("keylint:allow-start"),
            Just("keylint:allow-next-line"),
            Just("keylint:allow-file[nope]"),
        ],
    ) {
        let filler = |bytes: usize| ".......\n".repeat(bytes / 8);
        let sandbox = Sandbox::new();
        let text = format!(
            "{}{comment}\n{}\nid = {ID}\n{}# keylint:allow-end\n",
            filler(before), filler(between), filler(before)
        );
        let path = sandbox.write("file", &text);
        let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
        let scanned = |core| {
            let inputs = [Input::Path(path.clone())];
            let never = AtomicBool::new(false);
            let outcome =
                scan::run_in_windows(&inputs, &Settings::default(), &detector, &never, core).unwrap();
            (outcome.findings, outcome.silenced, outcome.coverage.warnings)
        };
        prop_assert_eq!(scanned(core), scanned(1 << 20));
    }
}
