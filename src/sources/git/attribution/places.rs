//! The places of one object: up from it, through the trees that hold it, to commits.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::path::PathBuf;

use super::Attribution;
use super::commits::{Commits, Number};
use super::groups::Groups;
use super::numbers::Numbers;
use super::spread::Spread;
use super::trees::Tree;
use crate::model::history::Reach;
use crate::sources::git::changed::path_of;
use crate::sources::git::pack::Id;

/// Paths of one object that are listed. Trees that hold each other many times over can give one object any number.
const MAX_PATHS: usize = 1_000;

/// Pairs of tree and path that are looked at for one object. A file that never changed has one for each version of each
/// directory above it.
const MAX_STEPS: usize = 4_000_000;

/// No path, or no more of it.
const END: u32 = u32::MAX;

/// A path (or none) at which an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The path from the root of the commit, or from the top of a lost tree; `None` for what no tree holds: a message,
    /// or a blob by itself.
    pub(crate) path: Option<PathBuf>,
    /// The first commit that has it there.
    pub(crate) first: Option<Id>,
    /// How many commits come before the first one; of no meaning across runs.
    pub(crate) order: u32,
    pub(crate) at_head: bool,
    /// Whether it stood there before what the scope asks for: nothing new.
    pub(crate) is_old: bool,
    pub(crate) reach: Reach,
}

/// All places of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Those with the oldest commit first. Empty if none is within the scope.
    pub(crate) list: Vec<Place>,
    /// Whether there are more than are listed.
    pub(crate) more: bool,
}

/// Trees at which a climb ends.
pub(super) struct Roots {
    /// The commits that each tree is the root of.
    commits: Groups,
    /// Trees that something keeps directly.
    kept: HashMap<Tree, Reach>,
}

impl Roots {
    /// `numbers` are those of trees.
    pub(super) fn of<S: BuildHasher>(
        numbers: &Numbers,
        commits: &Commits,
        kept: &HashMap<Id, Reach, S>,
    ) -> Self {
        let roots = commits.trees().zip(0..);
        let roots: Vec<(Tree, Number)> =
            roots.filter_map(|(tree, commit)| Some((numbers.get(tree)?, commit))).collect();
        let kept = kept.iter().filter_map(|(id, reach)| Some((numbers.get(id)?, *reach)));
        let kept = kept.collect();
        Self { commits: Groups::of(numbers.len(), roots.iter().copied()), kept }
    }
}

