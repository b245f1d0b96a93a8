//! Where objects stand in a history: which paths, since which commit, whether still at HEAD, and what keeps them.
//!
//! Asked only when there is something to say about an object. One pass over trees and commits, in pack order, answers
//! for all of them at once; never one `git log` for each.

mod commits;
mod entries;
mod groups;
mod lineage;
mod numbers;
mod places;
mod references;
mod room;
mod spread;
mod tips;
mod trees;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use git2::Repository;
use rayon::ThreadPool;

pub(crate) use self::commits::parse_id;
use self::commits::{Commits, Number};
pub use self::lineage::Lineage;
pub(crate) use self::lineage::{Recorder, Said};
pub(crate) use self::places::Place;
use self::places::{Finder, Roots};
pub(crate) use self::references::References;
use self::spread::Spread;
use self::tips::Tips;
use self::trees::{Gathered, Noted, Trees, Turned};
use super::objects::{Store, Unread, while_reading};
use super::pack::{Id, Kind, Object};
use crate::model::blob::Content;
use crate::model::history::Reach;

/// The objects that are asked about.
pub(crate) struct Wanted {
    ids: HashSet<Id>,
    /// A bit for each value of an id's first two bytes: nearly every entry of a tree is told apart by it.
    filter: Box<[u64; 1024]>,
}

impl Wanted {
    pub(crate) fn new(ids: impl IntoIterator<Item = Id>) -> Self {
        let ids: HashSet<Id> = ids.into_iter().collect();
        let mut filter = Box::new([0; 1024]);
        for id in &ids {
            let (word, bit) = slot(id);
            filter[word] |= bit;
        }
        Self { ids, filter }
    }

    fn contains(&self, id: &Id) -> bool {
        let (word, bit) = slot(id);
        self.filter[word] & bit != 0 && self.ids.contains(id)
    }
}

fn slot(id: &Id) -> (usize, u64) {
    let first = u16::from_be_bytes([id[0], id[1]]);
    (usize::from(first >> 6), 1 << (first & 63))
}

/// Which part of a history is asked about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Only what a reference (a stash and notes are among them) or a HEAD keeps.
    pub(crate) reachable_only: bool,
    /// Only what a commit brings that is not older than this, in seconds since 1970.
    pub(crate) since: Option<i64>,
    /// Only what a commit brings that is no ancestor of this one, nor it itself.
    pub(crate) after: Option<Id>,
    /// Only what this commit or an ancestor of it has.
    pub(crate) branch: Option<Id>,
}

/// The answers.
pub(crate) struct Attribution {
    commits: Commits,
    trees: Trees,
    roots: Roots,
    /// Objects that something keeps directly.
    kept: HashMap<Id, Reach, Spread>,
    tips: Tips,
    scope: Scope,
    head: Option<Number>,
}

/// Hands in the trees that one thread gathered when it is done.
struct Gatherer<'a> {
    trees: Gathered,
    wanted: &'a Wanted,
    threads: &'a Mutex<Vec<Turned>>,
}

impl Gatherer<'_> {
    fn take(&mut self, tree: Object<'_, Noted>) {
        // Only blobs are ever streams.
        let Content::Bytes(data) = tree.data else { return };
        let is_base = tree.note.is_some();
        let Object { id, base, note, .. } = tree;
        let noted = self.trees.take(id, data, self.wanted, base, is_base);
        if let Some(note) = note {
            *note = noted;
        }
    }
}

impl Drop for Gatherer<'_> {
    fn drop(&mut self) {
        let turned = std::mem::take(&mut self.trees).turned();
        if let Ok(mut threads) = self.threads.lock() {
            threads.push(turned);
        }
    }
}

impl Attribution {
    /// Reads all trees; what commits and tags say is known from reading these. Also returns what could not be read.
    pub(crate) fn gather(
        repository: &Repository,
        store: &Store,
        pool: &ThreadPool,
        wanted: &Wanted,
        lineage: Lineage,
        scope: Scope,
        stop: impl Fn() -> bool + Send + Sync,
    ) -> (Self, Vec<Unread>) {
        let threads: Mutex<Vec<Turned>> = Mutex::default();
        let room = Arc::default();
        let read = || {
            let gatherer = || {
                let trees = Gathered::within(&room);
                let mut gatherer = Gatherer { trees, wanted, threads: &threads };
                move |object: Object<'_, Noted>| gatherer.take(object)
            };
            store.each(pool, |kind| kind == Kind::Tree, stop, gatherer)
        };
        let Lineage { commits: written, mut tags, references } = lineage;
        let head = references.head;
        let (unread, (tips, kept, commits, head)) = while_reading(read, || {
            tags.sort_unstable();
            let mut tips = Tips::of(repository, references);
            tips.follow(&tags);
            let kept = tips.kept();
            let commits = Commits::new(&written, &kept);
            drop(written);
            let head = head.and_then(|head| commits.number(&head));
            (tips, kept, commits, head)
        });
        let gathered = threads.into_inner().expect("gathering does not panic");
        let (trees, roots) =
            pool.install(|| Trees::new(gathered, |numbers| Roots::of(numbers, &commits, &kept)));
        (Self { commits, trees, roots, kept, tips, scope, head }, unread)
    }

    /// Answers for one object after the other.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder::new(self)
    }

    /// Trees that others name and the repository does not have.
    pub(crate) fn missing(&self) -> &[Id] {
        &self.trees.missing
    }

    /// Whether there were more trees within trees than are kept.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.trees.is_cut_off
    }

    /// What could not be read of references, logs and the index, in words.
    pub(crate) fn unread(&self) -> &[String] {
        &self.tips.unread
    }
}
