//! The findings that report tests are made of, and what holds for every format.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keylint::model::blob::Origin;
use keylint::model::coverage::{Coverage, LeftOut, Problem, ProblemKind};
use keylint::model::finding::{
    Advice, Class, Confidence, Evidence, Finding, Fingerprint, Part, PartKind, RuleId, Severity,
};
use keylint::model::secret::{Excerpt, Secret};
use keylint::model::span::{LineCursor, Position, Span, line_around};
use keylint::report::{Color, Options, Report, Secrets, json, jsonl, sarif, text};
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::{Kind, expand};
use proptest::prelude::*;

type Write = fn(&Report, &Options, &mut dyn io::Write) -> io::Result<()>;

/// Every format there is.
pub(crate) const FORMATS: [(&str, Write); 4] = [
    ("text", text::write),
    ("json", json::write),
    ("jsonl", jsonl::write),
    ("sarif", sarif::write),
];

/// Two rules, enough for titles and for SARIF's descriptors.
pub(crate) fn rules() -> RuleSet {
    let file = r#"
        provider = "AWS"

        [[rule]]
        id = "aws-long-term-credentials"
        title = "AWS access key ID with its secret access key"
        severity = "critical"
        matcher = "aws-long-term-pair"
        what = "A long-term access key: both halves of it."
        why = "Whoever has it acts as its user until someone deactivates it."
        instead = "Use a role."
        references = ["https://docs.aws.amazon.com/one", "https://docs.aws.amazon.com/two"]
        hits = ["x"]
        misses = []

        [[rule]]
        id = "aws-access-key-id"
        title = "AWS access key ID"
        severity = "medium"
        matcher = "aws-access-key-id"
        what = "The public half of an access key."
        why = "It tells the account, and that a secret is not far."
        instead = "Keep it with its secret."
        references = []
        hits = ["x"]
        misses = []
    "#;
    RuleSet::from_files([("test.toml", file)]).unwrap()
}

/// A finding whose parts are the placeholders of `text`, or those given.
pub(crate) fn finding(rule: &str, severity: Severity, path: &Path, text: &str) -> Finding {
    let (text, expansions) = expand(text);
    let parts = expansions.into_iter().map(|expansion| {
        let kind = match expansion.kind {
            Kind::AwsSecretAccessKey => PartKind::SecretAccessKey,
            Kind::AwsSessionToken => PartKind::SessionToken,
            _ => PartKind::AccessKeyId,
        };
        (kind, expansion.range)
    });
    finding_of(rule, severity, path, text.as_bytes(), parts)
}

pub(crate) fn finding_of(
    rule: &str,
    severity: Severity,
    path: &Path,
    text: &[u8],
    parts: impl IntoIterator<Item = (PartKind, Range<usize>)>,
) -> Finding {
    let parts: Vec<Part> = parts.into_iter().map(|(kind, range)| part(text, kind, range)).collect();
    let kept_secret = parts.iter().find(|part| part.kind != PartKind::AccessKeyId);
    let identity = &kept_secret.unwrap_or(&parts[0]).value;
    let rule = RuleId::new(rule);
    Finding {
        severity,
        confidence: Confidence::High,
        class: Class::Leak,
        fingerprint: Fingerprint::of_finding(&rule, identity, path.as_os_str().as_encoded_bytes()),
        credential: Fingerprint::of_credential(identity),
        account: Some("123456789012".into()),
        origin: Arc::new(Origin::File { path: path.into(), scope: path.into() }),
        parts,
        history: None,
        notes: Vec::new(),
        advice: advice(),
        rule,
    }
}

fn part(text: &[u8], kind: PartKind, range: Range<usize>) -> Part {
    const REACH: usize = 120;
    let line = line_around(text, range.start, REACH).start
        ..line_around(text, range.end, REACH).end.max(range.end);
    let cut = (
        line.start > 0 && text[line.start - 1] != b'\n',
        text.get(line.end).is_some_and(|byte| !b"\r\n".contains(byte)),
    );
    let (start, end) = (position(text, range.start), position(text, range.end));
    let evidence = match kind {
        PartKind::AccessKeyId => vec!["well-formed key ID of the new generation"],
        PartKind::SecretAccessKey => {
            vec![
                "named aws_secret_access_key",
                "40-character run, entropy 4.81",
                "paired with the key ID one line above",
            ]
        }
        _ => vec!["starts as session tokens do"],
    };
    Part {
        kind,
        value: Secret::new(&text[range.clone()]),
        span: Span::new(range.start as u64, range.end as u64),
        start,
        end,
        evidence: evidence.into_iter().map(Evidence::new).collect(),
        excerpt: Excerpt::new(
            &text[line.clone()],
            range.start - line.start..range.end - line.start,
            position(text, line.start).column,
            cut,
        ),
        decoded: Vec::new(),
        raw: None,
        cell: None,
        copy: Some(0),
    }
}

