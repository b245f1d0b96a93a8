//! Which trees hold which: everything that is asked of a history's trees, gathered in one pass over them.
//!
//! A pass keeps, of each tree, only its subtrees and the wanted objects in it. An edge from a tree to a subtree under a
//! name is stored as a number of four bytes, since nearly all edges of a history repeat those of the version before.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::Wanted;
use super::entries::{Mode, Outline, Piece, Pieces};
use super::groups::{Groups, range};
use super::numbers::Numbers;
use super::room::{Room, Share};
use super::spread::Spread;
use crate::model::traces::Copied;
use crate::sources::git::pack::Id;

/// A tree's number, in the order in which the pass met it.
pub(super) type Tree = u32;

/// Units that an entry takes beside its name, its places in the tables counted.
const PER_ENTRY: usize = 12;

/// Units that a wanted object under a name takes beside that.
const PER_WANTED: usize = 6;

/// Units that the place of a wanted object takes.
const PER_PLACE: usize = 2;

/// What one thread gathered.
#[derive(Default)]
pub(super) struct Gathered {
    trees: Vec<Id>,
    /// For each tree, where its edges end.
    ends: Vec<u32>,
    /// Numbers of entries.
    edges: Vec<u32>,
    entries: Vec<Named>,
    known: HashMap<u64, u32, Spread>,
    names: Names,
    /// Wanted objects, each under its name.
    wanted: Vec<(u32, Id)>,
    held: Vec<(Tree, u32)>,
    /// The marks of the tree at hand.
    marks: Vec<Mark>,
    room: Share,
    /// Whether there was more than is kept.
    is_cut_off: bool,
}

/// What one thread gathered, with its edges turned round: from each entry to the trees that have it.
pub(super) struct Turned {
    trees: Vec<Id>,
    entries: Vec<Named>,
    names: Vec<Box<[u8]>>,
    wanted: Vec<(u32, Id)>,
    held: Vec<(Tree, u32)>,
    /// For each entry, the trees that have it.
    holders: Groups,
    is_cut_off: bool,
}

/// What is kept of a tree while others are made of it.
#[derive(Default)]
pub(super) struct Noted {
    outline: Outline,
    /// In order of place.
    marks: Box<[Mark]>,
}

/// An entry that matters, and the offset at which it stands in its tree.
#[derive(Clone, Copy)]
struct Mark {
    at: u32,
    of: Of,
}

#[derive(Clone, Copy)]
enum Of {
    /// The number of a subtree under a name.
    Subtree(u32),
    /// The number of a wanted object under a name.
    Wanted(u32),
}

/// A subtree under a name.
struct Named {
    child: Id,
    name: u32,
}

/// Names of entries, each once.
#[derive(Default)]
struct Names {
    list: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
}

impl Names {
    fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

impl Gathered {
    /// Nothing yet, with what may be kept from `room`.
    pub(super) fn within(room: &Arc<Room>) -> Self {
        Self { room: Share::of(room), ..Self::default() }
    }

    /// Whether so many units more may be kept.
    fn grants(&mut self, units: usize) -> bool {
        let is_granted = self.room.grants(units);
        self.is_cut_off |= !is_granted;
        is_granted
    }

    /// Takes the next tree. One that is cut off is taken as far as it goes. `base` is what was noted of the tree that
    /// it was made of, and what it has in common with that; `is_base` says whether to note the same of this one.
    pub(super) fn take(
        &mut self,
        id: Id,
        tree: &[u8],
        wanted: &Wanted,
        base: Option<(&Noted, &[Copied])>,
        is_base: bool,
    ) -> Option<Noted> {
        let mut outline = if is_base { Outline::for_tree(tree) } else { Outline::default() };
        let known = base.map(|(base, copies)| (&base.outline, copies));
        let mut marks = std::mem::take(&mut self.marks);
        marks.clear();
        for piece in Pieces::new(tree, known, is_base.then_some(&mut outline)) {
            match piece {
                Piece::Same { from, to } => {
                    let base = base.map_or(&[][..], |(base, _)| &base.marks);
                    let first = base.partition_point(|mark| mark.at < from.start);
                    let same = base[first..].iter().take_while(|mark| mark.at < from.end);
                    marks.extend(same.map(|mark| Mark { at: mark.at - from.start + to, ..*mark }));
                }
                Piece::Entry { at, mode: Mode::Tree, name, id } => {
                    let entry = self.entry(id, name);
                    marks.extend(entry.map(|entry| Mark { at, of: Of::Subtree(entry) }));
                }
                Piece::Entry { at, mode: Mode::File, name, id } if wanted.contains(id) => {
                    if self.grants(PER_WANTED + name.len() / 4) {
                        self.wanted.push((self.names.number(name), *id));
                        marks.push(Mark { at, of: Of::Wanted(self.wanted.len() as u32 - 1) });
                    }
                }
                Piece::Entry { .. } => {}
            }
        }
        for mark in &marks {
            match mark.of {
                Of::Subtree(entry) if self.grants(1) => self.edges.push(entry),
                Of::Wanted(wanted) if self.grants(PER_PLACE) => {
                    self.held.push((self.trees.len() as Tree, wanted));
                }
                Of::Subtree(_) | Of::Wanted(_) => {}
            }
        }
        self.trees.push(id);
        self.ends.push(self.edges.len() as u32);
        let noted = (is_base && outline.is_whole())
            .then(|| Noted { outline, marks: marks.as_slice().into() });
        self.marks = marks;
        noted
    }

