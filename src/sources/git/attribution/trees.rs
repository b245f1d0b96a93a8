//! Which trees hold which: everything that is asked of a history's trees, gathered in one pass over them.
//!
//! A pass keeps, of each tree, only its subtrees and the wanted objects in it. An edge from a tree to a subtree under a
//! name is stored as a number of four bytes, since nearly all edges of a history repeat those of the version before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Wanted;
use crate::sources::git::pack::Id;

/// A tree's number, in the order in which the pass met it.
pub(super) type Tree = u32;

/// Edges that one thread keeps: half a gigabyte of them. The history of Linux has some 60 million.
const MAX_EDGES: usize = 1 << 27;

/// What one thread gathered.
#[derive(Default)]
pub(super) struct Gathered {
    trees: Vec<Id>,
    /// For each tree, where its edges end.
    ends: Vec<u32>,
    /// Numbers of entries.
    edges: Vec<u32>,
    entries: Vec<Entry>,
    known: HashMap<u64, u32, BuildHasherDefault<Prefix>>,
    names: Names,
    held: Vec<(Tree, u32, Id)>,
    /// Whether there were more edges than are kept.
    is_cut_off: bool,
}

/// A subtree under a name.
struct Entry {
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

/// Takes the first bytes of an object id, which are as good as any hash of it.
#[derive(Default)]
pub(super) struct Prefix(u64);

impl Hasher for Prefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Gathered {
    /// Takes the next tree. One that is cut off is taken as far as it goes.
    pub(super) fn take(&mut self, id: Id, tree: &[u8], wanted: &Wanted) {
        let number = self.trees.len() as Tree;
        let mut rest = tree;
        while let Some((mode, name, child, after)) = entry(rest) {
            rest = after;
            match mode {
                Mode::Tree if self.edges.len() == MAX_EDGES => self.is_cut_off = true,
                Mode::Tree => {
                    let entry = self.entry(child, name);
                    self.edges.push(entry);
                }
                Mode::File if wanted.contains(child) => {
                    let name = self.names.number(name);
                    self.held.push((number, name, *child));
                }
                Mode::File | Mode::Submodule => {}
            }
        }
        self.trees.push(id);
        self.ends.push(self.edges.len() as u32);
    }

