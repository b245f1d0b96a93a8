//! Credentials that do not stand in clear: every pair of the fixtures in every encoding, and in two at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
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

fn check(encodings: &[(String, Vec<Encode>)], round: u32) {
    let fixtures: Vec<Fixture> =
        fixtures("aws", "pairs").into_iter().filter(can_be_wrapped).collect();
    let plain: Vec<(PathBuf, Vec<u8>)> = fixtures
        .iter()
        .map(|fixture| (fixture.path.clone(), fixture.expanded(Encoding::AsIs, round).0))
        .collect();
    let expected = scan(&plain);
    let mut report = String::new();
    let (mut failed, mut all) = (0, 0);
    for (name, encodings) in encodings {
        let wrapped: Vec<(PathBuf, Vec<u8>)> = plain
            .iter()
            .map(|(path, bytes)| {
                let wrap = |bytes: Vec<u8>, encode: &Encode| encode(&bytes);
                (path.clone(), encodings.iter().fold(bytes.clone(), wrap))
            })
            .collect();
        let found = scan(&wrapped);
        let mut here = 0;
        for (path, credentials) in &expected {
            all += 1;
            let missed = found
                .get(path)
                .map_or(credentials.len(), |found| credentials.difference(found).count());
            if missed > 0 {
                here += 1;
                if std::env::var_os("VERBOSE").is_some() {
                    writeln!(
                        report,
                        "  {name}: {}: {missed} of {}",
                        path.display(),
                        credentials.len()
                    )
                    .unwrap();
                }
            }
        }
        failed += here;
        writeln!(report, "{name}: {here} of {}", expected.len()).unwrap();
    }
    assert!(failed == 0, "{failed} of {all} differ\n{report}");
}

#[test]
#[ignore = "not all shapes yet"]
fn once() {
    let encodings: Vec<(String, Vec<Encode>)> =
        ENCODINGS.iter().map(|(name, encode)| ((*name).to_owned(), vec![*encode])).collect();
    check(&encodings, 0);
}

#[test]
#[ignore = "not all shapes yet"]
fn twice() {
    let mut encodings: Vec<(String, Vec<Encode>)> = Vec::new();
    for (inner, first) in ENCODINGS {
        for (outer, second) in ENCODINGS {
            encodings.push((format!("{outer} of {inner}"), vec![first, second]));
        }
    }
    check(&encodings, 20);
}
