//! `.gitguardian.yaml` of ggshield, version 2 and, without a version, the form before it: ignored paths, and ignored
//! values in plain text or hashed.

use sha2::{Digest as _, Sha256};

use super::carry::Carry;
use super::dialect::Dialect;
use super::digest::Digest;
use super::list::{ForeignList, Scope};
use super::pattern::{Allow, Compiler};
use super::yaml::{self, Node, Value};
use super::{Problem, hex};
use crate::model::finding::{Part, PartKind};
use crate::model::secret::Secret;

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let Some(root) = yaml::parse(text)? else { return Ok(()) };
    let root = root.map()?;
    let (paths, matches) = match root.text_of("version")? {
        Some("2") => {
            let Some(secret) = root.get("secret") else { return Ok(()) };
            for detector in either(secret, "ignored_detectors", "ignored-detectors")? {
                // All findings of a kind: nothing that keylint lets a repository decide by the way.
                list.pass_over(detector.line, "a whole detector of GitGuardian");
            }
            (
                either(secret, "ignored_paths", "ignored-paths")?,
                either(secret, "ignored_matches", "ignored-matches")?,
            )
        }
        None | Some("1") => (
            either(root, "paths_ignore", "paths-ignore")?,
            either(root, "matches_ignore", "matches-ignore")?,
        ),
        Some(_) => return Err((root.line, "`version` must be 1 or 2".into())),
    };
    let mut compiler = Compiler::new(Dialect::Python);
    for path in paths {
        add_path(path, &mut compiler, list)?;
    }
    matches.iter().try_for_each(|ignored| add_match(ignored, list))
}

fn either<'n>(node: &'n Node, key: &str, dashed: &str) -> Result<&'n [Node], Problem> {
    let items = node.items_of(key)?;
    if items.is_empty() { node.items_of(dashed) } else { Ok(items) }
}

fn add_path(path: &Node, compiler: &mut Compiler, list: &mut ForeignList) -> Result<(), Problem> {
    let pattern = path.text()?;
    let fail = |problem: String| (path.line, problem);
    let regex = path_regex(pattern).ok_or_else(|| fail("`**` must be a whole component".into()))?;
    let regex = compiler.compile(&regex).map_err(fail)?;
    let glob = match pattern.strip_prefix('/') {
        Some(_) => pattern.to_owned(),
        None if pattern.contains('/') => format!("**/{pattern}"),
        None => pattern.to_owned(),
    };
    let entry = list.push(path.line, format!("paths {pattern}"), None, Carry::path(&glob));
    list.mark_general(entry);
    list.allow(entry, Allow::of_path(vec![regex]));
    Ok(())
}

/// ggshield's path pattern as a regular expression: `*` is a part of one component, `**/` any number of them, and
/// without a slash at the end the whole rest of the path must fit.
fn path_regex(pattern: &str) -> Option<String> {
    let misplaced = |component: &str| component.contains("**") && component != "**";
    if pattern.is_empty() || pattern.split('/').any(misplaced) {
        return None;
    }
    let escaped = regex_syntax::escape(pattern.strip_prefix('/').unwrap_or(pattern));
    let body = escaped.replace(r"\*\*/", "([^/]+/)*").replace(r"\*", "[^/]+");
    let start = if pattern.starts_with('/') { "^" } else { "(^|/)" };
    let end = if pattern.ends_with('/') { "" } else { "$" };
    Some(format!("{start}{body}{end}"))
}

fn add_match(ignored: &Node, list: &mut ForeignList) -> Result<(), Problem> {
    let (value, name) = match &ignored.value {
        Value::Map(_) => {
            let value = ignored
                .text_of("match")?
                .ok_or_else(|| (ignored.line, "`match` is missing".to_owned()))?;
            (value, ignored.text_of("name")?.filter(|name| !name.is_empty()))
        }
        _ => (ignored.text()?, None),
    };
    let (what, digest) = match hex(value) {
        Some(digest) => ("the credential of this digest", Some(Digest::GitGuardian(digest))),
        None => ("a value", None),
    };
    let entry = list.push(ignored.line, what, name.map(str::to_owned), Carry::credentials());
    list.mark_general(entry);
    match digest {
        Some(digest) => list.of_digest(entry, digest, Scope::Anywhere),
        None => list.of_value(entry, Secret::new(value.as_bytes()), Scope::Anywhere),
    }
    Ok(())
}

