//! Kingfisher's baselines, of version 2 and of the unversioned form before it.
//!
//! A fingerprint hashes value, kind of source and byte offsets, so an edit above a finding brings it back, as it does with
//! Kingfisher itself. It does not hash the path: Kingfisher hides a copy of the file, too. Here an entry holds in
//! its own file, or wherever that was moved to.

use super::Problem;
use super::carry::Carry;
use super::digest::Digest;
use super::list::{ForeignList, Scope, normal};
use super::yaml::{self, Node};

/// What such a file starts with, below comments.
const KEYS: [&str; 3] = ["fingerprint_algorithm:", "repositories:", "ExactFindings:"];

/// Whether a text that is no JSON is such a baseline.
pub(super) fn is_one(text: &str) -> bool {
    text.lines().any(|line| KEYS.iter().any(|key| line.starts_with(key)))
}

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let Some(root) = yaml::parse(text)? else {
        return Err((1, "there is no baseline of Kingfisher in it".into()));
    };
    let root = root.map()?;
    if let Some(old) = root.get("ExactFindings") {
        let matches = old.items_of("matches")?;
        return matches.iter().try_for_each(|found| add(found, "filepath", "linenum", list));
    }
    let known = |key: &str, expected: &str| match root.get(key) {
        None => Err((root.line, format!("`{key}` is missing"))),
        Some(node) if node.text()? == expected => Ok(()),
        Some(node) => Err((node.line, format!("`{key}` must be {expected}"))),
    };
    known("version", "2")?;
    known("fingerprint_algorithm", "kingfisher-v1")?;
    for repository in root.items_of("repositories")? {
        for found in repository.items_of("findings")? {
            add(found, "path", "line", list)?;
        }
    }
    Ok(())
}

fn add(found: &Node, path: &str, line: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let required =
        |key: &str| found.text_of(key)?.ok_or_else(|| (found.line, format!("`{key}` is missing")));
    let (path, written) = (required(path)?, required("fingerprint")?);
    let fingerprints = fingerprints(written)
        .ok_or_else(|| (found.line, "`fingerprint` must be a number of 64 bits".to_owned()))?;
    let rule = found.text_of("rule_id")?.unwrap_or_default();
    let about_other = !rule.is_empty()
        && super::list::Concern::of_gitleaks_rule(rule).is_none()
        && !rule.starts_with("kingfisher.aws");
    if about_other {
        list.pass_over(found.line, format!("rule {rule} of Kingfisher"));
        return Ok(());
    }
    let place = found.text_of(line)?.unwrap_or("?");
    let entry = list.push(found.line, format!("{path}:{place}"), None, Carry::findings());
    if !rule.contains("aws") {
        list.mark_general(entry);
    }
    for fingerprint in fingerprints {
        let scope = Scope::FileOrMoved(normal(path).into());
        list.of_digest(entry, Digest::Kingfisher(fingerprint), scope);
    }
    Ok(())
}

/// The numbers that a fingerprint may mean: 16 digits were once hexadecimal, and are decimal now.
fn fingerprints(written: &str) -> Option<Vec<u64>> {
    if let Some(hex) = written.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|number| vec![number]);
    }
    let decimal = written.parse().ok();
    let hex = (written.len() == 16).then(|| u64::from_str_radix(written, 16).ok()).flatten();
    let numbers: Vec<u64> = decimal.into_iter().chain(hex).collect();
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::super::tests::list;
    use super::*;
    use crate::suppress::List;

    fn read(text: &str) -> Result<ForeignList, Problem> {
        let mut list = list();
        parse(text, &mut list).map(|()| list)
    }

    #[test]
    fn both_forms_are_read_and_an_unknown_one_is_an_error() {
        let old = "ExactFindings:\n  matches:\n  - filepath: repo/a.py\n    fingerprint: 056876f00ffd0622\n    linenum: 5\n";
        assert_eq!(read(old).unwrap().len(), 1);
        let new = "version: 2\nfingerprint_algorithm: kingfisher-v1\nrepositories:\n- id: x\n  findings:\n  - path: a.py\n    fingerprint: '12'\n    rule_id: kingfisher.aws.1\n";
        assert_eq!(read(new).unwrap().len(), 1);
        for (text, line) in [
            (new.replace(": 2", ": 3"), 1),
            (new.replace("-v1", "-v2"), 2),
            (new.replace("'12'", "twelve"), 6),
            (new.replace("    fingerprint: '12'\n", ""), 6),
            (new.replace("findings:", "findings: x\n  y:"), 5),
        ] {
            assert_eq!(read(&text).err().unwrap().0, line, "{text}");
        }
    }

    #[test]
    fn fingerprints_are_decimal_or_hexadecimal() {
        assert_eq!(fingerprints("12495657551078027803"), Some(vec![12_495_657_551_078_027_803]));
        assert_eq!(fingerprints("0x10"), Some(vec![16]));
        assert_eq!(fingerprints("0000000000000010"), Some(vec![10, 16]));
        assert_eq!(fingerprints("18446744073709551616"), None);
        assert_eq!(fingerprints("-1"), None);
    }
}
