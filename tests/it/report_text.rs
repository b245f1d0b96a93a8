//! The text format: snapshots, widths, colour, odd characters.

use std::path::Path;

use keylint::model::coverage::Coverage;
use keylint::model::finding::{Class, Finding, PartKind, Severity};
use keylint::report::{Color, Options, Secrets, Verbosity, text};
use keylint::rules::placeholder::{self, Kind};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use crate::report::{finding, finding_of, incomplete, report, samples, written};

const PAIR: &str = "aws-long-term-credentials";

fn one(text: &str) -> Finding {
    finding(PAIR, Severity::Critical, Path::new("file.txt"), text)
}

/// The source lines of a report of one finding: what stands between its rulers.
fn source(finding: &Finding, options: &Options) -> String {
    let report = written(text::write, std::slice::from_ref(finding), &Coverage::default(), options);
    let lines: Vec<&str> = report.lines().skip_while(|line| !line.ends_with('|')).skip(1).collect();
    let end = lines.iter().position(|line| line.ends_with('|')).unwrap();
    lines[..end].join("\n")
}

#[test]
fn samples_at_80_columns() {
    insta::assert_snapshot!(report(text::write, &samples(), &incomplete()));
}

#[test]
fn samples_at_48_columns() {
    let options = Options { width: 48, verbosity: Verbosity::Quiet, ..Options::default() };
    insta::assert_snapshot!(written(text::write, &samples(), &incomplete(), &options));
}