/// What the parts of a credential may be called in a digest. The names of types are GitGuardian's server's, and are
/// written down nowhere; these are those that its AWS detectors have been seen to report.
fn types(kind: PartKind) -> &'static [&'static str] {
    match kind {
        PartKind::AccessKeyId => &["client_id", "apikey"],
        PartKind::SecretAccessKey => &["client_secret", "apikey"],
        PartKind::SessionToken => &["session_token", "token", "apikey"],
        PartKind::Token => &["apikey", "token"],
    }
}

/// The digests by which GitGuardian may know a credential of these parts: one part, or key ID and secret.
pub(super) fn digests(parts: &[Part]) -> Vec<Digest> {
    /// More parts of a kind than this are no credential.
    const MOST: usize = 16;
    let digest = |matches: &[(&str, &Part)]| {
        let mut sha = Sha256::new();
        for (name, part) in matches {
            sha.update(part.value.expose());
            sha.update(b",");
            sha.update(name.as_bytes());
        }
        Digest::GitGuardian(sha.finalize().into())
    };
    let of_kind = |kind: PartKind| parts.iter().filter(move |part| part.kind == kind).take(MOST);
    let mut digests: Vec<Digest> = parts
        .iter()
        .flat_map(|part| types(part.kind).iter().map(move |name| (*name, part)))
        .map(|named| digest(&[named]))
        .collect();
    for id in of_kind(PartKind::AccessKeyId) {
        for secret in of_kind(PartKind::SecretAccessKey) {
            digests.push(digest(&[("client_id", id), ("client_secret", secret)]));
        }
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::super::tests::list;
    use super::*;
    use crate::suppress::List;

    #[test]
    fn path_patterns_read_as_ggshield_does() {
        let fits = |pattern: &str, path: &str| {
            regex::Regex::new(&path_regex(pattern).unwrap()).unwrap().is_match(path)
        };
        for (pattern, path, expected) in [
            ("a.py", "x/a.py", true),
            ("a.py", "x/ba.py", false),
            ("/a.py", "x/a.py", false),
            ("docs/", "x/docs/y/z", true),
            ("docs", "docs/x", false),
            ("**/test/*.py", "a/b/test/c.py", true),
            ("**/test/*.py", "test/c/d.py", false),
            ("a*c", "abc", true),
            ("a.c", "abc", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} on {path}");
        }
        for wrong in ["", "***", "a**", "**a/b", "a/b**"] {
            assert!(path_regex(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn both_versions_are_read_and_others_are_errors() {
        let read = |text: &str| {
            let mut list = list();
            parse(text, &mut list).map(|()| list.len())
        };
        assert_eq!(
            read(
                "version: 2\nsecret:\n  ignored_paths:\n    - a\n  ignored_matches:\n    - name: x\n      match: y\n"
            ),
            Ok(2)
        );
        assert_eq!(
            read("paths-ignore: [a]\nmatches-ignore:\n  - y\n  - {name: z, match: w}\n"),
            Ok(3)
        );
        assert_eq!(read("version: 2\nexit_zero: true\n"), Ok(0));
        assert_eq!(read(""), Ok(0));
        assert_eq!(read("version: 3\n").unwrap_err().0, 1);
        assert_eq!(read("version: 2\nsecret:\n  ignored_paths:\n    - 'a**'\n").unwrap_err().0, 4);
        assert_eq!(
            read("version: 2\nsecret:\n  ignored_matches:\n    - name: x\n").unwrap_err().0,
            4
        );
        assert_eq!(read("- a\n").unwrap_err().0, 1);
    }
}
