//! Findings in any text, through all formats: JSON stays JSON, no control character gets out, and no report holds eight
//! bytes on end of a credential, whatever stands beside it and however often it is repeated.

#![no_main]

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use keylint::model::blob::Origin;
use keylint::model::coverage::{Coverage, Problem, ProblemKind};
use keylint::model::finding::{
    Advice, Class, Confidence, Evidence, Finding, Fingerprint, Part, PartKind, RuleId, Severity,
};
use keylint::model::secret::{Excerpt, Secret};
use keylint::model::span::{LineCursor, Position, Span, line_around};
use keylint::report::{Color, Options, Report, Verbosity, json, jsonl, sarif, text};
use keylint::rules::load::RuleSet;
use keylint_fuzz::Piece;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let rule = r#"
        provider = "AWS"
        [[rule]]
        id = "aws-long-term-credentials"
        title = "An access key"
        severity = "high"
        matcher = "aws-long-term-pair"
        what = "A key."
        why = "It opens."
        instead = "Use a role."
        references = ["https://example.org/"]
        hits = ["x"]
        misses = []
    "#;
    RuleSet::from_files([("fuzz.toml", rule)]).expect("the rule is sound")
});

/// What a redacted credential may not be shown of, in bytes on end.
const PIECE: usize = 8;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    before: Vec<Piece<'a>>,
    credentials: Vec<(Credential, Vec<Piece<'a>>)>,
    words: &'a str,
    path: &'a str,
    reach: u8,
    width: u8,
    ansi: bool,
    quiet: bool,
}

#[derive(Arbitrary, Debug)]
struct Credential {
    kind: u8,
    length: u8,
    seed: u32,
    /// Another credential's bytes instead.
    copy: bool,
}

fuzz_target!(|input: Input<'_>| {
    if input.credentials.is_empty() || input.credentials.len() > 6 {
        return;
    }
    let (text, parts) = blob(&input);
    if text.len() > 64 << 10 {
        return;
    }
    let words = format!("{} {}", input.words, String::from_utf8_lossy(&text[parts[0].1.clone()]));
    let found = finding(&text, &parts, &words, input.path, 32 + usize::from(input.reach));
    let coverage = Coverage {
        problems: vec![Problem {
            path: Some(input.path.into()),
            kind: ProblemKind::Unreadable,
            message: "no".into(),
        }],
        ..Coverage::default()
    };
    let options = Options {
        width: usize::from(input.width),
        color: if input.ansi { Color::Ansi } else { Color::Plain },
        verbosity: if input.quiet { Verbosity::Quiet } else { Verbosity::Normal },
        ..Options::default()
    };
    let said_anyway = said_anyway(&found, &coverage, &options);
    for (report, anyway) in reports(&found, &coverage, &options).iter().zip(&said_anyway) {
        check(report, anyway, &found);
    }
});

type Format = fn(&Report, &Options, &mut dyn io::Write) -> io::Result<()>;

fn reports(finding: &Finding, coverage: &Coverage, options: &Options) -> Vec<String> {
    let formats: [Format; 4] = [text::write, json::write, jsonl::write, sarif::write];
    let findings = std::slice::from_ref(finding);
    let reports = formats.map(|write| {
        let mut report = Vec::new();
        write(
            &Report { findings, silenced: &[], unused: None, coverage, rules: &RULES },
            options,
            &mut report,
        )
        .expect("memory can be written to");
        String::from_utf8(report).expect("reports are UTF-8")
    });
    serde_json::from_str::<serde_json::Value>(&reports[1]).expect("JSON");
    for line in reports[2].lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON Lines");
    }
    let sarif: serde_json::Value = serde_json::from_str(&reports[3]).expect("SARIF is JSON");
    let region = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["startLine"], finding.parts[0].start.line);
    assert_eq!(region["startColumn"], finding.parts[0].start.column);
    reports.into()
}

