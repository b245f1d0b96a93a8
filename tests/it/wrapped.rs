//! Credentials that do not stand in clear: every pair of the fixtures in every encoding, and in two at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keylint::config::settings::Settings;
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

/// A way of wrapping, or `*` for any, and the end of a fixture's path.
const EXCEPTIONS: [(&str, &str); 0] = [];

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

/// Whether wrapping leaves a fixture what it is. A table with a header is one only as a whole file.
fn can_be_wrapped(fixture: &Fixture) -> bool {
    !fixture.text.starts_with('\u{feff}')
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
fn is_excepted(name: &str, path: &Path) -> bool {
    EXCEPTIONS.iter().any(|(way, fixture)| {
        name.split(" of ").any(|name| name == *way || *way == "*") && path.ends_with(fixture)
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

#[test]
#[ignore = "not all shapes yet"]
fn whatever_is_wrapped_is_found() {
    let ways: Vec<(String, Vec<Encode>)> =
        ENCODINGS.iter().map(|(name, encode)| ((*name).to_owned(), vec![*encode])).collect();
    check(&ways, Share::All, 0);
}

fn in_two() -> Vec<(String, Vec<Encode>)> {
    let mut ways: Vec<(String, Vec<Encode>)> = Vec::new();
    for (inner, first) in ENCODINGS {
        for (outer, second) in ENCODINGS {
            ways.push((format!("{outer} of {inner}"), vec![first, second]));
        }
    }
    ways
}

#[test]
#[ignore = "not all shapes yet"]
fn whatever_is_wrapped_twice_is_found() {
    check(&in_two(), Share::OneIn(13), 20);
}
