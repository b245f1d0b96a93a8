//! How the places of a credential in a history are told, to machines and to people.

use schemars::JsonSchema;
use serde::Serialize;

use super::commit;
use super::escape::escape;
use super::json::{Commit, lossy, raw};
use super::redact::Redactor;
use crate::model::history::{self, Reach};

/// Where a credential stands in a repository's history.
#[derive(Serialize, JsonSchema)]
pub(super) struct History {
    /// The number of distinct objects that it stands in.
    objects: u64,
    /// Whether there are more places than are listed.
    more: bool,
    /// The places, those with the oldest commit first.
    places: Vec<Sighting>,
}

/// A path (or a message) that a credential stands in.
#[derive(Serialize, JsonSchema)]
struct Sighting {
    /// The path, or the name of the message or object.
    path: String,
    /// The bytes of the path, percent-encoded, only where they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    /// The first commit that has it there; `null` when no commit has.
    first_commit: Option<Commit>,
    /// Whether it still stands there in the commit that is checked out; for a message, whether HEAD leads to it.
    at_head: bool,
    /// What keeps it in the repository: of several, the first of this list.
    kept_by: Reach,
    /// The number of distinct objects in which it stands there.
    objects: u64,
}

impl History {
    pub(super) fn of(told: &history::History, redactor: &Redactor) -> Self {
        let places = told.sightings.iter().map(|sighting| Sighting {
            path: lossy(&sighting.path),
            path_raw: raw(&sighting.path),
            first_commit: sighting.first.as_ref().map(|commit| Commit::of(commit, redactor)),
            at_head: sighting.at_head,
            kept_by: sighting.reach,
            objects: sighting.objects,
        });
        Self { objects: told.objects, more: told.more, places: places.collect() }
    }
}

/// One line a place, made harmless to look at, of at most `most` places.
pub(super) fn lines(told: &history::History, most: usize, redactor: &Redactor) -> Vec<String> {
    let mut lines: Vec<String> =
        told.sightings.iter().take(most).map(|sighting| line(sighting, redactor)).collect();
    let more = told.sightings.len().saturating_sub(most);
    if more > 0 {
        lines.push(format!("and {more} more places (--format json lists all)"));
    } else if told.more {
        lines.push("and more places".to_owned());
    }
    lines
}

fn line(sighting: &history::Sighting, redactor: &Redactor) -> String {
    let path = sighting.path.to_string_lossy();
    let first = sighting.first.as_ref();
    let since = first.map(|commit| format!(" since {}", commit::described(commit, redactor)));
    let state = match (sighting.reach, sighting.at_head) {
        (Reach::Ref, true) => "still at HEAD",
        (Reach::Ref, false) => "no longer at HEAD",
        (Reach::Stash, _) => "in a stash",
        (Reach::Notes, _) => "in notes",
        (Reach::Index, _) => "staged",
        (Reach::Reflog, _) => "kept by a reflog only",
        (Reach::Dangling, _) => "dangling",
    };
    let versions = match sighting.objects {
        0 | 1 => String::new(),
        several => format!(", in {several} versions"),
    };
    format!("{}{}, {state}{versions}", escape(&path), since.unwrap_or_default())
}