/// Answers for one object after the other.
pub(crate) struct Finder<'a> {
    told: &'a Attribution,
    /// Commits that the scope leaves.
    within: Option<Vec<bool>>,
    /// Commits that are too old for the scope.
    old: Option<Vec<bool>>,
    at_head: OnceCell<Vec<bool>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(told: &'a Attribution) -> Self {
        let Attribution { commits, scope, .. } = told;
        let ancestry = |id: Id| commits.ancestry(commits.number(&id));
        Self {
            told,
            within: scope.branch.map(ancestry),
            old: scope.after.map(ancestry),
            at_head: OnceCell::new(),
        }
    }

    /// The places of a blob, or of the message of a commit or tag.
    pub(crate) fn places(&self, object: &Id) -> Places {
        let mut places = Places::default();
        if let Some(commit) = self.told.commits.number(object) {
            let is_at_head =
                self.at_head.get_or_init(|| self.told.commits.ancestry(self.told.head));
            places.list.extend(
                self.place(None, &[commit])
                    .map(|place| Place { at_head: is_at_head[commit as usize], ..place }),
            );
            return places;
        }
        let Climbed { found, more } = self.climb(object);
        places.more = more;
        let staged = self.told.tips.staged.get(object).map_or(&[][..], Vec::as_slice);
        let is_held = !(found.is_empty() && staged.is_empty());
        let mut committed = HashSet::new();
        for (path, held) in found {
            let reaches = held.commits.iter().map(|number| self.told.commits.reach(*number));
            let reach = reaches.min().unwrap_or(Reach::Dangling);
            let kept = held.kept.filter(|kept| *kept < reach);
            if reach < Reach::Index || kept.is_some() {
                committed.insert(path.clone());
            }
            if held.commits.is_empty() || kept.is_some() {
                let reach = kept.unwrap_or(Reach::Dangling);
                places.list.extend(self.uncommitted(Some(path.clone()), reach));
            }
            if !held.commits.is_empty() {
                places.list.extend(self.place(Some(path), &held.commits));
            }
        }
        // What is committed is in the index, too: only what is nowhere else is there for itself.
        for path in staged.iter().filter(|path| !committed.contains(*path)) {
            places.list.extend(self.uncommitted(Some(path.clone()), Reach::Index));
        }
        if let Some(reach) = self.told.kept.get(object) {
            places.list.extend(self.uncommitted(None, *reach));
        } else if !is_held {
            places.list.extend(self.uncommitted(None, Reach::Dangling));
        }
        places.list.sort_by(|one, other| (one.order, &one.path).cmp(&(other.order, &other.path)));
        places
    }

    /// A place that these commits have, as far as the scope leaves any.
    fn place(&self, path: Option<PathBuf>, having: &[Number]) -> Option<Place> {
        let commits = &self.told.commits;
        let scope = &self.told.scope;
        let is_within = |number: &Number| {
            self.within.as_ref().is_none_or(|within| within[*number as usize])
                && (!scope.reachable_only || commits.reach(*number) <= Reach::Notes)
        };
        let at_head = self.told.head.is_some_and(|head| having.contains(&head));
        let having: Vec<Number> = having.iter().copied().filter(is_within).collect();
        let is_old = (scope.since.is_some() || self.old.is_some()) && !self.is_new(&having);
        let first = having.iter().copied().min_by_key(|number| commits.order(*number))?;
        Some(Place {
            path,
            first: Some(commits.id(first)),
            order: commits.order(first),
            at_head,
            is_old,
            reach: having.iter().map(|number| commits.reach(*number)).min()?,
        })
    }

    /// Whether one of these commits is new enough for the scope, and none of its parents is among them.
    fn is_new(&self, having: &[Number]) -> bool {
        let commits = &self.told.commits;
        let among: HashSet<Number> = having.iter().copied().collect();
        having.iter().any(|number| {
            self.told.scope.since.is_none_or(|since| commits.seconds(*number) >= since)
                && self.old.as_ref().is_none_or(|old| !old[*number as usize])
                && !commits.parents(*number).iter().any(|parent| among.contains(parent))
        })
    }

    /// A place that no commit has. Its age is not known, so only a scope of references leaves it out.
    fn uncommitted(&self, path: Option<PathBuf>, reach: Reach) -> Option<Place> {
        let scope = &self.told.scope;
        if scope.branch.is_some() || (scope.reachable_only && reach > Reach::Notes) {
            return None;
        }
        let order = u32::MAX;
        Some(Place { path, first: None, order, at_head: false, is_old: false, reach })
    }

    /// From an object up to the commits that have it, by path.
    fn climb(&self, object: &Id) -> Climbed {
        let trees = &self.told.trees;
        let mut paths = Paths::default();
        let mut found: HashMap<u32, Held> = HashMap::new();
        let mut seen: HashSet<(Tree, u32), Spread> = HashSet::default();
        let mut more = false;
        let mut pending: Vec<(Tree, u32)> = trees
            .holding(object)
            .iter()
            .map(|(tree, name)| (*tree, paths.longer(*name, END)))
            .collect();
        // Depth first: however many paths there are, each is followed to its end before the next is begun.
        while let Some((tree, path)) = pending.pop() {
            if !seen.insert((tree, path)) {
                continue;
            }
            let steps = seen.len().max(pending.len()).max(paths.list.len());
            if found.len() > MAX_PATHS || steps > MAX_STEPS {
                more = true;
                break;
            }
            let before = pending.len();
            pending
                .extend(trees.above(tree).map(|(above, name)| (above, paths.longer(name, path))));
            let commits = self.told.roots.commits.group(tree);
            let kept = self.told.roots.kept.get(&tree);
            if !commits.is_empty() || kept.is_some() || pending.len() == before {
                let held = found.entry(path).or_default();
                held.commits.extend(commits);
                held.kept = held.kept.min(kept.copied()).or(held.kept).or(kept.copied());
            }
        }
        let found = found.into_iter().map(|(path, held)| (paths.path(path, self), held)).collect();
        Climbed { found, more }
    }
}

/// What a climb came to.
struct Climbed {
    found: Vec<(PathBuf, Held)>,
    more: bool,
}

/// What has an object at a path.
#[derive(Default)]
struct Held {
    commits: Vec<Number>,
    /// What keeps a tree that has it and is no commit's.
    kept: Option<Reach>,
}

/// Paths, each once, as the first name and the number of the rest.
#[derive(Default)]
struct Paths {
    list: Vec<(u32, u32)>,
    numbers: HashMap<(u32, u32), u32, Spread>,
}

impl Paths {
    fn longer(&mut self, name: u32, rest: u32) -> u32 {
        *self.numbers.entry((name, rest)).or_insert_with(|| {
            self.list.push((name, rest));
            self.list.len() as u32 - 1
        })
    }

    fn path(&self, number: u32, finder: &Finder<'_>) -> PathBuf {
        let mut bytes = Vec::new();
        let mut next = number;
        while next != END {
            let (name, rest) = self.list[next as usize];
            if !bytes.is_empty() {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(finder.told.trees.name(name));
            next = rest;
        }
        path_of(&bytes)
    }
}