/// The same reports with the text around the credentials left out, and with credentials of one letter: what is in
/// these, no credential gave away.
fn said_anyway(finding: &Finding, coverage: &Coverage, options: &Options) -> Vec<String> {
    let mut finding = finding.clone();
    finding.notes.clear();
    for part in &mut finding.parts {
        let value = vec![b'!'; part.value.len()];
        part.evidence.clear();
        part.excerpt =
            Excerpt::new(value.clone(), 0..value.len(), part.start.column, (false, false));
        part.value = Secret::new(value);
    }
    reports(&finding, coverage, options)
}

fn check(report: &str, anyway: &str, finding: &Finding) {
    let odd = |c: char| {
        (c.is_control() && c != '\n' && c != '\u{1b}') || matches!(c, '\u{202a}'..='\u{202e}')
    };
    assert_eq!(report.find(odd), None, "{report}");
    let secret: HashSet<&[u8]> =
        finding.parts.iter().flat_map(|part| part.value.expose().windows(PIECE)).collect();
    let shown = report.as_bytes().windows(PIECE).find(|piece| {
        secret.contains(piece) && !anyway.as_bytes().windows(PIECE).any(|other| other == *piece)
    });
    assert_eq!(shown.map(String::from_utf8_lossy), None, "{report}");
}

/// The text, and what of it is a credential.
fn blob(input: &Input<'_>) -> (Vec<u8>, Vec<(PartKind, Range<usize>)>) {
    let mut text = keylint_fuzz::text(&input.before);
    let mut parts: Vec<(PartKind, Range<usize>)> = Vec::new();
    for (credential, after) in &input.credentials {
        let start = text.len();
        match parts.first() {
            Some((_, first)) if credential.copy => text.extend_from_within(first.clone()),
            _ => text.extend(credential.bytes()),
        }
        let kind = match credential.kind % 4 {
            0 => PartKind::AccessKeyId,
            1 => PartKind::SecretAccessKey,
            2 => PartKind::SessionToken,
            _ => PartKind::Token,
        };
        parts.push((kind, start..text.len()));
        text.extend(keylint_fuzz::text(after));
    }
    (text, parts)
}

impl Credential {
    /// 20 characters and more, drawn from `seed`: a fuzzer that chose them would choose words of the report.
    fn bytes(&self) -> Vec<u8> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = u64::from(self.seed) + 1;
        (0..20 + usize::from(self.length))
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                ALPHABET[(state % 64) as usize]
            })
            .collect()
    }
}

fn finding(
    text: &[u8],
    parts: &[(PartKind, Range<usize>)],
    words: &str,
    path: &str,
    reach: usize,
) -> Finding {
    let parts: Vec<Part> =
        parts.iter().map(|(kind, range)| part(text, *kind, range.clone(), words, reach)).collect();
    let rule = RuleId::new("aws-long-term-credentials");
    Finding {
        history: None,
        severity: Severity::High,
        confidence: Confidence::High,
        class: Class::Leak,
        fingerprint: Fingerprint::of_finding(&rule, &parts[0].value, b"x"),
        credential: Fingerprint::of_credential(&parts[0].value),
        account: None,
        origin: Arc::new(Origin::Stdin { name: path.into() }),
        notes: vec![Evidence::new(words)],
        advice: Advice {
            place: "other".into(),
            instead: "Use a role.".into(),
            link: "https://example.org/".into(),
            steps: vec!["Revoke it.".into()],
        },
        rule,
        parts,
    }
}

fn part(text: &[u8], kind: PartKind, range: Range<usize>, words: &str, reach: usize) -> Part {
    let line = line_around(text, range.start, reach);
    let (start, end) = (position(text, range.start), position(text, range.end));
    let cut_before = line.start > 0 && text[line.start - 1] != b'\n';
    let cut_after = text.get(line.end).is_some_and(|byte| !b"\r\n".contains(byte));
    Part {
        kind,
        value: Secret::new(&text[range.clone()]),
        span: Span::new(range.start as u64, range.end as u64),
        start,
        end,
        evidence: vec![Evidence::new(words)],
        excerpt: Excerpt::new(
            &text[line.clone()],
            range.start - line.start..range.end.min(line.end) - line.start,
            position(text, line.start).column,
            (cut_before, cut_after),
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
