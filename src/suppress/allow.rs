//! `[[allow]]` entries: findings to which all conditions of an entry apply are known and accepted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use jiff::civil::Date;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::{List, Subject};
use crate::model::finding::Finding;
use crate::model::silenced::{Entry, Form};

/// One entry. Each condition that is given must apply; at least one is.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    /// Its line in the file.
    pub line: u64,
    /// The rule's identifier.
    pub rule: Option<String>,
    /// A pattern in `.gitignore` syntax, known to be one, that does not start with `!`.
    pub path: Option<String>,
    /// The finding's fingerprint or the credential's, in hex.
    pub fingerprint: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// A regular expression, known to be one, that a part's whole value matches.
    pub value: Option<String>,
    /// How the id of the commit begins, with seven or more digits in hex.
    pub commit: Option<String>,
    /// Why.
    pub reason: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
}

/// The entries of one file.
pub struct AllowList {
    form: Form,
    file: PathBuf,
    base: PathBuf,
    entries: Vec<Compiled>,
    /// The numbers of the entries by what they are looked up by.
    index: HashMap<Key, Vec<usize>>,
    /// Those that cannot be looked up.
    rest: Vec<usize>,
}

/// What an entry is looked up by: the one of its conditions that fits the fewest findings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Fingerprint(String),
    Commit([u8; Key::COMMIT]),
    Account(String),
    /// A file or a directory.
    Path(String),
    /// The last component of a path.
    Name(String),
}

impl Key {
    /// Digits of a commit's id that are given at least.
    const COMMIT: usize = 7;

    fn of(allow: &Allow) -> Option<Self> {
        let by_path = || allow.path.as_deref().and_then(Self::of_glob);
        let commit = allow.commit.as_deref().and_then(|commit| commit.as_bytes().first_chunk());
        let fingerprint = allow.fingerprint.clone().map(Self::Fingerprint);
        fingerprint
            .or_else(|| commit.copied().map(Self::Commit))
            .or_else(by_path)
            .or_else(|| allow.account.clone().map(Self::Account))
    }

    /// A pattern that names one file or directory, and what is in it, is looked up by that; another one by the
    /// directory that it begins with, if it does.
    fn of_glob(glob: &str) -> Option<Self> {
        let plain = glob.strip_suffix("/**").or(glob.strip_suffix('/')).unwrap_or(glob);
        let is_rooted = plain.contains('/') || glob.ends_with("/**");
        let special = plain.find(['*', '?', '[', '\\', '{']);
        if plain.ends_with(' ') || (special.is_some() && !is_rooted) {
            return None;
        }
        let named = match special {
            None => plain,
            Some(special) => plain[..special].rsplit_once('/')?.0,
        };
        let named = named.trim_start_matches('/').to_owned();
        match named.is_empty() {
            true => None,
            false if is_rooted => Some(Self::Path(named)),
            false => Some(Self::Name(named)),
        }
    }
}

struct Compiled {
    allow: Allow,
    /// What a value must begin with, if that can be told from the pattern: one of these.
    beginnings: OnceLock<Option<Beginnings>>,
    glob: OnceLock<Option<Gitignore>>,
    value: OnceLock<Option<Regex>>,
}

/// How large a compiled pattern for values may become, in bytes.
const PATTERN_LIMIT: usize = 1 << 20;

impl AllowList {
    /// The entries of `file`, whose paths are relative to `base` (absolute, links resolved).
    pub fn new(form: Form, file: &Path, base: &Path, entries: Vec<Allow>) -> Self {
        let mut index: HashMap<Key, Vec<usize>> = HashMap::new();
        let mut rest = Vec::new();
        for (number, allow) in entries.iter().enumerate() {
            match Key::of(allow) {
                Some(key) => index.entry(key).or_default().push(number),
                None => rest.push(number),
            }
        }
        let entries = entries
            .into_iter()
            .map(|allow| Compiled {
                allow,
                beginnings: OnceLock::new(),
                glob: OnceLock::new(),
                value: OnceLock::new(),
            })
            .collect();
        Self { form, file: file.to_owned(), base: base.to_owned(), entries, index, rest }
    }

