//! The entries of trees, one after the other. A tree that was made of another one has most of its entries from there,
//! and those are passed over in one step.

use std::ops::Range;

use crate::model::traces::Copied;
use crate::sources::git::pack::Id;

/// Entries of a tree of which the places are kept. No tree that people make has as many.
const MAX_OUTLINED: usize = 1 << 16;

/// Where the entries of a tree start, in ascending order, and where the last whole one ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline(Vec<u32>);

impl Outline {
    /// One with memory for all entries of a tree, of which each takes 28 bytes or more.
    pub(super) fn for_tree(tree: &[u8]) -> Self {
        Self(Vec::with_capacity((tree.len() / 28 + 1).min(MAX_OUTLINED + 1)))
    }

    /// Whether there are no more entries than are kept.
    pub(super) fn is_whole(&self) -> bool {
        self.0.len() <= MAX_OUTLINED
    }

    fn push(&mut self, at: u32) {
        if self.is_whole() {
            self.0.push(at);
        }
    }
}

/// What comes next in a tree. All offsets are in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// An entry, and where it starts.
    Entry { at: u32, mode: Mode, name: &'t [u8], id: &'t Id },
    /// The entries that the other tree has in a range start here at `to`.
    Same { from: Range<u32>, to: u32 },
}

/// Goes through a tree up to its end, or up to what is no entry.
pub(super) struct Pieces<'t, 'o> {
    tree: &'t [u8],
    at: usize,
    /// The outline of the tree that it was made of, and what it has in common with that and is not passed yet.
    base: Option<(&'o Outline, &'o [Copied])>,
    outline: Option<&'o mut Outline>,
}

impl<'t, 'o> Pieces<'t, 'o> {
    /// `outline` becomes that of the tree itself.
    pub(super) fn new(
        tree: &'t [u8],
        base: Option<(&'o Outline, &'o [Copied])>,
        mut outline: Option<&'o mut Outline>,
    ) -> Self {
        if let Some(outline) = &mut outline {
            outline.push(0);
        }
        Self { tree, at: 0, base, outline }
    }

    /// Passes over the entries from here on that stand in the same way in the other tree.
    fn same(&mut self) -> Option<Piece<'t>> {
        let (Outline(starts), copies) = self.base.as_mut()?;
        let is_passed = |copied: &Copied| copied.to + copied.len <= self.at;
        while let Some((_, rest)) = copies.split_first().filter(|(first, _)| is_passed(first)) {
            *copies = rest;
        }
        let here = copies.first().filter(|copied| copied.to <= self.at)?;
        let from = (self.at - here.to + here.from) as u32;
        let first = starts.binary_search(&from).ok()?;
        let end = (here.from + here.len) as u32;
        let after = first + starts[first..].partition_point(|start| *start <= end);
        let to = self.at as u32;
        let passed = starts[first..after].last().map(|last| last - from).filter(|len| *len > 0)?;
        if let Some(outline) = &mut self.outline {
            for start in &starts[first + 1..after] {
                outline.push(start - from + to);
            }
        }
        self.at += passed as usize;
        Some(Piece::Same { from: from..from + passed, to })
    }
}

impl<'t> Iterator for Pieces<'t, '_> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if let Some(same) = self.same() {
            return Some(same);
        }
        let (mode, name, id, after) = entry(&self.tree[self.at..])?;
        let at = self.at as u32;
        self.at = self.tree.len() - after.len();
        if let Some(outline) = &mut self.outline {
            outline.push(self.at as u32);
        }
        Some(Piece::Entry { at, mode, name, id })
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

