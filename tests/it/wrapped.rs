//! Credentials that do not stand in clear: every pair of the fixtures in every encoding, and in two at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keylint::config::settings::Settings;
use keylint::decode::nested::LONGEST;
use keylint::detect::Detector;
use keylint::model::finding::PartKind;
use keylint::rules::load::RuleSet;
use keylint::scan::{self, Input};

use crate::corpus::{Encoding, Fixture, fixtures};
use crate::encodings::{Encode, base64, base64_lines, base64_url, entities, escapes, gzip_base64};
use crate::encodings::{hex, json, percent, quoted_printable, unicode_escapes};

/// A credential without its place: its rule, and the values of its parts.
type Bare = (String, BTreeSet<(PartKind, Vec<u8>)>);

const ENCODINGS: [(&str, Encode); 11] = [
    ("json", json),
    ("unicode", unicode_escapes),
    ("escapes", escapes),
    ("percent", percent),
    ("entities", entities),
    ("qp", quoted_printable),
    ("base64", base64),
    ("base64-lines", base64_lines),
    ("base64-url", base64_url),
    ("hex", hex),
    ("gzip", gzip_base64),
];

/// What is not found, or not joined, by the way of wrapping and the fixture, with the reason.
const EXCEPTIONS: [(&str, &str, &str); 8] = [
    ("base64-url", "other/typographic.md", "`_` in text beyond ASCII looks like a name's"),
    ("qp of base64-url", "logs/logstash.conf", CUT_AND_URL),
    ("qp of base64-url", "other/asterisk.conf", CUT_AND_URL),
    ("qp of base64-url", "xml/lambda_env.plist", CUT_AND_URL),
    ("qp of base64-url", "session/triplets/three.env", CUT_AND_URL),
    (
        "qp of base64",
        "session/triplets/three.env",
        "of a token cut in pieces, one is as good a token",
    ),
    ("qp of base64-lines", "json/codepipeline_job.json", LINES_OF_ONE),
    ("qp of base64-lines", "json/escaped_twice/events.jsonl", LINES_OF_ONE),
];

const LINES_OF_ONE: &str = "every second line is one digit that a soft break cut off";

const CUT_AND_URL: &str = "runs that `-` ends are too short to tell a soft break from an operator";

fn scan(files: &[(PathBuf, Vec<u8>)]) -> BTreeMap<PathBuf, BTreeSet<Bare>> {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let settings = Settings { ignore_files: false, ..Settings::default() };
    let inputs = [Input::Path(folder.path().to_owned())];
    let outcome = scan::run(&inputs, &settings, &detector, &AtomicBool::new(false)).unwrap();
    assert!(outcome.coverage.is_complete(), "{:?}", outcome.coverage.problems);
    let mut found: BTreeMap<PathBuf, BTreeSet<Bare>> = BTreeMap::new();
    for finding in &outcome.findings {
        let path = finding.origin.path().strip_prefix(folder.path()).unwrap();
        let parts = finding.parts.iter().map(|part| (part.kind, part.value.expose().to_vec()));
        let bare = (finding.rule.to_string(), parts.collect());
        found.entry(path.to_owned()).or_default().insert(bare);
    }
    found
}

/// Whether wrapping leaves a fixture what it is, and it is not wrapped already.
fn can_be_wrapped(fixture: &Fixture) -> bool {
    !fixture.text.starts_with('\u{feff}') && !fixture.path.starts_with("pairs/wrapped")
}

/// Which of the fixtures are wrapped.
#[derive(Clone, Copy)]
enum Share {
    /// All of them, in each way.
    All,
    /// For each way another share, so that each fixture has its turn in many ways.
    OneIn(usize),
}

/// Fixtures that an encoding makes something else of.
fn is_excepted(way: &str, path: &Path) -> bool {
    EXCEPTIONS.iter().any(|(excepted, fixture, _)| {
        (way == *excepted || way.split(" of ").any(|name| name == *excepted))
            && path.ends_with(Path::new("pairs").join(fixture))
    })
}

fn check(ways: &[(String, Vec<Encode>)], share: Share, round: u32) {
    let plain: Vec<(PathBuf, Vec<u8>)> = fixtures("aws", "pairs")
        .into_iter()
        .filter(can_be_wrapped)
        .map(|fixture| (fixture.expanded(Encoding::AsIs, round).0, fixture.path))
        .map(|(bytes, path)| (path, bytes))
        .collect();
    let expected = scan(&plain);
    let mut report = String::new();
    for (number, (name, encodings)) in ways.iter().enumerate() {
        let is_chosen = |index: usize| match share {
            Share::All => true,
            Share::OneIn(parts) => index % parts == number % parts,
        };
        let wrapped: Vec<(PathBuf, Vec<u8>)> = plain
            .iter()
            .enumerate()
            .filter(|(index, (path, _))| is_chosen(*index) && !is_excepted(name, path))
            .map(|(_, (path, bytes))| {
                let wrap = |bytes: Vec<u8>, encode: &Encode| encode(&bytes);
                (path.clone(), encodings.iter().fold(bytes.clone(), wrap))
            })
            .filter(|(_, bytes)| bytes.len() <= LONGEST)
            .collect();
        let found = scan(&wrapped);
        for (path, _) in &wrapped {
            let nothing = BTreeSet::new();
            let found = found.get(path).unwrap_or(&nothing);
            let missed = expected[path].difference(found).count();
            if missed > 0 {
                writeln!(report, "{name}: {}: {missed} missed", path.display()).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "{} differ\n{report}", report.lines().count());
}

/// All in a release build. A debug build takes much longer, and so a share.
const ONCE: Share = if cfg!(debug_assertions) { Share::OneIn(4) } else { Share::All };

/// Of two encodings there are a hundred ways; the share of a debug build is a part of the other one.
const TWICE: Share = Share::OneIn(if cfg!(debug_assertions) { 39 } else { 13 });

#[test]
fn whatever_is_wrapped_is_found() {
    let ways: Vec<(String, Vec<Encode>)> =
        ENCODINGS.iter().map(|(name, encode)| ((*name).to_owned(), vec![*encode])).collect();
    check(&ways, ONCE, 0);
}

/// Whether an encoding writes single characters in another way.
fn is_notation(name: &str) -> bool {
    ["json", "unicode", "escapes", "percent", "entities", "qp"].contains(&name)
}

fn in_two() -> Vec<(String, Vec<Encode>)> {
    let mut ways: Vec<(String, Vec<Encode>)> = Vec::new();
    for (inner, first) in ENCODINGS {
        for (outer, second) in ENCODINGS {
            // Mails are written in quoted-printable: what is wrapped in it is base64, or wrapped whole with the mail.
            let in_mail =
                [inner, outer].contains(&"qp") && is_notation(inner) && is_notation(outer);
            if !in_mail {
                ways.push((format!("{outer} of {inner}"), vec![first, second]));
            }
        }
    }
    ways
}

#[test]
fn whatever_is_wrapped_twice_is_found() {
    check(&in_two(), TWICE, 20);
}