    /// The keys that entries about this finding could have.
    fn keys(subject: &Subject<'_>, path: Option<&str>) -> Vec<Key> {
        let finding = subject.finding;
        let mut keys = vec![
            Key::Fingerprint(subject.fingerprint.to_string()),
            Key::Fingerprint(finding.credential.to_string()),
        ];
        keys.extend(finding.account.clone().map(Key::Account));
        let commit = finding.origin.commit().and_then(|commit| commit.id.as_bytes().first_chunk());
        keys.extend(commit.copied().map(Key::Commit));
        for path in path.into_iter().flat_map(ancestors) {
            let name = path.rsplit('/').next().unwrap_or(path);
            keys.push(Key::Name(name.to_owned()));
            keys.push(Key::Path(path.to_owned()));
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
        let Allow { line, reason, owner, expires, .. } = &self.entries[index].allow;
        Entry {
            form: self.form,
            path: self.file.clone(),
            line: *line,
            what: self.entries[index].allow.conditions(),
            reason: Some(reason.clone()),
            owner: owner.clone(),
            expires: *expires,
            is_new: false,
        }
    }

    fn matches(&mut self, subject: &Subject<'_>, hit: &mut dyn FnMut(usize)) {
        let path = subject.path_below(&self.base);
        let mut numbers: Vec<usize> = Self::keys(subject, path.as_deref())
            .iter()
            .filter_map(|key| self.index.get(key))
            .flatten()
            .copied()
            .chain(self.rest.iter().copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            if self.entries[number].fits(subject, path.as_deref()) {
                hit(number);
            }
        }
    }
}

impl Allow {
    /// The conditions as they stand in the file. A pattern for values may spell a credential out: it is only named.
    fn conditions(&self) -> String {
        let Self { rule, path, fingerprint, account, value, commit, .. } = self;
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
}

impl Compiled {
    fn fits(&self, subject: &Subject<'_>, path: Option<&str>) -> bool {
        let finding = subject.finding;
        let Allow { rule, path: glob, fingerprint, account, value, commit, .. } = &self.allow;
        let is = |wanted: &Option<String>, found: &dyn Fn(&str) -> bool| {
            wanted.as_deref().is_none_or(found)
        };
        is(rule, &|rule| finding.rule.as_str() == rule)
            && is(account, &|account| finding.account.as_deref() == Some(account))
            && is(commit, &|start| {
                finding.origin.commit().is_some_and(|commit| commit.id.starts_with(start))
            })
            && is(fingerprint, &|wanted| {
                wanted == subject.fingerprint.to_string()
                    || wanted == finding.credential.to_string()
            })
            && is(glob, &|glob| path.is_some_and(|path| self.is_path(glob, path)))
            && is(value, &|pattern| self.is_value(pattern, finding))
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

    fn is_value(&self, pattern: &str, finding: &Finding) -> bool {
        // To compile a pattern takes a thousand times as long as to see that no value begins as it does.
        let beginnings = self.beginnings.get_or_init(|| Beginnings::of(pattern));
        let may_fit = |value: &[u8]| beginnings.as_ref().is_none_or(|all| all.fit(value));
        if !finding.parts.iter().any(|part| may_fit(part.value.expose())) {
            return false;
        }
        let compiled = self.value.get_or_init(|| {
            let whole = format!(r"\A(?:{pattern})\z");
            let compiled = RegexBuilder::new(&whole).size_limit(PATTERN_LIMIT).build();
            if compiled.is_err() {
                log::warn!(
                    "the pattern of an allow entry is too large and silences nothing: line {}",
                    self.allow.line
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
        let path = |text: &str| Some(Key::Path(text.into()));
        let name = |text: &str| Some(Key::Name(text.into()));
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
