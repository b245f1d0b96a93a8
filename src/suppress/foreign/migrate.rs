//! What other tools were told, as entries of keylint's own: those that can be said, and of the rest why not.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::PathBuf;

use super::carry::{Carry, Conditions};
use super::{ForeignList, detect_secrets};
use crate::model::finding::Fingerprint;
use crate::suppress::{List, Subject};

/// An `[[allow]]` entry to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Under which conditions it silences.
    pub conditions: Conditions,
    /// Why: what it comes from, and what was said there.
    pub reason: String,
}

/// An entry that is not carried over, or not without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file it stands in.
    pub path: PathBuf,
    /// Its line.
    pub line: u64,
    /// What is to be said.
    pub words: String,
}

/// What becomes of the entries of other tools' files.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is written.
    pub entries: Vec<NewEntry>,
    /// What is not carried, and why.
    pub left: Vec<Remark>,
    /// What is carried and should be looked at.
    pub doubts: Vec<Remark>,
    /// The conditions that need no further entry.
    known: HashSet<Conditions>,
}

impl NewEntry {
    /// The entry as it stands in `keylint.toml`, with a blank line before it.
    pub fn to_toml(&self) -> String {
        let Conditions { path, value, commit, fingerprint } = &self.conditions;
        let mut text = String::from("\n[[allow]]\n");
        let reason = Some(self.reason.clone());
        for (key, written) in [
            ("path", path),
            ("value", value),
            ("commit", commit),
            ("fingerprint", fingerprint),
            ("reason", &reason),
        ] {
            if let Some(written) = written {
                let quoted = toml::Value::String(written.clone());
                let _ = writeln!(text, "{key} = {quoted}");
            }
        }
        text
    }
}

/// Whether an entry may be about a commit that is no longer in the tree, so that the history has to be searched for
/// what it silences.
pub fn needs_history(lists: &[ForeignList]) -> bool {
    let names_commit = |carry: &Carry| matches!(carry, Carry::Findings { commit: Some(_), .. });
    lists.iter().any(|list| (0..list.len()).any(|index| names_commit(list.carry(index))))
}

/// Works out what becomes of the entries of other tools' files, finding by finding.
pub struct Planner<'l> {
    lists: &'l mut [ForeignList],
    /// For each entry of each list the findings that it fits, by their numbers.
    hits: Vec<Vec<Vec<usize>>>,
    /// What a finding is told by: itself, and its credential in any file.
    found: Vec<(Fingerprint, Fingerprint)>,
    known: HashSet<Conditions>,
}

impl<'l> Planner<'l> {
    /// Nothing found yet. What `config`, the text of the file that is to be written to, says already is not said again.
    pub fn new(lists: &'l mut [ForeignList], config: &str) -> Self {
        let hits = lists.iter().map(|list| vec![Vec::new(); list.len()]).collect();
        Self { lists, hits, found: Vec::new(), known: written(config) }
    }

    /// Takes in a finding that nothing of keylint's own silences.
    pub fn take(&mut self, subject: &Subject<'_>) {
        if self.lists.iter().any(|list| list.holds(subject)) {
            // The file goes, once its entries are carried over.
            return;
        }
        let number = self.found.len();
        self.found.push((subject.fingerprint, subject.finding.credential));
        for (list, hits) in self.lists.iter_mut().zip(&mut self.hits) {
            list.matches(subject, &mut |entry| hits[entry].push(number));
        }
    }

    /// The plan, when all findings are taken in.
    pub fn finish(self) -> Plan {
        let Self { lists, hits, found, known } = self;
        let mut plan = Plan { known, ..Plan::default() };
        let mut covered: HashSet<usize> = HashSet::new();
        for (list, hits) in lists.iter().zip(&hits) {
            for (index, hits) in hits.iter().enumerate() {
                if let Carry::Conditions(conditions) = list.carry(index) {
                    covered.extend(hits);
                    plan.add(conditions, &reason(list, index));
                }
            }
        }
        for (list, hits) in lists.iter().zip(&hits) {
            for (index, hits) in hits.iter().enumerate() {
                let Carry::Findings { anywhere, .. } = list.carry(index) else { continue };
                plan.remark(list, index, hits.is_empty());
                let rest = hits.iter().filter(|hit| !covered.contains(hit)).map(|hit| found[*hit]);
                let by_fingerprint = rest.map(|(finding, credential)| Conditions {
                    fingerprint: Some(if *anywhere { credential } else { finding }.to_string()),
                    ..Conditions::default()
                });
                plan.add(&by_fingerprint.collect::<Vec<_>>(), &reason(list, index));
            }
            plan.left.extend(list.passed_over().iter().map(|passed_over| Remark {
                path: list.path().to_owned(),
                line: passed_over.line,
                words: format!("{}: nothing that keylint looks for", passed_over.about),
            }));
        }
        plan.left.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
        plan
    }
}

/// The conditions of the `[[allow]]` entries in a configuration; none, if it cannot be read.
fn written(config: &str) -> HashSet<Conditions> {
    let table: toml::Table = config.parse().unwrap_or_default();
    let entries = table.get("allow").and_then(toml::Value::as_array);
    let conditions = |entry: &toml::Value| {
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let is_narrower = ["rule", "account", "expires"].iter().any(|key| entry.get(key).is_some());
        (!is_narrower).then(|| Conditions {
            path: text("path"),
            value: text("value"),
            commit: text("commit"),
            fingerprint: text("fingerprint"),
        })
    };
    entries.into_iter().flatten().filter_map(conditions).collect()
}

/// Where an entry comes from, and what was said there.
fn reason(list: &ForeignList, index: usize) -> String {
    let entry = list.entry(index);
    let source = format!("from {} line {}", entry.path.display(), entry.line);
    match entry.reason {
        Some(reason) => format!("{reason} ({source})"),
        None => source,
    }
}

impl Plan {
    fn add(&mut self, conditions: &[Conditions], reason: &str) {
        for conditions in conditions {
            if self.known.insert(conditions.clone()) {
                let (conditions, reason) = (conditions.clone(), reason.to_owned());
                self.entries.push(NewEntry { conditions, reason });
            }
        }
    }

    /// Says what there is to say of an entry that is carried by the findings that it silences.
    fn remark(&mut self, list: &ForeignList, index: usize, is_idle: bool) {
        let entry = list.entry(index);
        let remark = |words| Remark { path: entry.path.clone(), line: entry.line, words };
        if is_idle {
            self.left
                .push(remark(format!("{}: silences nothing that keylint would show", entry.what)));
        } else if entry.reason.is_some_and(|reason| reason.starts_with(detect_secrets::REAL)) {
            self.doubts.push(remark(format!(
                "{}: {}; revoke it",
                entry.what,
                detect_secrets::REAL
            )));
        }
    }
}
