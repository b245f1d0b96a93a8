//! Any text as a file of another tool, in each format: it is read, or the error names the file and one of its lines and
//! quotes nothing; what was read answers for findings.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use keylint::decode::text::{Encoding, View};
use keylint::detect::{BlobScan, Detector};
use keylint::model::blob::Origin;
use keylint::model::finding::Finding;
use keylint::model::secret::Secret;
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::suppress::foreign::{Format, Options};
use keylint::suppress::{List, Subject};
use libfuzzer_sys::fuzz_target;

/// Stands in values, and may not stand in an error.
const VALUE: &str = "Zq7Zq7Zq";

/// A key ID and a pair, as one scan finds them.
static FINDINGS: LazyLock<Vec<Finding>> = LazyLock::new(|| {
    let rules = RuleSet::builtin().expect("the rules that come with keylint are sound");
    let detector = Detector::new(Arc::new(rules));
    let origin = Origin::Stdin { name: "a.py".into() };
    let (text, _) = expand(
        "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n",
    );
    let view = View::new(text.as_bytes(), 0, Encoding::Bytes);
    let mut scan = BlobScan::new(&detector, &origin);
    scan.window(&view, 0..text.len(), true);
    scan.finish().findings
});

fuzz_target!(|input: (u8, &str)| {
    let (format, text) = input;
    let format = Format::ALL[usize::from(format) % Format::ALL.len()];
    let base = Path::new("/nowhere/at/all");
    let options = Options { betterleaks_key: Some(Secret::new(*b"key")) };
    let read = |text: &str| format.parse(text, Path::new("dir/file"), base, &options);
    match read(text) {
        Ok(mut list) => {
            let place = base.join("a.py");
            for finding in FINDINGS.iter() {
                let subject = Subject {
                    finding,
                    scope: finding.origin.scope(),
                    fingerprint: finding.fingerprint,
                    place: Some(&place),
                    came_from: &|path| path.is_absolute(),
                };
                let mut last = None;
                let entries = list.len();
                list.matches(&subject, &mut |index| {
                    assert!(index < entries && last.is_none_or(|last| last < index));
                    last = Some(index);
                });
            }
            for index in 0..list.len() {
                let entry = list.entry(index);
                assert!(entry.line >= 1 && entry.line <= lines(text), "{entry:?}");
                list.carry(index);
            }
        }
        Err(error) => {
            let said = error.to_string();
            let line = said
                .strip_prefix("dir/file:")
                .and_then(|rest| rest.split(':').next())
                .and_then(|line| line.parse::<u64>().ok());
            assert!(line.is_some_and(|line| line >= 1 && line <= lines(text)), "{said}");
        }
    }
    if let Err(error) = read(&text.replace("\"\"", &format!("\"{VALUE}\""))) {
        let said = error.to_string();
        assert!(!said.contains(VALUE), "{said}");
    }
});

fn lines(text: &str) -> u64 {
    text.matches('\n').count() as u64 + 1
}
