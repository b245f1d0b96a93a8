//! What the files of this repository may hold: nothing that is shaped like a working key.
//!
//! Hosting services refuse a push with such a literal in it, whichever commit brought it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Path and bytes of every committed file; none when this is no git checkout.
fn committed_files() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join(".git").exists() {
        return Vec::new();
    }
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().unwrap();
    assert!(listed.status.success(), "git ls-files works in a checkout");
    String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
        .filter_map(|path| Some((path.into(), std::fs::read(root.join(path)).ok()?)))
        .collect()
}

/// The maximal runs of bytes of a class.
fn runs(bytes: &[u8], class: fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    bytes.split(move |&byte| !class(byte)).filter(|run| !run.is_empty())
}

fn is_key_id(run: &[u8]) -> bool {
    let base32 = |byte: &u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(byte);
    run.len() == 20
        && (run.starts_with(b"AKIA") || run.starts_with(b"ASIA"))
        && run.iter().all(base32)
}

/// Whether 40 characters look drawn at random: many different ones of changing classes.
fn is_random_looking(run: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'A'..=b'Z' => 'U',
        b'a'..=b'z' => 'l',
        b'0'..=b'9' => 'd',
        _ => 's',
    };
    let count = |wanted| run.iter().filter(|&&byte| class(byte) == wanted).count();
    let distinct = run.iter().collect::<std::collections::BTreeSet<_>>().len();
    let changes = run
        .windows(2)
        .filter(|pair| class(pair[0]) != class(pair[1]))
        .filter(|pair| (class(pair[0]), class(pair[1])) != ('U', 'l'))
        .count();
    let (upper, lower) = (count('U'), count('l'));
    8 * distinct + 8 * changes + 6 * upper >= 370 && upper >= 5 && lower >= 5
}

#[test]
fn no_committed_file_holds_a_whole_key_id() {
    let mut found = Vec::new();
    for (path, bytes) in committed_files() {
        for run in runs(&bytes, |byte| byte.is_ascii_alphanumeric()) {
            let text = String::from_utf8_lossy(run);
            if is_key_id(run) && !text.contains("EXAMPLE") {
                found.push(path.clone());
            }
        }
    }
    assert!(found.is_empty(), "write a placeholder instead, see CONTRIBUTING.md: {found:?}");
}

#[test]
fn no_committed_file_holds_a_whole_secret() {
    let mut found = Vec::new();
    for (path, bytes) in committed_files() {
        // Look-alikes have to look alike: images and signatures whose last base64 line is 40 characters long.
        if path.starts_with("fixtures/aws/misses") {
            continue;
        }
        let class = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        for run in runs(&bytes, class).filter(|run| run.len() == 40) {
            if is_random_looking(run) && !String::from_utf8_lossy(run).contains("EXAMPLE") {
                found.push(path.clone());
            }
        }
    }
    assert!(found.is_empty(), "write a placeholder instead, see CONTRIBUTING.md: {found:?}");
}