#[test]
fn nothing_found() {
    let coverage = Coverage { files: 1, bytes: 999, ..Coverage::default() };
    insta::assert_snapshot!(report(text::write, &[], &coverage), @r#"
    no credentials found
    scanned 1 file, 999 bytes, in 0 ms
    "#);
    let quiet = Options { verbosity: Verbosity::Quiet, ..Options::default() };
    assert_eq!(written(text::write, &[], &coverage, &quiet), "");
}

#[test]
fn an_example_says_that_it_is_one() {
    let mut found =
        finding("aws-access-key-id", Severity::Medium, Path::new("a"), "{{aws-access-key-id:1}}");
    found.class = Class::Example;
    let report = report(text::write, &[found], &Coverage::default());
    assert!(
        report
            .starts_with("medium[aws-access-key-id]: AWS access key ID (example or placeholder)\n")
    );
    assert!(!report.contains("What to do about leaked keys"), "{report}");
}

#[test]
fn the_most_severe_copy_is_the_one_shown() {
    let text = "{{aws-secret-access-key:1}}";
    let mild = finding("aws-secret-access-key", Severity::Medium, Path::new("a"), text);
    let severe = finding("aws-secret-access-key", Severity::High, Path::new("b"), text);
    let report = report(text::write, &[mild, severe], &Coverage::default());
    assert!(report.contains(" --> b:1:1\n"), "{report}");
    assert!(report.contains("= also at: a:1:1\n"), "{report}");
    assert!(report.contains("1 credential found: 1 high, in 2 places\n"), "{report}");
}

#[test]
fn colour_changes_no_word() {
    let options = Options { color: Color::Ansi, ..Options::default() };
    let colored = written(text::write, &samples(), &incomplete(), &options);
    assert!(colored.contains("\u{1b}[1;31mcritical[aws-long-term-credentials]\u{1b}[0m"));
    assert_eq!(without_colour(&colored), report(text::write, &samples(), &incomplete()));
}

fn without_colour(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap().to_owned();
    pieces.for_each(|piece| plain.push_str(piece.split_once('m').unwrap().1));
    plain
}

#[test]
fn a_minified_line_is_cut_around_its_parts() {
    let filler = "function(a,b){return a+b};".repeat(40);
    let found = one(&format!(
        "{filler}id:\"{{{{aws-access-key-id:1}}}}\",{filler}key:\"{{{{aws-secret-access-key:1}}}}\"{filler}\n"
    ));
    insta::assert_snapshot!(source(&found, &Options::default()), @r#"
    1 | …turn a+b};function(a,b){return a+b};id:"AKIA************53DH",function(a,b…
      |                                          ^^^^^^^^^^^^^^^^^^^^ access key ID
    1 | …on(a,b){return a+b};key:"************************************xgYl"function…
      |                           ----------------------------------------
      |                           secret access key
    "#);
}

#[test]
fn parts_too_wide_for_one_row_take_two() {
    let found = one(
        "client('s3', aws_access_key_id='{{aws-access-key-id:1}}', aws_secret_access_key='{{aws-secret-access-key:1}}')",
    );
    insta::assert_snapshot!(source(&found, &Options::default()), @r#"
    1 | client('s3', aws_access_key_id='AKIA************53DH', aws_secret_access_k…
      |                                 ^^^^^^^^^^^^^^^^^^^^ access key ID
    1 | …**53DH', aws_secret_access_key='************************************xgYl')
      |                                  ----------------------------------------
      |                                  secret access key
    "#);
}

#[test]
fn wide_and_odd_characters_keep_carets_in_place() {
    let found = one("\u{feff}鍵\t= \u{feff}é\u{301}🔑{{aws-access-key-id:1}} \u{1b}]0;x\u{7}\r\n");
    insta::assert_snapshot!(source(&found, &Options::default()), @r#"
    1 | 鍵    = \u{feff}é́🔑AKIA************53DH \u{1b}]0;x\u{7}
      |                    ^^^^^^^^^^^^^^^^^^^^ access key ID
    "#);
}

#[test]
fn bytes_that_are_no_utf8_are_replaced_and_counted() {
    let id = placeholder::value(Kind::AwsAccessKeyId, 1);
    let text = [b"caf\xe9\xff=".as_slice(), id.as_bytes(), b"\xf0\x9f\n"].concat();
    let found =
        finding_of("r", Severity::Low, Path::new("p"), &text, [(PartKind::AccessKeyId, 6..26)]);
    insta::assert_snapshot!(source(&found, &Options::default()), @r#"
    1 | caf��=AKIA************53DH�
      |       ^^^^^^^^^^^^^^^^^^^^ access key ID
    "#);
}

#[test]
fn a_long_value_is_shown_in_full_below_its_line() {
    let found = one("{{aws-session-token:1}}");
    let options = Options { secrets: Secrets::Shown, ..Options::default() };
    let report = written(text::write, std::slice::from_ref(&found), &Coverage::default(), &options);
    let value = std::str::from_utf8(found.parts[0].value.expose()).unwrap();
    assert!(report.contains(&format!("= session token: {value}\n")), "{report}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Rows stay within the width, and each caret stands under a character of its part.
    #[test]
    fn rows_fit_and_carets_line_up(
        before in "[\\PC\\t\u{202e}]{0,200}",
        between in "[\\PC\\t]{0,120}",
        after in "\\PC{0,200}",
        width in 40_usize..140,
    ) {
        let id = placeholder::value(Kind::AwsAccessKeyId, 1);
        let secret = placeholder::value(Kind::AwsSecretAccessKey, 1);
        let first = before.len()..before.len() + id.len();
        let second = first.end + between.len()..first.end + between.len() + secret.len();
        let text = [before, id, between, secret, after].concat();
        let parts = [(PartKind::AccessKeyId, first), (PartKind::SecretAccessKey, second)];
        let found = finding_of(PAIR, Severity::Low, Path::new("p"), text.as_bytes(), parts);
        let options = Options { width, secrets: Secrets::Shown, ..Options::default() };
        let source = source(&found, &options);
        let mut row = "";
        for line in source.lines() {
            prop_assert!(line.width() <= width, "{} columns: {line}", line.width());
            if let Some((_, text)) = line.split_once("1 | ") {
                row = text;
                continue;
            }
            for (sign, part) in [('^', &found.parts[0]), ('-', &found.parts[1])] {
                let marks = line.trim_start_matches("  | ");
                if !marks.trim().chars().all(|c| "^- ".contains(c)) || !marks.contains(sign) {
                    continue;
                }
                let first = marks.find(sign).unwrap();
                let count = marks.matches(sign).count();
                let value = std::str::from_utf8(part.value.expose()).unwrap();
                let under = columns(row, first, count);
                prop_assert!(value.starts_with(under.trim_end_matches('…')), "{under}\n{source}");
            }
        }
    }
}

/// What stands in `count` columns of a line from column `first` on, without combining marks.
fn columns(line: &str, first: usize, count: usize) -> String {
    let mut at = 0;
    let mut found = String::new();
    for character in line.chars() {
        let width = character.to_string().width();
        if width > 0 && (first..first + count).contains(&at) {
            found.push(character);
        }
        at += width;
    }
    found
}