fn position(text: &[u8], offset: usize) -> Position {
    let mut cursor = LineCursor::default();
    cursor.advance(&text[..offset]);
    cursor.position()
}

fn advice() -> Advice {
    Advice {
        place: "dotfile".into(),
        instead: "Keep credentials out of dotfiles that are shared: let the SDK get them from a profile or a role \
                  when it runs."
            .into(),
        link: "https://docs.aws.amazon.com/sdkref/latest/guide/access.html".into(),
        steps: vec![
            "Do not just delete the line: treat the key as known to others.".into(),
            "Deactivate it, then delete it: `aws iam update-access-key --status Inactive --access-key-id ID`.".into(),
        ],
    }
}

/// One of each kind of finding that a report has to cope with.
pub(crate) fn samples() -> Vec<Finding> {
    let long_term = "aws-long-term-credentials";
    let pair = "# 生产环境\n\nAWS_ACCESS_KEY_ID={{aws-access-key-id:1}}\nAWS_SECRET_ACCESS_KEY={{aws-secret-access-key:1}}\n";
    let one_line = "const s3 = connect('日本', \"{{aws-access-key-id:2}}\",\t'{{aws-secret-access-key:2}}') // 🔑\n";
    let temporary = "\
        export AWS_ACCESS_KEY_ID={{aws-temporary-key-id:3}}\nexport AWS_SECRET_ACCESS_KEY={{aws-secret-access-key:3}}\n\
        # and\n# then\nexport AWS_SESSION_TOKEN={{aws-session-token:3}}\n";
    let canary = "\u{202e}key: {{aws-access-key-id:4}} \u{1b}[2J again {{aws-access-key-id:4}}\n";

    let mut lone_id = finding(
        "aws-access-key-id",
        Severity::Medium,
        Path::new("odd/\u{1b}[31m\nname.txt"),
        canary,
    );
    lone_id.notes.push(Evidence::new("looks like a canary token: do not test it"));
    lone_id.confidence = Confidence::Medium;
    let mut temporary =
        finding("aws-temporary-credentials", Severity::High, &not_utf8(), temporary);
    temporary.account = None;
    temporary.advice.steps = vec!["Revoke the sessions of its role.".into()];
    vec![
        finding(long_term, Severity::Critical, Path::new("config/prod.env"), pair),
        finding(long_term, Severity::Critical, Path::new("src/日本 語.js"), one_line),
        lone_id,
        finding(long_term, Severity::Critical, Path::new("other/copy of.env"), pair),
        temporary,
    ]
}

/// A path that is no UTF-8 where the system has such paths.
fn not_utf8() -> PathBuf {
    #[cfg(unix)]
    return <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"old/caf\xe9.sh").into();
    #[cfg(not(unix))]
    return PathBuf::from("old/caf\u{fffd}.sh");
}

/// A scan that could not read everything.
pub(crate) fn incomplete() -> Coverage {
    Coverage {
        files: 1204,
        bytes: 12_345_678,
        members: 56,
        unpacked: 7_654_321,
        elapsed: Duration::from_millis(182),
        left_out: BTreeMap::from([(LeftOut::Ignored, 12), (LeftOut::SymbolicLink, 3)]),
        problems: vec![
            Problem {
                path: Some("locked/\u{9b}2J.txt".into()),
                kind: ProblemKind::Unreadable,
                message: "permission denied".into(),
            },
            Problem { path: None, kind: ProblemKind::Interrupted, message: "interrupted".into() },
        ],
        warnings: Vec::new(),
        gaps: vec![Problem {
            path: Some("old.zip!\u{9b}2J.txt".into()),
            kind: ProblemKind::Encrypted,
            message: "encrypted".into(),
        }],
        examples: 2,
        disabled: 0,
        below_confidence: 1,
    }
}

