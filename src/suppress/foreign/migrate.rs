//! What other tools were told, as entries of keylint's own: those that can be said, and of the rest why not.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::path::PathBuf;

use super::carry::{Carry, Conditions};
use super::{ForeignList, detect_secrets};
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

/// What becomes of the entries of `lists`, where `subjects` are the findings that nothing else silences, and `config` is
/// the text of the file that is written to: what it has already is not written again.
pub fn plan(lists: &mut [ForeignList], subjects: &[Subject<'_>], config: &str) -> Plan {
    let mut plan = Plan { known: written(config), ..Plan::default() };
    let mut hits: Vec<Vec<Vec<usize>>> =
        lists.iter().map(|list| vec![Vec::new(); list.len()]).collect();
    for (number, subject) in subjects.iter().enumerate() {
        for (list, hits) in lists.iter_mut().zip(&mut hits) {
            list.matches(subject, &mut |entry| hits[entry].push(number));
        }
    }
    let mut covered: BTreeSet<usize> = BTreeSet::new();
    let by_list = || lists.iter().zip(&hits);
    for (list, hits) in by_list() {
        for (index, hits) in hits.iter().enumerate() {
            if let Carry::Conditions(conditions) = list.carry(index) {
                covered.extend(hits);
                plan.add_all(conditions, &reason(list, index));
            }
        }
    }
    for (list, hits) in by_list() {
        for (index, hits) in hits.iter().enumerate() {
            if let Carry::Findings { anywhere, .. } = list.carry(index) {
                let found: Vec<&Subject<'_>> = hits
                    .iter()
                    .filter(|hit| !covered.contains(hit))
                    .map(|hit| &subjects[*hit])
                    .collect();
                plan.add_findings(list, index, &found, *anywhere, hits.is_empty());
            }
        }
        for passed_over in list.passed_over() {
            plan.left.push(Remark {
                path: list.path().to_owned(),
                line: passed_over.line,
                words: format!("{}: nothing that keylint looks for", passed_over.about),
            });
        }
    }
    plan.left.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
    plan
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
    fn add_all(&mut self, conditions: &[Conditions], reason: &str) {
        for conditions in conditions {
            if self.known.insert(conditions.clone()) {
                let (conditions, reason) = (conditions.clone(), reason.to_owned());
                self.entries.push(NewEntry { conditions, reason });
            }
        }
    }

    /// An entry for each finding that a foreign one silences; those that another entry covers are left out before.
    fn add_findings(
        &mut self,
        list: &ForeignList,
        index: usize,
        found: &[&Subject<'_>],
        anywhere: bool,
        is_idle: bool,
    ) {
        let entry = list.entry(index);
        let remark = |words: &str| Remark {
            path: entry.path.clone(),
            line: entry.line,
            words: words.to_owned(),
        };
        if is_idle {
            self.left.push(remark(&format!("{}: silences nothing that keylint finds", entry.what)));
            return;
        }
        let reason = reason(list, index);
        if !found.is_empty() && reason.starts_with(detect_secrets::REAL) {
            self.doubts.push(remark(&format!(
                "{}: {}; revoke it",
                entry.what,
                detect_secrets::REAL
            )));
        }
        let conditions: Vec<Conditions> = found
            .iter()
            .map(|subject| {
                let finding = subject.finding;
                let fingerprint = if anywhere { finding.credential } else { finding.fingerprint };
                let fingerprint = Some(fingerprint.to_string());
                Conditions { fingerprint, ..Conditions::default() }
            })
            .collect();
        self.add_all(&conditions, &reason);
    }
}