/// What an entry is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
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

    /// Entries with their places.
    type Placed<'t> = Vec<(u32, Mode, &'t [u8], Id)>;

    /// Every entry with its place, those that are passed over taken from `base`.
    fn with_places<'t>(
        tree: &'t [u8],
        base: Option<(&Outline, &[Copied], &Placed<'t>)>,
    ) -> (Placed<'t>, Outline) {
        let mut outline = Outline::default();
        let known = base.map(|(outline, copies, _)| (outline, copies));
        let mut all = Vec::new();
        for piece in Pieces::new(tree, known, Some(&mut outline)) {
            match piece {
                Piece::Entry { at, mode, name, id } => all.push((at, mode, name, *id)),
                Piece::Same { from, to } => {
                    let same = base.unwrap().2.iter().filter(|entry| from.contains(&entry.0));
                    all.extend(
                        same.map(|(at, mode, name, id)| (at - from.start + to, *mode, *name, *id)),
                    );
                }
            }
        }
        (all, outline)
    }

    #[test]
    fn entries_in_common_are_passed_over_in_one_step() {
        let entry =
            |name: char| [b"100644 ", name.to_string().as_bytes(), b"\0", &[7; 20]].concat();
        let base = ['a', 'b', 'c', 'd'].map(entry).concat();
        let tree = [&base[..58], &entry('x')[..], &base[58..]].concat();
        let mut outline = Outline::default();
        assert_eq!(Pieces::new(&base, None, Some(&mut outline)).count(), 4);
        let copies = [
            // A delta may well end a copy within an entry.
            Copied { from: 0, to: 0, len: 66 },
            Copied { from: 66, to: 95, len: 50 },
        ];
        let pieces: Vec<_> = Pieces::new(&tree, Some((&outline, &copies)), None).collect();
        assert_eq!(pieces[0], Piece::Same { from: 0..58, to: 0 });
        assert!(matches!(pieces[1], Piece::Entry { at: 58, name: b"x", .. }));
        assert_eq!(pieces.last(), Some(&Piece::Same { from: 87..116, to: 116 }));
        assert_eq!(pieces.len(), 4);
    }

    /// Any offset, or one beside the start of an entry: how far, and one more.
    fn end() -> impl Strategy<Value = (prop::sample::Index, Option<usize>)> {
        let beside =
            prop_oneof![1 => Just(None), 3 => Just(Some(1)), 1 => (0_usize..3).prop_map(Some)];
        (any::<prop::sample::Index>(), beside)
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        ("40000|100644|160000|x", "[a-c0 ]{0,9}", any::<[u8; 20]>()).prop_map(|(mode, name, id)| {
            [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &id].concat()
        })
    }

    proptest! {
        #[test]
        fn the_end_of_a_name_is_the_first_zero(named in prop::collection::vec(0_u8..4, 0..60)) {
            prop_assert_eq!(end_of_name(&named), named.iter().position(|byte| *byte == 0));
        }

        #[test]
        fn what_was_copied_has_the_entries_it_had(
            base in prop::collection::vec(line(), 0..12),
            steps in prop::collection::vec(((end(), end()), line()), 0..5),
        ) {
            let base = base.concat();
            let (known, outline) = with_places(&base, None);
            let (mut tree, mut copies) = (Vec::new(), Vec::new());
            for ((one, other), inserted) in steps {
                let ends = [one, other].map(|(end, beside)| match beside {
                    None => end.index(base.len() + 1),
                    Some(beside) => {
                        let start = outline.0[end.index(outline.0.len())] as usize;
                        (start + beside).saturating_sub(1).min(base.len())
                    }
                });
                let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                copies.push(Copied { from, to: tree.len(), len: to - from });
                tree.extend_from_slice(&base[from..to]);
                // Also what makes no whole entry, now and then.
                tree.extend_from_slice(&inserted[if from % 5 == 0 { inserted.len() / 2 } else { 0 }..]);
            }
            let inherited = with_places(&tree, Some((&outline, &copies, &known)));
            prop_assert_eq!(inherited, with_places(&tree, None));
        }

        #[test]
        fn arbitrary_trees_never_panic(tree in prop::collection::vec(any::<u8>(), 0..200)) {
            listed(&tree);
        }
    }
}
