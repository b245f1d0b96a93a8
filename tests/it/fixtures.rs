//! The corpus of shapes and look-alikes: each file is scanned, and exactly what it says by itself has to be found.

use std::fmt::Write as _;
use std::path::PathBuf;

use keylint::rules::placeholder::{Kind, value};

use crate::corpus::{Credential, Encoding, Fixture, fixtures, scan};

/// What is added to the placeholders' numbers, one scan each. A shape has to be found whatever its values are; these
/// make the first secret of a file begin or end with each of the characters that are no letters, or with neither.
const ROUNDS: [u32; 6] = [0, 20, 90, 540, 1850, 2550];

/// Scans all `fixtures` and fails with every difference there is.
fn check(fixtures: &[Fixture], encoding: Encoding) {
    let mut report = String::new();
    let mut failed = 0;
    for round in ROUNDS {
        let expanded: Vec<_> =
            fixtures.iter().map(|fixture| fixture.expanded(encoding, round)).collect();
        let files: Vec<(PathBuf, Vec<u8>)> = fixtures
            .iter()
            .zip(&expanded)
            .map(|(fixture, (bytes, _))| (fixture.path.clone(), bytes.clone()))
            .collect();
        let mut found = scan(&files);
        for (fixture, (_, expected)) in fixtures.iter().zip(expanded) {
            let found = found.remove(&fixture.path).unwrap_or_default();
            if found != expected {
                failed += 1;
                describe(&mut report, fixture, round, &expected, &found);
            }
        }
        assert!(found.is_empty(), "findings in files that were not written: {:?}", found.keys());
    }
    let scanned = fixtures.len() * ROUNDS.len();
    assert!(failed == 0, "{failed} of {scanned} files ({encoding:?}) differ\n{report}");
}

fn describe(
    report: &mut String,
    fixture: &Fixture,
    round: u32,
    expected: &[Credential],
    found: &[Credential],
) {
    writeln!(report, "\n{} (placeholders + {round})", fixture.path.display()).unwrap();
    for missed in expected.iter().filter(|credential| !found.contains(credential)) {
        writeln!(report, "    expected  {missed}").unwrap();
    }
    for extra in found.iter().filter(|credential| !expected.contains(credential)) {
        writeln!(report, "    found     {extra}").unwrap();
    }
}

#[test]
fn credentials_are_found_whole_and_apart() {
    check(&fixtures("aws", "pairs"), Encoding::AsIs);
}

#[test]
fn components_are_found_without_their_partners() {
    check(&fixtures("aws", "alone"), Encoding::AsIs);
}

#[test]
fn look_alikes_are_not_reported() {
    check(&fixtures("aws", "misses"), Encoding::AsIs);
}

#[test]
fn line_ends_make_no_difference() {
    for folder in ["pairs", "alone", "misses"] {
        check(&fixtures("aws", folder), Encoding::Crlf);
    }
}

#[test]
fn utf_16_makes_no_difference() {
    for folder in ["pairs", "alone", "misses"] {
        check(&fixtures("aws", folder), Encoding::Utf16);
    }
}

#[test]
fn folders_hold_what_their_names_say() {
    let count = |fixture: &Fixture| {
        let (_, credentials) = fixture.expanded(Encoding::AsIs, 0);
        let parts = credentials.iter().map(|credential| credential.parts.len());
        (credentials.len(), parts.max().unwrap_or_default())
    };
    for fixture in fixtures("aws", "pairs") {
        let (credentials, parts) = count(&fixture);
        assert!(credentials >= 1 && parts >= 2, "{} holds a pair", fixture.path.display());
    }
    for fixture in fixtures("aws", "alone") {
        let (credentials, parts) = count(&fixture);
        assert!(credentials >= 1 && parts == 1, "{} holds no pair", fixture.path.display());
    }
    for fixture in fixtures("aws", "misses") {
        assert_eq!(count(&fixture).0, 0, "{} holds no credential", fixture.path.display());
    }
}

#[test]
fn rounds_bring_symbols_to_both_ends() {
    let secrets = ROUNDS.map(|round| value(Kind::AwsSecretAccessKey, round + 1));
    for symbol in ['/', '+'] {
        assert!(secrets.iter().any(|secret| secret.starts_with(symbol)), "{symbol} at the start");
        assert!(secrets.iter().any(|secret| secret.ends_with(symbol)), "{symbol} at the end");
    }
}

#[test]
fn expected_places_are_those_of_the_bytes_on_disk() {
    let fixture = Fixture {
        path: "é.env".into(),
        text: "\u{feff}# é 🔑\nID={{aws-access-key-id:7}}\n".into(),
    };
    for encoding in [Encoding::AsIs, Encoding::Crlf, Encoding::Utf16] {
        let (bytes, credentials) = fixture.expanded(encoding, 30);
        let (start, end, _) = credentials[0].parts[0];
        let value: Vec<u8> =
            bytes[start as usize..end as usize].iter().copied().filter(|&byte| byte != 0).collect();
        assert!(value.starts_with(b"AKIA") && value.len() == 20, "{encoding:?}");
    }
}
