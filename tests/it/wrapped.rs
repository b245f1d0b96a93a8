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
use keylint::rules::placeholder::expand;
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
            .filter(|(index, _)| is_chosen(*index))
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

/// What is found in a text as it stands, and in what is made of it.
fn found_in(files: &[(&str, Vec<u8>)]) -> BTreeMap<PathBuf, BTreeSet<Bare>> {
    let files: Vec<_> =
        files.iter().map(|(path, bytes)| (PathBuf::from(path), bytes.clone())).collect();
    scan(&files)
}

#[test]
fn parts_that_lie_in_each_other_beside_an_escape_end_no_scan() {
    let pair =
        "id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n";
    let filler = "Ab1x".repeat(15);
    let in_token =
        format!("\"IQoJb3JpZ2luX2VjE{filler}/{{{{aws-access-key-id:2}}}}/{filler}{{\\x3d\"");
    let in_secret = "aws_secret_access_key = \"q7Zk/{{aws-access-key-id:2}}/Ab1xCd2yEf3zGh{\\x3d\"";
    let text = |more: &str| expand(&format!("{pair}{more}\n")).0.into_bytes();
    let found = found_in(&[("token", text(&in_token)), ("secret", text(in_secret))]);
    let pair = &found_in(&[("plain", text(""))])[Path::new("plain")];
    for (path, found) in found {
        assert!(found.is_superset(pair), "{}", path.display());
    }
}

#[test]
fn a_value_that_stands_twice_in_what_is_packed_is_linked_at_both_places() {
    let filler = "a line of something else\n".repeat(400);
    let text = |number: u32| {
        format!("{{{{aws-access-key-id:1}}}} {{{{aws-secret-access-key:{number}}}}}\n")
    };
    let text = expand(&format!("{}{filler}{}", text(1), text(2))).0.into_bytes();
    let found = found_in(&[("plain", text.clone()), ("packed", gzip_base64(&text))]);
    assert_eq!(found[Path::new("plain")].len(), 2);
    assert_eq!(found[Path::new("plain")], found[Path::new("packed")]);
}

/// Each line is the sign of a mail, and of what may be wrapped in the next 12 KiB of it.
#[test]
fn a_long_mail_is_searched_whole() {
    let line =
        |number: u32| format!("{}=\n", format!("{number:x}Zb3Yc1Xd").repeat(9)[..75].to_owned());
    let mut text: String = (1_000_000..1_010_000).map(line).collect();
    text.push_str("\nid {{aws-access-key-id:1}} secret {{aws-secret-access-key:1}}\n");
    let text = expand(&text).0.into_bytes();
    let found = found_in(&[("mail", text)]);
    assert_eq!(found[Path::new("mail")].len(), 1);
}
