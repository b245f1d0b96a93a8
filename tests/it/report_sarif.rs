//! SARIF: snapshot, the official schema, what code scanning services insist on.

use std::path::Path;

use keylint::model::coverage::{Coverage, Problem, ProblemKind};
use keylint::model::finding::{Evidence, Finding, Severity};
use keylint::report::sarif;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::report::{finding, incomplete, report, samples};

fn sarif(findings: &[Finding], coverage: &Coverage) -> Value {
    serde_json::from_str(&report(sarif::write, findings, coverage)).unwrap()
}

fn official_schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("data/sarif-schema-2.1.0.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn assert_valid(sarif: &Value) {
    let errors: Vec<String> = official_schema()
        .iter_errors(sarif)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn sarif_of_samples() {
    let sarif = report(sarif::write, &samples(), &incomplete());
    insta::assert_snapshot!(sarif.replace(env!("CARGO_PKG_VERSION"), "⟨version⟩"));
}

#[test]
fn reports_are_valid_against_the_official_schema() {
    assert_valid(&sarif(&samples(), &incomplete()));
    assert_valid(&sarif(&[], &Coverage::default()));
}

#[test]
fn the_schema_test_would_notice_a_column_of_zero() {
    let mut broken = sarif(&samples(), &incomplete());
    *broken
        .pointer_mut("/runs/0/results/0/locations/0/physicalLocation/region/startColumn")
        .unwrap() = json!(0);
    assert!(!official_schema().is_valid(&broken));
}

#[test]
fn a_run_that_is_not_whole_says_so() {
    let incomplete = sarif(&[], &incomplete());
    let invocation = &incomplete["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], json!(false));
    let notifications = invocation["toolExecutionNotifications"].as_array().unwrap();
    let levels: Vec<_> = notifications.iter().map(|notification| &notification["level"]).collect();
    assert_eq!(levels, [&json!("error"), &json!("error"), &json!("note")]);
    assert_eq!(notifications[0]["descriptor"]["id"], json!("unreadable"));
    assert_eq!(
        notifications[0]["locations"][0]["physicalLocation"]["artifactLocation"],
        json!({ "uri": "locked/%C2%9B2J.txt", "uriBaseId": "%SRCROOT%" })
    );
    assert_eq!(notifications[1].get("locations"), None);

    let gaps = crate::report::incomplete().gaps;
    let allowed = sarif(&[], &Coverage { gaps, ..Coverage::default() });
    assert_eq!(allowed["runs"][0]["invocations"][0]["executionSuccessful"], json!(true));

    let complete = sarif(&[], &Coverage::default());
    assert_eq!(complete["runs"][0]["invocations"][0]["executionSuccessful"], json!(true));
    assert_eq!(complete["runs"][0]["results"], json!([]));
}

#[test]
fn rules_and_results_carry_what_code_scanning_sorts_by() {
    let sarif = sarif(&samples(), &Coverage::default());
    let run = &sarif["runs"][0];
    assert_eq!(run["columnKind"], json!("unicodeCodePoints"));
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        let severity: f64 =
            rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
        assert!((0.1..=10.0).contains(&severity));
        assert!(rule["properties"]["tags"].as_array().unwrap().contains(&json!("security")));
        assert!(rule["help"]["markdown"].is_string());
    }
    for result in run["results"].as_array().unwrap() {
        assert!(result["partialFingerprints"]["keylint/v1"].is_string());
        assert!(result["properties"]["security-severity"].is_string());
        if let Some(index) = result.get("ruleIndex") {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }
}

#[test]
fn parts_are_linked_from_the_message() {
    let sarif = sarif(&samples()[4..], &Coverage::default());
    let result = &sarif["runs"][0]["results"][0];
    let message = result["message"]["text"].as_str().unwrap();
    assert!(message.contains(" with [secret access key](1), [session token](2). "), "{message}");
    let related = result["relatedLocations"].as_array().unwrap();
    assert_eq!(
        related.iter().map(|location| location["id"].as_i64()).collect::<Vec<_>>(),
        [Some(1), Some(2)]
    );
    assert_eq!(related[1]["message"]["text"], json!("session token"));
}

#[test]
fn scanned_text_makes_no_links_in_messages() {
    let mut found = finding("r", Severity::Low, Path::new("p"), "{{aws-access-key-id:1}}");
    found.notes.push(Evidence::new("named [click](https://example.org)."));
    let sarif = sarif(&[found], &Coverage::default());
    let message = sarif["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
    assert!(message.contains(r" Note: named \[click\](https://example.org). "), "{message}");
}

#[test]
fn absolute_paths_are_file_uris() {
    let problem = |path: &str| Problem {
        path: Some(path.into()),
        kind: ProblemKind::Missing,
        message: "no such file".into(),
    };
    let problems = vec![problem("/tmp/a b#c:d"), problem("a b#c:d")];
    let sarif = sarif(&[], &Coverage { problems, ..Coverage::default() });
    assert_valid(&sarif);
    let uri = |index: usize| {
        let notification = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"][index];
        notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone()
    };
    assert_eq!((uri(0), uri(1)), (json!("file:///tmp/a%20b%23c%3Ad"), json!("a%20b%23c%3Ad")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The snippets have as many code points as their regions, and the region lies within its context.
    #[test]
    fn regions_fit_their_snippets(before in "[\\PC\\t]{0,200}", after in "\\PC{0,200}") {
        let text = [&before.replace('{', "("), "{{aws-access-key-id:1}}", &after.replace('}', ")")].concat();
        let found = finding("r", Severity::Low, Path::new("p"), &text);
        let sarif = sarif(&[found], &Coverage::default());
        let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        for name in ["region", "contextRegion"] {
            let region = &location[name];
            let number = |field: &str| region[field].as_u64().unwrap();
            let snippet = region["snippet"]["text"].as_str().unwrap().chars().count() as u64;
            prop_assert_eq!(number("endColumn") - number("startColumn"), snippet, "{}", name);
        }
        let (region, context) = (&location["region"], &location["contextRegion"]);
        prop_assert!(context["startColumn"].as_u64() <= region["startColumn"].as_u64());
        prop_assert!(context["endColumn"].as_u64() >= region["endColumn"].as_u64());
    }
}