    /// The number of a subtree under a name, if one more may be kept.
    fn entry(&mut self, child: &Id, name: &[u8]) -> Option<u32> {
        let by_name = name.iter().fold(0_u64, |hash, byte| {
            (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        let key =
            u64::from_le_bytes(*child.first_chunk().expect("an id has twenty bytes")) ^ by_name;
        if let Some(number) = self.known.get(&key) {
            let known = &self.entries[*number as usize];
            // Whoever writes a tree can make keys collide.
            if known.child == *child && *self.names.list[known.name as usize] == *name {
                return Some(*number);
            }
        }
        if !self.grants(PER_ENTRY + name.len() / 4) {
            return None;
        }
        self.entries.push(Named { child: *child, name: self.names.number(name) });
        let number = self.entries.len() as u32 - 1;
        self.known.entry(key).or_insert(number);
        Some(number)
    }

    /// All of it, with the edges turned round.
    pub(super) fn turned(self) -> Turned {
        let Self { trees, ends, edges, entries, names, wanted, held, is_cut_off, .. } = self;
        let edges_of = |tree| edges[range(&ends, tree)].iter();
        let turned = (0..trees.len() as Tree)
            .flat_map(|tree| edges_of(tree).map(move |entry| (*entry, tree)));
        let holders = Groups::of(entries.len(), turned);
        Turned { trees, entries, names: names.list, wanted, held, holders, is_cut_off }
    }
}

/// The trees of a history, and what leads from a tree to those that hold it.
pub(super) struct Trees {
    names: Names,
    /// The names of entries, those of all threads one after the other.
    entry_names: Vec<u32>,
    /// For each tree, the entries that lead to it.
    leading: Groups,
    /// For each entry, the trees that have it.
    holders: Groups,
    held: HashMap<Id, Vec<(Tree, u32)>>,
    /// Subtrees that are named, and were not among those gathered; each once, sorted.
    pub(super) missing: Vec<Id>,
    /// Whether there were more edges than are kept.
    pub(super) is_cut_off: bool,
}

/// To which trees entries lead, those of all threads one after the other.
struct Led {
    leading: Groups,
    missing: Vec<Id>,
}

impl Led {
    fn of(numbers: &Numbers, entries: &[Vec<Named>]) -> Self {
        let children = entries.par_iter().map(|entries| {
            let children = entries.iter().map(|entry| numbers.get(&entry.child));
            children.collect::<Vec<Option<Tree>>>()
        });
        let children: Vec<Vec<Option<Tree>>> = children.collect();
        let led = children.iter().flatten().zip(0..);
        let led = led.filter_map(|(child, entry)| Some(((*child)?, entry)));
        let leading = Groups::of(numbers.len(), led);
        let named = entries.iter().flatten().zip(children.iter().flatten());
        let missing = named.filter(|(_, child)| child.is_none());
        let mut missing: Vec<Id> = missing.map(|(entry, _)| entry.child).collect();
        missing.sort_unstable();
        missing.dedup();
        Self { leading, missing }
    }
}

/// What the threads gathered, but for where entries lead.
#[derive(Default)]
struct Gathering {
    names: Names,
    entry_names: Vec<u32>,
    holders: Groups,
    held: HashMap<Id, Vec<(Tree, u32)>>,
}

impl Gathering {
    /// `entries` are those of each thread.
    fn of(gathered: Vec<Turned>, entries: &[Vec<Named>]) -> Self {
        let mut all = Self::default();
        let mut base = 0;
        for (Turned { trees, names, wanted, held, holders, .. }, entries) in
            gathered.into_iter().zip(entries)
        {
            let names: Vec<u32> = names.iter().map(|name| all.names.number(name)).collect();
            for (tree, number) in &held {
                let (name, object) = wanted[*number as usize];
                all.held.entry(object).or_default().push((base + tree, names[name as usize]));
            }
            all.entry_names.extend(entries.iter().map(|entry| names[entry.name as usize]));
            all.holders.append(holders, base);
            base += trees.len() as Tree;
        }
        all
    }
}

impl Trees {
    /// Puts together what the threads gathered, on those of the current pool. `also` is what else is to be done as soon
    /// as the trees have numbers.
    pub(super) fn new<A: Send>(
        mut gathered: Vec<Turned>,
        also: impl FnOnce(&Numbers) -> A + Send,
    ) -> (Self, A) {
        let is_cut_off = gathered.iter().any(|one| one.is_cut_off);
        let ids = gathered.iter().map(|one| &one.trees[..]).collect::<Vec<_>>().concat();
        let entries: Vec<Vec<Named>> =
            gathered.iter_mut().map(|one| std::mem::take(&mut one.entries)).collect();
        let numbered = || {
            let numbers = Numbers::in_parallel(ids);
            rayon::join(|| Led::of(&numbers, &entries), || also(&numbers))
        };
        let ((led, also), gathering) = rayon::join(numbered, || Gathering::of(gathered, &entries));
        let Led { leading, missing } = led;
        let Gathering { names, entry_names, holders, held } = gathering;
        (Self { names, entry_names, leading, holders, held, missing, is_cut_off }, also)
    }

    /// The trees that hold an object, and under which name's number.
    pub(super) fn holding(&self, object: &Id) -> &[(Tree, u32)] {
        self.held.get(object).map_or(&[], Vec::as_slice)
    }

    /// The trees that have `tree` for a subtree, and under which name's number.
    pub(super) fn above(&self, tree: Tree) -> impl Iterator<Item = (Tree, u32)> {
        self.leading.group(tree).iter().flat_map(|entry| {
            let name = self.entry_names[*entry as usize];
            self.holders.group(*entry).iter().map(move |holder| (*holder, name))
        })
    }

    /// A name.
    pub(super) fn name(&self, number: u32) -> &[u8] {
        &self.names.list[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_s_holders_are_found_by_name() {
        let (root, other, below, blob) = ([1; 20], [2; 20], [3; 20], [4; 20]);
        let wanted = Wanted::new([blob]);
        let line = |mode: &str, name: &str, id: Id| {
            [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &id].concat()
        };
        let mut one = Gathered::default();
        let of_root = [line("40000", "a", below), line("40000", "b", below)].concat();
        one.take(root, &of_root, &wanted, None, false);
        let mut two = Gathered::default();
        two.take(below, &line("100644", "file", blob), &wanted, None, false);
        two.take(other, &line("40000", "a", below), &wanted, None, false);
        let (trees, numbers) = Trees::new(vec![one.turned(), two.turned()], |numbers| {
            [root, other, below].map(|id| (id, numbers.get(&id).unwrap()))
        });
        let number = |id: &Id| HashMap::from(numbers)[id];
        let [(holder, name)] = trees.holding(&blob) else { panic!("one tree holds it") };
        assert_eq!((*holder, trees.name(*name)), (number(&below), &b"file"[..]));
        let mut above: Vec<_> =
            trees.above(number(&below)).map(|(tree, name)| (tree, trees.name(name))).collect();
        above.sort_unstable();
        let expected: [(Tree, &[u8]); 3] =
            [(number(&root), b"a"), (number(&root), b"b"), (number(&other), b"a")];
        assert_eq!(above, expected);
        assert_eq!(trees.above(number(&root)).count(), 0);
    }

    #[test]
    fn all_threads_together_keep_no_more_than_there_is_room_for() {
        let (below, other, blob) = ([3; 20], [4; 20], [5; 20]);
        let tree = [b"40000 a\0", &below[..], b"100644 b\0", &blob, b"40000 c\0", &other].concat();
        let wanted = Wanted::new([blob]);
        // Each thread has both entries; each of its trees the object under its name, a place of that, and two edges.
        let whole = 2 * (2 * PER_ENTRY + 4 * (PER_WANTED + PER_PLACE + 2));
        for most in 0..=whole {
            let room = Arc::new(Room::new(most));
            let two_threads = [1, 2].map(|thread| {
                let mut gathered = Gathered::within(&room);
                for number in 0..4 {
                    gathered.take([10 * thread + number; 20], &tree, &wanted, None, false);
                }
                let kept = gathered.edges.len()
                    + PER_PLACE * gathered.held.len()
                    + PER_WANTED * gathered.wanted.len()
                    + PER_ENTRY * gathered.entries.len();
                (kept, gathered.turned())
            });
            let kept: usize = two_threads.iter().map(|(kept, _)| kept).sum();
            let (trees, ()) = Trees::new(two_threads.map(|(_, one)| one).into(), |_| ());
            assert!(kept <= most && trees.is_cut_off == (most < whole), "{most}: {kept}");
        }
    }

    #[test]
    fn a_tree_holds_what_it_has_in_common_with_another_one() {
        let (below, blob) = ([3; 20], [4; 20]);
        let wanted = Wanted::new([blob]);
        let base = [b"40000 a\0", &below[..], b"100644 b\0", &blob].concat();
        // A delta in the middle of the first name, and everything after that copied.
        let tree = [b"100644 0\0", &[5; 20][..], b"40000 A\0", &base[8..]].concat();
        let copies = [Copied { from: 8, to: tree.len() - base.len() + 8, len: base.len() - 8 }];
        let mut gathered = Gathered::default();
        let noted = gathered.take([1; 20], &base, &wanted, None, true);
        let base = noted.as_ref().map(|noted| (noted, &copies[..]));
        assert!(gathered.take([2; 20], &tree, &wanted, base, false).is_none());
        let (trees, ()) = Trees::new(vec![gathered.turned()], |_| ());
        let held: Vec<_> =
            trees.holding(&blob).iter().map(|(tree, name)| (*tree, trees.name(*name))).collect();
        assert_eq!(held, [(0, &b"b"[..]), (1, b"b")]);
        assert_eq!(trees.missing, [below]);
    }
}
