//! Findings that are known and accepted: their number by what silences them, and what is said of one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::json::lossy;
use super::redact::Redactor;
use crate::model::silenced::{self, Kind, Silenced};

/// How many findings each form of suppression silences, by its name.
pub(super) fn by_form(silenced: &[Silenced]) -> BTreeMap<&'static str, u64> {
    let mut forms = BTreeMap::new();
    for one in silenced {
        *forms.entry(one.by.form.name).or_default() += 1;
    }
    forms
}

/// How many findings are silenced by what the scanned change adds itself.
pub(super) fn by_change(silenced: &[Silenced]) -> u64 {
    silenced.iter().filter(|one| one.by.is_new).count() as u64
}

/// A suppression: a comment, or an entry of a file.
#[derive(Serialize, JsonSchema)]
pub(super) struct Suppression {
    /// What it is, by its usual name: `keylint:allow`, `[[allow]]`, `baseline`, `policy`, or another tool's token or
    /// file name.
    form: &'static str,
    /// Whether it stands in the scanned text (`in_source`) or in a file beside it (`external`).
    kind: &'static str,
    /// The file it stands in.
    path: String,
    /// Its line there, from 1.
    line: u64,
    /// What it silences, in words or as written.
    what: String,
    /// Why, as its author says; `null` if they do not.
    reason: Option<String>,
    /// Whose it is; `null` if it says nothing of that.
    owner: Option<String>,
    /// The last day on which it holds, as `YYYY-MM-DD`; `null` if it holds for ever.
    expires: Option<String>,
    /// Whether the scanned change adds it itself.
    new: bool,
}

impl Suppression {
    pub(super) fn of(entry: &silenced::Entry, redactor: &Redactor) -> Self {
        let words = |text: &String| redactor.words(text).into_owned();
        Self {
            form: entry.form.name,
            kind: match entry.form.kind {
                Kind::InSource => "in_source",
                Kind::External => "external",
            },
            path: lossy(&entry.path),
            line: entry.line,
            what: words(&entry.what),
            reason: entry.reason.as_ref().map(words),
            owner: entry.owner.as_ref().map(words),
            expires: entry.expires.map(|date| date.to_string()),
            new: entry.is_new,
        }
    }
}

/// A suppression that silenced nothing, or has expired.
#[derive(Serialize, JsonSchema)]
pub(super) struct Unused {
    /// The suppression.
    suppression: Suppression,
    /// Whether it has expired. If not, no finding fits it.
    expired: bool,
}

impl Unused {
    pub(super) fn of(unused: &silenced::Unused, redactor: &Redactor) -> Self {
        Self { suppression: Suppression::of(&unused.entry, redactor), expired: unused.is_expired }
    }
}

/// What is said of a suppression that is of no use.
pub(super) fn uselessness(unused: &silenced::Unused) -> String {
    let named = named(&unused.entry);
    match unused.entry.expires {
        Some(date) if unused.is_expired => format!("{named}: expired on {date}"),
        _ => format!("{named}: silences nothing"),
    }
}

/// A suppression by its form, and by what it silences where that says more.
pub(super) fn named(entry: &silenced::Entry) -> String {
    let name = entry.form.name;
    if entry.what.starts_with(name) {
        entry.what.clone()
    } else {
        format!("{name}: {}", entry.what)
    }
}
