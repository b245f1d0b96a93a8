//! `[[allow]]` entries: findings to which all conditions of an entry apply are known and accepted.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use regex::bytes::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::{List, Subject};
use crate::model::allow::{Allow, whole_value};
use crate::model::finding::Finding;
use crate::model::silenced::{Entry, Form};

/// The entries of one file. What takes time is put off until a finding asks for it: most runs find nothing.
pub struct AllowList {
    form: Form,
    file: PathBuf,
    base: PathBuf,
    entries: Vec<Allow>,
    index: OnceLock<Index>,
    /// What was compiled so far, by the numbers of the entries.
    compiled: HashMap<usize, Compiled>,
}

/// The numbers of entries by what they are looked up by.
#[derive(Default)]
struct Index {
    hasher: RandomState,
    /// The hash of the key and the number, sorted. Entries whose keys have the same hash are told apart by their
    /// conditions.
    keyed: Vec<(u64, usize)>,
    /// Those without a key.
    rest: Vec<usize>,
}

/// What an entry is looked up by: the one of its conditions that fits the fewest findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key<'a> {
    Fingerprint(&'a str),
    Commit([u8; Key::COMMIT]),
    Account(&'a str),
    /// A file or a directory.
    Path(&'a str),
    /// The last component of a path.
    Name(&'a str),
}

impl Index {
    fn of(entries: &[Allow]) -> Self {
        let mut index = Self::default();
        for (number, allow) in entries.iter().enumerate() {
            match Key::of(allow) {
                Some(key) => index.keyed.push((index.hasher.hash_one(key), number)),
                None => index.rest.push(number),
            }
        }
        index.keyed.sort_unstable();
        index
    }

    /// The entries that may fit what has these keys, in their order.
    fn numbers(&self, keys: &[Key<'_>]) -> Vec<usize> {
        let mut numbers = self.rest.clone();
        for key in keys {
            let hash = self.hasher.hash_one(key);
            let start = self.keyed.partition_point(|(known, _)| *known < hash);
            let same = self.keyed[start..].iter().take_while(|(known, _)| *known == hash);
            numbers.extend(same.map(|(_, number)| *number));
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

impl<'a> Key<'a> {
    /// Digits of a commit's id that are given at least.
    const COMMIT: usize = 7;

    fn of(allow: &'a Allow) -> Option<Self> {
        let by_path = || allow.path.as_deref().and_then(Self::of_glob);
        let commit = allow.commit.as_deref().and_then(|commit| commit.as_bytes().first_chunk());
        let fingerprint = allow.fingerprint.as_deref().map(Self::Fingerprint);
        fingerprint
            .or_else(|| commit.copied().map(Self::Commit))
            .or_else(by_path)
            .or_else(|| allow.account.as_deref().map(Self::Account))
    }

    /// A pattern that names one file or directory, and what is in it, is looked up by that; another one by the
    /// directory that it begins with, if it does.
    fn of_glob(glob: &'a str) -> Option<Self> {
        let plain = glob.strip_suffix("/**").or(glob.strip_suffix('/')).unwrap_or(glob);
        let is_rooted = plain.contains('/') || glob.ends_with("/**");
        let special = plain.find(['*', '?', '[', '\\', '{']);
        if plain.ends_with(char::is_whitespace) || (special.is_some() && !is_rooted) {
            return None;
        }
        let named = match special {
            None => plain,
            Some(special) => plain[..special].rsplit_once('/')?.0,
        };
        let named = named.trim_start_matches('/');
        match named.is_empty() {
            true => None,
            false if is_rooted => Some(Self::Path(named)),
            false => Some(Self::Name(named)),
        }
    }
}

/// What an entry's patterns are compiled to, as far as they were needed; `None` for one that cannot be.
#[derive(Default)]
struct Compiled {
    /// What a value must begin with, if that can be told from the pattern: one of these.
    beginnings: OnceLock<Option<Beginnings>>,
    glob: OnceLock<Option<Gitignore>>,
    value: OnceLock<Option<Regex>>,
}

impl AllowList {
    /// The entries of `file`, whose paths are relative to `base`.
    pub fn new(form: Form, file: &Path, base: &Path, entries: Vec<Allow>) -> Self {
        let base = base.canonicalize().unwrap_or_else(|_| base.to_owned());
        let (index, compiled) = (OnceLock::new(), HashMap::new());
        Self { form, file: file.to_owned(), base, entries, index, compiled }
    }
}

impl<'a> Key<'a> {
    /// The keys that entries about a finding at `path` could have; `fingerprints` are its own and the credential's.
    fn of_finding(
        finding: &'a Finding,
        fingerprints: &'a [String; 2],
        path: Option<&'a str>,
    ) -> Vec<Self> {
        let mut keys: Vec<Self> = fingerprints.iter().map(|one| Key::Fingerprint(one)).collect();
        keys.extend(finding.account.as_deref().map(Key::Account));
        let commit = finding.origin.commit().and_then(|commit| commit.id.as_bytes().first_chunk());
        keys.extend(commit.copied().map(Key::Commit));
        for path in path.into_iter().flat_map(ancestors) {
            keys.push(Key::Name(path.rsplit('/').next().unwrap_or(path)));
            keys.push(Key::Path(path));
        }
        keys
    }
}

/// A path and the directories that it lies in.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(above, _)| above))
}

impl List for AllowList {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn entry(&self, index: usize) -> Entry {
        let allow = &self.entries[index];
        Entry {
            form: self.form,
            path: self.file.clone(),
            line: allow.line,
            what: conditions(allow),
            reason: Some(allow.reason.clone()),
            owner: allow.owner.clone(),
            expires: allow.expires,
            is_new: false,
        }
    }

    fn matches(&mut self, subject: &Subject<'_>, hit: &mut dyn FnMut(usize)) {
        let path = subject.path_below(&self.base);
        let finding = subject.finding;
        let fingerprints = [subject.fingerprint, finding.credential].map(|one| one.to_string());
        let about = About { finding, fingerprints: &fingerprints, path: path.as_deref() };
        let keys = Key::of_finding(finding, &fingerprints, path.as_deref());
        let index = self.index.get_or_init(|| Index::of(&self.entries));
        for number in index.numbers(&keys) {
            let allow = &self.entries[number];
            if about.fits_plainly(allow)
                && self.compiled.entry(number).or_default().fits(allow, &about)
            {
                hit(number);
            }
        }
    }
}

/// The conditions of an entry as they stand in the file. A pattern for values may spell a credential out: it is only
/// named.
fn conditions(allow: &Allow) -> String {
    let Allow { rule, path, fingerprint, account, value, commit, .. } = allow;
    let written = [
        ("rule", rule),
        ("path", path),
        ("fingerprint", fingerprint),
        ("account", account),
        ("commit", commit),
    ];
    let written = written
        .into_iter()
        .filter_map(|(key, text)| Some(format!("{key} = \"{}\"", text.as_ref()?)))
        .chain(value.as_ref().map(|_| "value = ...".to_owned()));
    written.collect::<Vec<_>>().join(", ")
}

/// A finding, with what entries are held against.
struct About<'a> {
    finding: &'a Finding,
    /// Its own and the credential's.
    fingerprints: &'a [String; 2],
    /// From the directory of the entries on, if it lies below that.
    path: Option<&'a str>,
}

impl About<'_> {
    /// Whether all conditions apply for which nothing must be compiled.
    fn fits_plainly(&self, allow: &Allow) -> bool {
        let Self { finding, fingerprints, .. } = self;
        let is = |wanted: &Option<String>, found: &dyn Fn(&str) -> bool| {
            wanted.as_deref().is_none_or(found)
        };
        is(&allow.rule, &|rule| finding.rule.as_str() == rule)
            && is(&allow.account, &|account| finding.account.as_deref() == Some(account))
            && is(&allow.fingerprint, &|wanted| fingerprints.iter().any(|one| one == wanted))
            && is(&allow.commit, &|start| {
                finding.origin.commit().is_some_and(|commit| commit.id.starts_with(start))
            })
    }
}

impl Compiled {
    /// Whether the patterns of `allow`, which these are, apply.
    fn fits(&self, allow: &Allow, about: &About<'_>) -> bool {
        let fits_path = |glob: &String| about.path.is_some_and(|path| self.is_path(glob, path));
        allow.path.as_ref().is_none_or(fits_path)
            && allow.value.as_ref().is_none_or(|_| self.is_value(allow, about.finding))
    }

    fn is_path(&self, glob: &str, path: &str) -> bool {
        let compiled = self.glob.get_or_init(|| {
            let mut builder = GitignoreBuilder::new("");
            builder.add_line(None, glob).ok()?;
            builder.build().ok()
        });
        compiled
            .as_ref()
            .is_some_and(|globs| globs.matched_path_or_any_parents(path, false).is_ignore())
    }

    fn is_value(&self, allow: &Allow, finding: &Finding) -> bool {
        let Some(pattern) = &allow.value else { return true };
        // To compile a pattern takes a thousand times as long as to see that no value begins as it does.
        let beginnings = self.beginnings.get_or_init(|| Beginnings::of(pattern));
        let may_fit = |value: &[u8]| beginnings.as_ref().is_none_or(|all| all.fit(value));
        if !finding.parts.iter().any(|part| may_fit(part.value.expose())) {
            return false;
        }
        let compiled = self.value.get_or_init(|| {
            let compiled = whole_value(pattern);
            if compiled.is_err() {
                log::warn!(
                    "the pattern of an allow entry is too large and silences nothing: line {}",
                    allow.line
                );
            }
            compiled.ok()
        });
        compiled.as_ref().is_some_and(|regex| {
            finding.parts.iter().any(|part| regex.is_match(part.value.expose()))
        })
    }
}

/// What all matches of a pattern begin with.
struct Beginnings {
    /// The first bytes of these, one bit each.
    first: [u128; 2],
    all: Vec<Vec<u8>>,
}

impl Beginnings {
    /// Those of a pattern, if they are few.
    fn of(pattern: &str) -> Option<Self> {
        let parsed = regex_syntax::parse(pattern).ok()?;
        let mut prefixes = Extractor::new();
        prefixes.kind(ExtractKind::Prefix).limit_class(64).limit_total(128);
        let all: Vec<Vec<u8>> = prefixes
            .extract(&parsed)
            .literals()?
            .iter()
            .map(|literal| literal.as_bytes().to_vec())
            .collect();
        let mut first = [0; 2];
        for beginning in &all {
            match beginning.first() {
                Some(byte) => first[usize::from(byte >> 7)] |= 1 << (byte & 127),
                // A match may be empty.
                None => first = [u128::MAX; 2],
            }
        }
        Some(Self { first, all })
    }

    fn fit(&self, value: &[u8]) -> bool {
        let is_first = |byte: &u8| self.first[usize::from(byte >> 7)] >> (byte & 127) & 1 == 1;
        value.first().is_none_or(is_first) && self.all.iter().any(|one| value.starts_with(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_looked_up_by_what_they_name() {
        let (path, name) = (|text| Some(Key::Path(text)), |text| Some(Key::Name(text)));
        for (glob, key) in [
            ("a/b.env", path("a/b.env")),
            ("/a", path("a")),
            ("a/**", path("a")),
            ("a/b/", path("a/b")),
            ("a/", name("a")),
            ("b.env", name("b.env")),
            ("a/b/**/*.py", path("a/b")),
            ("/a/b*", path("a")),
            ("a*/b", None),
            ("/*.env", None),
            ("*.env", None),
            ("**/a", None),
            ("a\\ ", None),
            ("a\t", None),
            ("a/b\u{3000}", None),
        ] {
            assert_eq!(Key::of_glob(glob), key, "{glob}");
        }
    }

    #[test]
    fn beginnings_rule_out_only_what_does_not_match() {
        for (pattern, value, fits) in [
            ("AKIA[A-Z2-7]{16}", "AKIAX", true),
            ("AKIA[A-Z2-7]{16}", "ASIAX", false),
            ("(?i)ab", "Ab", true),
            ("[a-z]+x", "q", true),
            ("[a-z]+x", "Q", false),
            ("(b|c)?", "", true),
            ("(b|c)?", "q", true),
            ("é", "é", true),
            (".*x", "anything", true),
        ] {
            let beginnings = Beginnings::of(pattern);
            let may_fit = beginnings.is_none_or(|all| all.fit(value.as_bytes()));
            assert_eq!(may_fit, fits, "{pattern} {value}");
        }
    }
}
