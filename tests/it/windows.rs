//! The same bytes give the same findings, whatever the size of the windows they are read in and the number of threads.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keylint::config::settings::Settings;
use keylint::detect::{Detector, MAX_CANDIDATES};
use keylint::model::coverage::ProblemKind;
use keylint::model::finding::{Confidence, Finding};
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::scan::{self, Input, Outcome};
use proptest::prelude::*;

use crate::encodings::unfold;

/// A run that is too regular for a secret by itself: only an ID near it makes it one.
fn weak() -> String {
    let weak = ["kQ7/service/", "endpoint/", "aB3dEf9/", "config/x2Yz"].concat();
    assert_eq!(weak.len(), 40);
    weak
}

/// Pieces of text: a credential of each shape, and what stands between.
fn pieces() -> impl Strategy<Value = String> {
    let filler = (1usize..3000).prop_map(|len| "let x = call(b[i], \"é\");\n".repeat(len / 24 + 1));
    let long_line = (1usize..9000).prop_map(|len| "abc-DEF.012,".repeat(len / 12));
    let credential = (0u32..9, 0usize..25).prop_map(|(number, shape)| {
        let shapes = [
            "[profile p]\naws_access_key_id = {{aws-access-key-id:N}}\naws_secret_access_key = {{aws-secret-access-key:N}}\n",
            "connect('{{aws-access-key-id:N}}', '{{aws-secret-access-key:N}}')\n",
            "{\"AccessKeyId\":\"{{aws-temporary-key-id:N}}\",\"SecretAccessKey\":\"{{aws-secret-access-key:N}}\",\
             \"Token\":\"{{aws-session-token:N}}\"}",
            "id {{aws-access-key-id:N}} 日本語\n",
            "secret_key: {{aws-secret-access-key:N}}\r\n",
            " {{aws-secret-access-key:N}} ",
            "token={{aws-session-token:N}}&",
            "data:\n  aws_access_key_id: {{base64|{{aws-access-key-id:N}}}}\n  aws_secret_access_key: \
             {{base64|{{aws-secret-access-key:N}}}}\n",
            "{\"id\":\"{{aws-access-key-id:N}}\",\"secret_key\":\"{{unicode|{{aws-secret-access-key:N}}}}\"}",
            "\"{{json|{\"AccessKeyId\":\"{{aws-temporary-key-id:N}}\",\"Token\":\"{{aws-session-token:N}}\"}}}\"",
            "s3://{{aws-access-key-id:N}}:{{percent|{{aws-secret-access-key:N}}}}@x ",
            "x {{base64|[default]\naws_access_key_id = {{aws-access-key-id:N}}\naws_secret_access_key = \
             {{percent|{{aws-secret-access-key:N}}}}\n}}",
            "key = '{{cut:4:' + '|{{aws-access-key-id:N}}}}'\nsecret = '{{cut:9:' + '|{{aws-secret-access-key:N}}}}'\n",
            "{{hex|aws_access_key_id={{aws-access-key-id:N}} secret_key={{aws-secret-access-key:N}}}}\n",
            "a = '{{hex|{{aws-access-key-id:N}}}}'; ",
            "b = '{{base64|id {{aws-access-key-id:N}} }}'; ",
            "\"{{unicode|{{aws-access-key-id:N}}}}\", ",
            "('W')\n",
            "c = '{{base64|say W}}'\n",
            "d = '{{hex|see W}}'\n",
            "key =3D {{cut:2:=\n|{{aws-access-key-id:N}}}}, secret {{cut:9:=\n|{{aws-secret-access-key:N}}}}.\n",
            "secret_access_key = '{{cut:20:' + '|{{aws-secret-access-key:N}}}}'\n",
            "f('{{cut:3:' + '|{{aws-temporary-key-id:N}}}}')\n",
            "\"key {{aws-access-key-id:N}}\\nis\\nold, \\n{{aws-secret-access-key:N}}\", ",
            "\"\\u0022{{aws-access-key-id:N}}\\u0022 and \\u0022{{aws-secret-access-key:N}}\\u0022\"\n",
        ];
        shapes[shape].replace('N', &number.to_string()).replace('W', &weak())
    });
    prop_oneof![2 => filler, 1 => long_line, 3 => credential]
}

fn outcome_of(bytes: &[u8], core: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let settings = Settings {
        threads: 1,
        min_confidence: Confidence::Low,
        include_examples: true,
        ..Settings::default()
    };
    let inputs = [Input::Path(path)];
    scan::run_in_windows(&inputs, &settings, &detector, &AtomicBool::new(false), core).unwrap()
}