    fn entry(&mut self, child: &Id, name: &[u8]) -> u32 {
        let prefix = u64::from_le_bytes(child[..8].try_into().expect("an id has 20 bytes"));
        let by_name = name.iter().fold(0_u64, |hash, byte| {
            (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        let key = prefix ^ by_name;
        if let Some(number) = self.known.get(&key) {
            let known = &self.entries[*number as usize];
            // Whoever writes a tree can make keys collide.
            if known.child == *child && *self.names.list[known.name as usize] == *name {
                return *number;
            }
        }
        self.entries.push(Entry { child: *child, name: self.names.number(name) });
        let number = self.entries.len() as u32 - 1;
        self.known.entry(key).or_insert(number);
        number
    }
}

/// Where the first zero byte is. Nearly all names are short, and a search that is made for long texts costs more than
/// the rest of an entry.
fn end_of_name(named: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let words = named.chunks_exact(8).take(4);
    for (word, index) in words.zip(0..) {
        let word = u64::from_le_bytes(word.try_into().expect("a chunk has eight bytes"));
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(8 * index + zeros.trailing_zeros() as usize / 8);
        }
    }
    memchr::memchr(0, named)
}

enum Mode {
    File,
    Tree,
    Submodule,
}

/// The first entry of a tree, and what follows it.
fn entry(tree: &[u8]) -> Option<(Mode, &[u8], &Id, &[u8])> {
    // A mode has six digits, or five for a directory; old writers put a zero before those.
    let (mode, space) = match tree {
        [b'4', _, _, _, _, b' ', ..] => (Mode::Tree, 5),
        [b'0', b'4', _, _, _, _, b' ', ..] => (Mode::Tree, 6),
        [b'1', b'6', _, _, _, _, b' ', ..] => (Mode::Submodule, 6),
        _ => (Mode::File, tree.iter().take(8).position(|byte| *byte == b' ')?),
    };
    let named = &tree[space + 1..];
    let end = end_of_name(named)?;
    let (id, after) = named[end + 1..].split_first_chunk::<20>()?;
    Some((mode, &named[..end], id, after))
}

/// The trees of a history, and what leads from a tree to those that hold it.
pub(super) struct Trees {
    numbers: HashMap<Id, Tree, BuildHasherDefault<Prefix>>,
    names: Names,
    /// The names of entries, those of all threads one after the other.
    entry_names: Vec<u32>,
    /// For each subtree the entries that lead to it, sorted by subtree.
    leading: Vec<(Tree, u32)>,
    /// For each entry, where the trees that have it end in the list that follows.
    ends: Vec<u32>,
    holders: Vec<Tree>,
    held: HashMap<Id, Vec<(Tree, u32)>>,
    /// Subtrees that are named, and were not among those gathered; each once, sorted.
    pub(super) missing: Vec<Id>,
    /// Whether there were more edges than are kept.
    pub(super) is_cut_off: bool,
}

impl Trees {
    /// Puts together what the threads gathered.
    pub(super) fn new(gathered: Vec<Gathered>) -> Self {
        let mut trees = Self {
            numbers: HashMap::default(),
            names: Names::default(),
            entry_names: Vec::new(),
            leading: Vec::new(),
            ends: Vec::new(),
            holders: Vec::new(),
            held: HashMap::new(),
            missing: Vec::new(),
            is_cut_off: gathered.iter().any(|one| one.is_cut_off),
        };
        let mut base = 0;
        for one in &gathered {
            trees.numbers.extend(one.trees.iter().copied().zip(base..));
            base += one.trees.len() as Tree;
        }
        let mut base = 0;
        for one in gathered {
            let count = one.trees.len() as Tree;
            trees.add(&one, base);
            base += count;
        }
        trees.leading.sort_unstable();
        trees.missing.sort_unstable();
        trees.missing.dedup();
        trees
    }

    fn add(&mut self, gathered: &Gathered, base: Tree) {
        let names: Vec<u32> =
            gathered.names.list.iter().map(|name| self.names.number(name)).collect();
        for (tree, name, blob) in &gathered.held {
            self.held.entry(*blob).or_default().push((base + tree, names[*name as usize]));
        }
        let first = self.entry_names.len() as u32;
        for (entry, number) in gathered.entries.iter().zip(first..) {
            if let Some(child) = self.numbers.get(&entry.child) {
                self.leading.push((*child, number));
            } else {
                self.missing.push(entry.child);
            }
            self.entry_names.push(names[entry.name as usize]);
        }
        // The edges, turned round: counted, then dealt out.
        let start = self.holders.len() as u32;
        let mut ends = vec![0_u32; gathered.entries.len()];
        for entry in &gathered.edges {
            ends[*entry as usize] += 1;
        }
        let mut sum = start;
        for end in &mut ends {
            sum += *end;
            *end = sum - *end;
        }
        self.holders.resize(sum as usize, 0);
        let mut from = 0;
        for (tree, to) in gathered.ends.iter().enumerate() {
            for entry in &gathered.edges[from..*to as usize] {
                let next = &mut ends[*entry as usize];
                self.holders[*next as usize] = base + tree as Tree;
                *next += 1;
            }
            from = *to as usize;
        }
        self.ends.extend(ends);
    }

    /// A tree's number.
    pub(super) fn number(&self, id: &Id) -> Option<Tree> {
        self.numbers.get(id).copied()
    }

    /// The trees that hold an object, and under which name's number.
    pub(super) fn holding(&self, object: &Id) -> &[(Tree, u32)] {
        self.held.get(object).map_or(&[], Vec::as_slice)
    }

    /// The trees that have `tree` for a subtree, and under which name's number.
    pub(super) fn above(&self, tree: Tree) -> impl Iterator<Item = (Tree, u32)> {
        let first = self.leading.partition_point(|(child, _)| *child < tree);
        let leading = self.leading[first..].iter().take_while(move |(child, _)| *child == tree);
        leading.flat_map(|(_, entry)| {
            let from = if *entry == 0 { 0 } else { self.ends[*entry as usize - 1] };
            let holders = &self.holders[from as usize..self.ends[*entry as usize] as usize];
            let name = self.entry_names[*entry as usize];
            holders.iter().map(move |holder| (*holder, name))
        })
    }

    /// A name.
    pub(super) fn name(&self, number: u32) -> &[u8] {
        &self.names.list[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(tree: &[u8]) -> Vec<(char, &[u8], Id)> {
        let mut rest = tree;
        let mut list = Vec::new();
        while let Some((mode, name, id, after)) = entry(rest) {
            let mode = match mode {
                Mode::File => 'f',
                Mode::Tree => 't',
                Mode::Submodule => 's',
            };
            list.push((mode, name, *id));
            rest = after;
        }
        list
    }

    #[test]
    fn entries_of_every_mode_are_read_and_what_is_cut_off_ends_the_list() {
        let mut tree = Vec::new();
        for mode in ["100644", "120000", "40000", "040000", "160000", "100755"] {
            tree.extend(format!("{mode} name with spaces").bytes());
            tree.push(0);
            tree.extend([7; 20]);
        }
        let modes: String = listed(&tree).iter().map(|entry| entry.0).collect();
        assert_eq!(modes, "ffttsf");
        assert!(listed(&tree).iter().all(|entry| entry.1 == b"name with spaces"));
        assert_eq!(listed(&tree[..tree.len() - 1]).len(), 5);
        assert_eq!(listed(b"100644"), []);
    }

    #[test]
    fn a_tree_s_holders_are_found_by_name() {
        let (root, other, below, blob) = ([1; 20], [2; 20], [3; 20], [4; 20]);
        let wanted = Wanted::new([blob]);
        let line = |mode: &str, name: &str, id: Id| {
            [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &id].concat()
        };
        let mut one = Gathered::default();
        one.take(root, &[line("40000", "a", below), line("40000", "b", below)].concat(), &wanted);
        let mut two = Gathered::default();
        two.take(below, &line("100644", "file", blob), &wanted);
        two.take(other, &line("40000", "a", below), &wanted);
        let trees = Trees::new(vec![one, two]);
        let number = |id: &Id| trees.number(id).unwrap();
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

    proptest! {
        #[test]
        fn the_end_of_a_name_is_the_first_zero(named in prop::collection::vec(0_u8..4, 0..60)) {
            prop_assert_eq!(end_of_name(&named), named.iter().position(|byte| *byte == 0));
        }

        #[test]
        fn arbitrary_trees_never_panic(tree in prop::collection::vec(any::<u8>(), 0..200)) {
            listed(&tree);
        }
    }
}
