//! What users said about findings, held against them: comments blob by blob, lists after the scan.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::Outcome;
use super::places::{At, Places};
use crate::config::settings::Settings;
use crate::model::blob::{AddedLines, Origin};
use crate::model::coverage::Warning;
use crate::model::finding::{Evidence, Finding, Fingerprint, Part};
use crate::model::silenced::{Entry, Form, Silenced, Unused};
use crate::rules::load::RuleSet;
use crate::suppress::marks::Marks;
use crate::suppress::{Directive, Say, Subject, Suppressions, foreign, inline};

/// A finding, and what silences it.
pub(super) struct Judged {
    pub(super) finding: Finding,
    pub(super) silenced_by: Option<Entry>,
}

/// The comments of one blob.
pub(super) struct Comments {
    directives: Vec<(Directive, bool)>,
    /// Comments that are not understood.
    pub(super) warnings: Vec<Warning>,
}

impl Comments {
    /// Reads the comments at `marks` in the blob of `origin`.
    pub(super) fn read(marks: &Marks, origin: &Origin, rules: &RuleSet) -> Self {
        let (mut directives, malformed) =
            inline::directives(&marks.marks, &|rule| rules.get(rule).is_some());
        directives.extend(foreign::inline::directives(&marks.marks, origin.path()));
        let warnings = malformed
            .into_iter()
            .map(|one| Warning {
                path: origin.path().to_owned(),
                line: one.line,
                message: one.problem,
            })
            .collect();
        Self { directives: directives.into_iter().map(|one| (one, false)).collect(), warnings }
    }

    /// Finds the comment that silences the finding: the first, if several do. Each copy of the credential that is asked
    /// about needs one, at either of its parts. All comments beside a part count as used. `is_new` says of a line
    /// whether the scanned change adds it; `own_additions` says whether comments on these count.
    pub(super) fn judge(
        &mut self,
        mut finding: Finding,
        is_new: &dyn Fn(u64) -> bool,
        own_additions: bool,
    ) -> Judged {
        let mut bare = finding.copies();
        let mut needed = Vec::new();
        // Those that were there before come first: what they silence needs no other.
        for new in [false, true] {
            for (directive, used) in &mut self.directives {
                let mut copies = directive.parts(&finding).map(|part| part.copy).peekable();
                if copies.peek().is_none() || is_new(directive.line) != new {
                    continue;
                }
                *used = true;
                let before = bare.len();
                copies.flatten().for_each(|copy| {
                    bare.remove(&copy);
                });
                if bare.len() < before {
                    needed.push(directive.clone().entry(finding.origin.path(), new));
                }
            }
        }
        let is_bare = |part: &&Part| part.copy.is_some_and(|copy| bare.contains(&copy));
        if let Some(part) = finding.parts.iter().find(is_bare) {
            if !needed.is_empty() {
                let line = part.start.line;
                finding.notes.push(Evidence::new(format!(
                    "a comment silences it elsewhere in this file, but not in line {line}"
                )));
            }
            return Judged { finding, silenced_by: None };
        }
        // If a new one is needed, it is that one that silences.
        let new = needed.iter().position(|entry| entry.is_new).unwrap_or(0);
        let mut silenced_by = needed.into_iter().nth(new);
        if let Some(by) = silenced_by.take_if(|by| by.is_new && !own_additions) {
            finding.notes.push(Evidence::new(refused(&by)));
        }
        Judged { finding, silenced_by }
    }

    /// The comments that silenced nothing.
    pub(super) fn unused(self, origin: &Origin) -> impl Iterator<Item = Unused> {
        let unused = self.directives.into_iter().filter(|(_, used)| !used);
        unused.map(|(directive, _)| Unused {
            entry: directive.entry(origin.path(), false),
            is_expired: false,
        })
    }
}

/// The lines that the scanned change adds to files of suppressions, by path from the repository's root.
pub(super) type AddedEntries = HashMap<PathBuf, HashSet<Vec<u8>>>;

/// The lines of `bytes` that are among `added`.
pub(super) fn added_lines(bytes: &[u8], added: &AddedLines) -> HashSet<Vec<u8>> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    lines
        .filter(|(number, _)| added.touch(*number, *number))
        .map(|(_, line)| line.trim_ascii().to_vec())
        .collect()
}