fn scan_file(bytes: &[u8], core: usize) -> Vec<Finding> {
    let outcome = outcome_of(bytes, core);
    assert!(outcome.coverage.is_complete(), "{:?}", outcome.coverage.problems);
    assert_eq!(outcome.coverage.bytes, bytes.len() as u64);
    // The path differs from run to run, and with it the fingerprint and the origin.
    let mut findings = outcome.findings;
    for finding in &mut findings {
        finding.fingerprint = finding.credential;
        finding.origin = Arc::new(keylint::model::blob::Origin::Stdin { name: "file".into() });
    }
    findings
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn window_sizes_make_no_difference(
        pieces in prop::collection::vec(pieces(), 20..120),
        core in prop_oneof![1usize..200, 200usize..100_000],
        wide in any::<bool>(),
    ) {
        let mut text = String::new();
        for piece in &pieces {
            text.push_str(&unfold(piece).0);
        }
        let bytes: Vec<u8> = if wide {
            [0xfeffu16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        } else {
            text.into_bytes()
        };
        // Margins are some 100 KiB: cores below that only matter if the whole is larger.
        let core = core.max(bytes.len() / 40);
        prop_assert_eq!(scan_file(&bytes, core), scan_file(&bytes, 8 << 20));
    }
}

#[test]
fn a_large_file_is_read_in_windows_with_exact_places() {
    let (pair, _) = expand(
        "aws_access_key_id={{aws-access-key-id:1}}\naws_secret_access_key={{aws-secret-access-key:1}}\n",
    );
    let line = "x = 'filler of a line'; // é\n";
    let mut text = String::new();
    for _ in 0..400_000 {
        text.push_str(line);
    }
    text.push_str(&pair);
    let findings = scan_file(text.as_bytes(), 1 << 20);
    assert_eq!(findings.len(), 1);
    let start = findings[0].parts[0].start;
    assert_eq!((start.line, start.column), (400_001, 19));
    assert_eq!(findings[0].parts[0].span.start as usize, text.len() - pair.len() + 18);
}

/// Scans with an ID right at the end of a window's core, and a run right behind it, and as a whole.
fn check_across(id: &str, run: &str) {
    let (before, after) = ("filler of a line\n".repeat(8000), "filler of a line\n".repeat(30_000));
    let start = unfold(&format!("connect('{id}'")).0;
    let text = format!("{before}{start}, '{}')\n{after}", unfold(run).0);
    let whole = scan_file(text.as_bytes(), 8 << 20);
    assert_eq!(whole[0].parts.len(), 2, "{id}: joined when both stand in one window");
    // The first core ends four margins and its own size after the start: between the ID and the run.
    let core = before.len() + start.len() + 1 - 4 * keylint::detect::MARGIN_BEFORE;
    assert_eq!(scan_file(text.as_bytes(), core), whole, "{id}");
}

/// A run that is too regular for a secret by itself counts beside an ID, also when the ID stands in the window before.
#[test]
fn an_id_in_the_window_before_is_near() {
    check_across("{{aws-access-key-id:1}}", &weak());
    let escaped = format!("{{{{unicode|{}}}}}", weak());
    check_across("{{aws-access-key-id:1}}", &escaped);
}

#[test]
fn an_id_that_is_wrapped_is_near_too() {
    for directive in ["hex", "base64", "unicode"] {
        check_across(&format!("{{{{{directive}|{{{{aws-access-key-id:1}}}}}}}}"), &weak());
    }
}

/// What is wrapped in another way stands in no view with the run.
#[test]
fn an_id_that_is_wrapped_otherwise_is_near_in_no_window() {
    let filler = "filler of a line\n".repeat(30_000);
    let start = unfold("connect('{{hex|{{aws-access-key-id:1}}}}'").0;
    let run = unfold("{{base64|say {{aws-secret-access-key:2}} }}").0;
    let text = format!("{filler}{start}, '{run}')\n{filler}");
    let core = filler.len() + start.len() + 1 - 4 * keylint::detect::MARGIN_BEFORE;
    assert_eq!(scan_file(text.as_bytes(), core), scan_file(text.as_bytes(), 8 << 20));
}

/// Wrapped parts and those in clear have one room together, whatever the windows.
#[test]
fn a_file_full_of_parts_is_reported_and_bounded() {
    let line = unfold("{{aws-access-key-id:1}} {{base64|{{aws-access-key-id:2}}}}\n").0;
    let text = line.repeat(MAX_CANDIDATES * 3 / 4);
    for core in [text.len() / 4, 8 << 20] {
        let outcome = outcome_of(text.as_bytes(), core);
        let kinds: Vec<ProblemKind> =
            outcome.coverage.problems.iter().map(|problem| problem.kind).collect();
        assert_eq!(kinds, [ProblemKind::OverLimit]);
        let parts: usize = outcome.findings.iter().map(|finding| finding.parts.len()).sum();
        assert!((MAX_CANDIDATES / 2..=MAX_CANDIDATES).contains(&parts), "{parts} parts");
    }
}

fn scan_tree(folder: &std::path::Path, threads: usize) -> Outcome {
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let settings = Settings { threads, min_confidence: Confidence::Low, ..Settings::default() };
    scan::run(&[Input::Path(folder.to_owned())], &settings, &detector, &AtomicBool::new(false))
        .unwrap()
}

#[test]
fn thread_counts_make_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..200 {
        let mut text = String::new();
        for line in 0..number % 7 {
            writeln!(text, "key{line} = {{{{aws-access-key-id:{}}}}}", number + line).unwrap();
        }
        let path = folder.path().join(format!("d{}/f{number}", number % 13));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, expand(&text).0).unwrap();
    }
    let one = scan_tree(folder.path(), 1);
    assert_eq!(one.coverage.files, 200);
    assert!(one.findings.len() > 400);
    for threads in [2, 3, 8] {
        let many = scan_tree(folder.path(), threads);
        assert_eq!(many.findings, one.findings, "{threads} threads");
        assert_eq!(many.coverage.files, 200);
    }
}