pub(crate) fn written(
    write: Write,
    findings: &[Finding],
    coverage: &Coverage,
    options: &Options,
) -> String {
    let rules = rules();
    let mut bytes = Vec::new();
    write(
        &Report { findings, silenced: &[], unused: None, coverage, rules: &rules },
        options,
        &mut bytes,
    )
    .unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The same with default options.
pub(crate) fn report(write: Write, findings: &[Finding], coverage: &Coverage) -> String {
    written(write, findings, coverage, &Options::default())
}

pub(crate) fn assert_no_piece_of(secret: &[u8], report: &str, format: &str) {
    for piece in secret.windows(8) {
        let shown = contains(report.as_bytes(), piece);
        assert!(!shown, "{format} shows {:?} in:\n{report}", String::from_utf8_lossy(piece));
    }
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

#[test]
fn samples_show_no_credential_in_any_format() {
    for (format, write) in FORMATS {
        let report = report(write, &samples(), &incomplete());
        for part in samples().iter().flat_map(|finding| &finding.parts) {
            assert_no_piece_of(part.value.expose(), &report, format);
        }
    }
}

#[test]
fn secrets_are_shown_in_full_when_asked_for() {
    let options = Options { secrets: Secrets::Shown, ..Options::default() };
    for (format, write) in FORMATS {
        let report = written(write, &samples(), &incomplete(), &options);
        for part in samples().iter().flat_map(|finding| &finding.parts) {
            let value = std::str::from_utf8(part.value.expose()).unwrap();
            assert!(report.contains(value), "{format} lacks {value} in:\n{report}");
        }
    }
}

#[test]
fn no_format_lets_a_control_or_a_direction_change_through() {
    for (format, write) in FORMATS {
        let report = report(write, &samples(), &incomplete());
        let odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
        assert_eq!(report.find(odd), None, "{format}: {report}");
    }
}

#[test]
fn a_neighbouring_key_that_is_no_finding_is_covered() {
    let (neighbour, _) = expand("{{aws-secret-access-key:9}} {{aws-access-key-id:9}}");
    let line = format!("one={{{{aws-access-key-id:1}}}} two={neighbour}\n");
    let found = finding("aws-access-key-id", Severity::Medium, Path::new("x"), &line);
    let only_first = Finding { parts: found.parts[..1].to_vec(), ..found };
    for (format, write) in FORMATS {
        let report = report(write, std::slice::from_ref(&only_first), &Coverage::default());
        for value in neighbour.split(' ') {
            assert_no_piece_of(value.as_bytes(), &report, format);
        }
    }
}

#[test]
fn writers_that_fail_are_reported() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (findings, coverage, rules) = (samples(), incomplete(), rules());
    let report = Report {
        findings: &findings,
        silenced: &[],
        unused: None,
        coverage: &coverage,
        rules: &rules,
    };
    for (format, write) in FORMATS {
        let error = write(&report, &Options::default(), &mut Full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{format}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever a line holds beside a credential, a copy of it or a piece cut off by the excerpt included.
    #[test]
    fn no_line_gives_a_credential_away(
        id in "A[KS]IA[A-Z2-7]{16}",
        secret in "[A-Za-z0-9/+]{40,90}",
        before in "\\PC{0,150}",
        between in "\\PC{0,150}",
        after in any::<Vec<u8>>(),
        again in any::<bool>(),
        width in 0_usize..120,
        color in prop_oneof![Just(Color::Plain), Just(Color::Ansi)],
    ) {
        let mut text = before.into_bytes();
        let first = text.len()..text.len() + id.len();
        text.extend(id.as_bytes());
        text.extend(between.as_bytes());
        let second = text.len()..text.len() + secret.len();
        text.extend(secret.as_bytes());
        text.extend(after);
        if again {
            text.extend(secret.as_bytes());
        }
        let parts = [(PartKind::AccessKeyId, first), (PartKind::SecretAccessKey, second)];
        let found = finding_of("aws-long-term-credentials", Severity::High, Path::new("p"), &text, parts);
        let options = Options { width, color, ..Options::default() };
        for (format, write) in FORMATS {
            let report = written(write, std::slice::from_ref(&found), &Coverage::default(), &options);
            assert_no_piece_of(id.as_bytes(), &report, format);
            assert_no_piece_of(secret.as_bytes(), &report, format);
        }
    }
}