/// Calls `say` with the finding at each path that it stands at: its own, or all of those that a history tells of, each
/// with whether it still stands there in the commit that is checked out.
pub fn at_each_path(
    finding: &Finding,
    places: &mut Places,
    mut say: impl FnMut(&Subject<'_>, bool),
) {
    let origin = &*finding.origin;
    let in_history = finding.history.is_some();
    let own = [(origin.scope(), true)];
    let told = finding.history.iter().flat_map(|history| &history.sightings);
    let told: Vec<_> = told.map(|sighting| (sighting.path.as_path(), sighting.at_head)).collect();
    for (scope, stands) in if told.is_empty() { &own[..] } else { &told } {
        let place = places.place(origin, scope);
        let fingerprint = if *scope == origin.scope() {
            finding.fingerprint
        } else {
            let parts: Vec<&[u8]> = scope.iter().map(OsStr::as_encoded_bytes).collect();
            Fingerprint::of_finding(&finding.rule, finding.identity().1, &parts.join(&b"/"[..]))
        };
        let place = place.as_deref();
        let at = At { scope, place, value: finding.identity().1, in_history };
        let came_from = |old: &Path| places.came_from(origin, &at, old);
        say(&Subject { finding, scope, fingerprint, place, came_from: &came_from }, *stands);
    }
}

/// Holds the findings that are not silenced against the lists.
pub fn apply(outcome: &mut Outcome, suppressions: &mut Suppressions, settings: &Settings) {
    let mut places = Places::new(outcome.repository.as_deref());
    let mut added = Added { by_path: &outcome.added, texts: HashMap::new() };
    for mut finding in std::mem::take(&mut outcome.findings) {
        let Say { silenced_by, expired } = ask(&finding, suppressions, &mut places);
        for entry in expired {
            finding.notes.push(Evidence::new(returned(&entry)));
        }
        let Some(mut by) = silenced_by else {
            outcome.findings.push(finding);
            continue;
        };
        by.is_new = added.has(&by, settings);
        if by.is_new && !settings.suppress.own_additions {
            finding.notes.push(Evidence::new(refused(&by)));
            outcome.findings.push(finding);
        } else {
            outcome.silenced.push(Silenced { finding, by });
        }
    }
    let commits = &outcome.commits;
    outcome.silenced.sort_by(|one, other| {
        super::place(&one.finding, commits).cmp(&super::place(&other.finding, commits))
    });
    if settings.suppress.report_unused {
        outcome.unused.extend(suppressions.unused());
    }
}

/// What the lists say of a finding. One of a whole history is silenced if it is wherever it still stands; what it stood
/// at before is its past.
fn ask(finding: &Finding, suppressions: &mut Suppressions, places: &mut Places) -> Say {
    let mut all: Vec<(Say, bool)> = Vec::new();
    at_each_path(finding, places, |subject, stands| all.push((suppressions.ask(subject), stands)));
    let still_stands = all.iter().any(|(_, stands)| *stands);
    let is_silenced = all
        .iter()
        .filter(|(_, stands)| *stands || !still_stands)
        .all(|(say, _)| say.silenced_by.is_some());
    let mut whole = Say::default();
    for (say, _) in all {
        whole.silenced_by = whole.silenced_by.or(say.silenced_by.filter(|_| is_silenced));
        whole.expired.extend(say.expired);
    }
    whole.expired.dedup();
    whole
}

/// What is said of a finding that an entry silenced once.
fn returned(entry: &Entry) -> String {
    let until = entry.expires.map(|date| date.to_string()).unwrap_or_default();
    let Entry { path, line, .. } = entry;
    let reason = entry.reason.as_deref().unwrap_or("no reason given");
    let owner = entry.owner.as_ref().map(|owner| format!(", {owner}")).unwrap_or_default();
    format!("was allowed until {until} by {}:{line} ({reason}{owner})", path.display())
}

/// What is said of a finding that the change itself would silence.
pub(super) fn refused(entry: &Entry) -> String {
    let Entry { form, path, line, .. } = entry;
    format!(
        "{} at {}:{line} does not count: this change adds it, and the policy does not accept that",
        form.name,
        path.display()
    )
}

/// Tells entries that the scanned change adds from those that were there.
struct Added<'o> {
    by_path: &'o AddedEntries,
    /// The lines of the files that entries stand in; `None` for one that cannot be read any more.
    texts: HashMap<PathBuf, Option<Vec<Vec<u8>>>>,
}

impl Added<'_> {
    /// Whether one of the lines of the entry is among those added. By their text: the file may have other lines since.
    /// What cannot be told of a file that the change adds to is new.
    fn has(&mut self, entry: &Entry, settings: &Settings) -> bool {
        let watched = settings.watched.iter().find(|watched| watched.shown == entry.path);
        let Some(added) = watched.and_then(|watched| self.by_path.get(&watched.scope)) else {
            return false;
        };
        let lines = self.texts.entry(entry.path.clone()).or_insert_with(|| {
            let text = fs::read(&entry.path).ok()?;
            let lines = text.split(|byte| *byte == b'\n');
            Some(lines.map(|line| line.trim_ascii().to_vec()).collect())
        });
        let Some(lines) = lines else { return true };
        let from = usize::try_from(entry.line).unwrap_or(usize::MAX).saturating_sub(1);
        let is_table = matches!(entry.form, Form::ALLOW);
        let mut own = lines.iter().skip(from);
        let first = own.next();
        let more = own.take_while(|line| is_table && !line.starts_with(b"["));
        first.into_iter().chain(more).any(|line| !line.is_empty() && added.contains(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Watched;

    #[test]
    fn an_entry_of_a_file_that_cannot_be_read_any_more_is_new() {
        let path = PathBuf::from("no/such/file");
        let watched = vec![Watched { shown: path.clone(), scope: path.clone() }];
        let settings = Settings { watched, ..Settings::default() };
        let entry = Entry {
            form: Form::ALLOW,
            path: path.clone(),
            line: 1,
            what: String::new(),
            reason: None,
            owner: None,
            expires: None,
            is_new: false,
        };
        let is_new = |by_path: &AddedEntries| {
            Added { by_path, texts: HashMap::new() }.has(&entry, &settings)
        };
        assert!(is_new(&HashMap::from([(path, HashSet::new())])));
        assert!(!is_new(&HashMap::new()));
    }
}
