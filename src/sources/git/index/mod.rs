//! The index against a tree, at the pace of git itself: directories are passed over of which git has noted in the index
//! that they are a tree that the other side has, too. `git commit` takes that note's word for what it commits.
//!
//! libgit2 can compare them as well, but opens every tree, and checks the index with a slow kind of SHA-1. It is asked
//! about what this reader is not made for, but never about what is corrupt: it takes an index's counts on trust.

mod written;

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::Path;

use git2::{ObjectType, Oid, Repository, Tree, TreeEntry, TreeIter};
use sha1::{Digest, Sha1};

use self::written::{Directory, Written};
use super::changed::{Change, Kind, path_of};
use super::pack::Id;

/// Directories within directories that are followed. Beyond, libgit2 does it, which takes no stack for them.
const MAX_DEPTH: usize = 256;

/// Bytes of all paths together: the fourth version writes only what differs from the path before.
const MAX_PATHS: usize = 1 << 30;

/// What an entry is that stands for a directory of a sparse index.
const DIRECTORY: u32 = 0o040_000;

/// Why an index is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There are conflicts in it, intents to add, moves, directories that lie too deep, or what git may have added
    /// since: libgit2 knows, or says what it is.
    Other,
    /// It is not what git wrote, or has longer paths than the limit above.
    Corrupt,
}

/// What an index says of the next commit.
#[derive(Debug)]
pub(super) struct Index<'a> {
    /// What the paths of entries are ranges of.
    paths: Cow<'a, [u8]>,
    entries: Vec<Entry>,
    /// The tree that was last written of it, as far as that still holds.
    written: Option<Written<'a>>,
    /// Whether libgit2 may be given it.
    is_sound: bool,
}

#[derive(Debug)]
struct Entry {
    path: Range<usize>,
    mode: u32,
    id: Id,
}

/// Reads from the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn id(&mut self) -> Option<Id> {
        self.take(20)?.try_into().ok()
    }

    fn be16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn be32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// What stands before the next `end`, which is taken, too.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let taken = self.take(memchr::memchr(end, self.0)?)?;
        self.take(1)?;
        Some(taken)
    }

    /// A decimal number that ends with `end`.
    fn decimal(&mut self, end: u8) -> Option<i64> {
        std::str::from_utf8(self.until(end)?).ok()?.parse().ok()
    }

    /// A number of seven bits a byte, as packs have them for the distance of a delta's base.
    fn varint(&mut self) -> Option<usize> {
        let mut byte = self.take(1)?[0];
        let mut value = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.take(1)?[0];
            value = value.checked_add(1)?.checked_mul(128)? | usize::from(byte & 0x7f);
        }
        Some(value)
    }
}

impl<'a> Index<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Unread> {
        let (index, is_plain) = Self::read(bytes).ok_or(Unread::Corrupt)?;
        let path = |entry: &Entry| &index.paths[entry.path.clone()];
        let is_sorted = || index.entries.is_sorted_by(|one, next| path(one) < path(next));
        if is_plain && is_sorted() { Ok(index) } else { Err(index.other()) }
    }

    /// Why it is not read to the end.
    fn other(&self) -> Unread {
        if self.is_sound { Unread::Other } else { Unread::Corrupt }
    }

    /// Also says whether all of it was understood. `None` is for what is corrupt.
    fn read(bytes: &'a [u8]) -> Option<(Self, bool)> {
        let (content, checksum) = bytes.split_at_checked(bytes.len().checked_sub(20)?)?;
        // All zeros where git is told to save the time (`index.skipHash`).
        if checksum != [0; 20] && checksum != Sha1::digest(content).as_slice() {
            return None;
        }
        let mut reader = Reader(content);
        if reader.take(4)? != b"DIRC" {
            return None;
        }
        let version = reader.be32()?;
        let count = reader.be32()? as usize;
        let mut is_plain = true;
        let mut index = Self {
            paths: Cow::Borrowed(content),
            entries: Vec::new(),
            written: None,
            is_sound: true,
        };
        match version {
            2 | 3 => index.entries = whole_paths(content, &mut reader, count, &mut is_plain)?,
            4 => {
                let mut paths = Vec::new();
                index.entries = shortened_paths(&mut paths, &mut reader, count, &mut is_plain)?;
                index.paths = Cow::Owned(paths);
            }
            _ => return Some((index, false)),
        }
        while !reader.0.is_empty() {
            let name = reader.take(4)?;
            let len = reader.be32()? as usize;
            let extension = reader.take(len)?;
            match name {
                // As for git, a note that is wrong is as good as none.
                b"TREE" => {
                    index.written = Written::parse(extension);
                    index.is_sound &= index.written.is_some();
                }
                // Its entries for directories are recognised by themselves.
                b"sdir" => {}
                // What can be left unread begins with a capital.
                _ => is_plain &= name[0].is_ascii_uppercase(),
            }
        }
        Some((index, is_plain))
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The blobs in it, with their paths.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (&Id, &[u8])> {
        let is_blob =
            |entry: &&Entry| entry.mode != DIRECTORY && Kind::of_mode(entry.mode) == Kind::File;
        let blobs = self.entries.iter().filter(is_blob);
        blobs.map(|entry| (&entry.id, &self.paths[entry.path.clone()]))
    }

    fn path(&self, entry: usize) -> &[u8] {
        &self.paths[self.entries[entry].path.clone()]
    }

    /// What differs from `tree`, deletions aside; without a tree, everything. An error where that is not all there is
    /// to say.
    pub(super) fn changes_from(
        &self,
        repository: &Repository,
        tree: Option<&Tree<'_>>,
    ) -> Result<Vec<Change>, Unread> {
        let mut walk = Walk { repository, index: self, changes: Vec::new(), deletes: false };
        let written = self.written.as_ref().map(Written::root);
        let all = 0..self.entries.len();
        walk.directory(tree.map(Tree::id), written, all, 0, 0).ok_or_else(|| self.other())?;
        // What is new may be what was elsewhere before, which takes a comparison of contents.
        let adds = walk.changes.iter().any(|change| change.old.is_zero());
        if adds && walk.deletes { Err(self.other()) } else { Ok(walk.changes) }
    }
}

/// What stands before the path of an entry, which is left empty.
fn entry(reader: &mut Reader<'_>, is_plain: &mut bool) -> Option<Entry> {
    const EXTENDED: u16 = 0x4000;
    const STAGE: u16 = 0x3000;
    const INTENT_TO_ADD: u16 = 0x2000;
    // Times, device and inode.
    reader.take(24)?;
    let mode = reader.be32()?;
    // Owner, group and size.
    reader.take(12)?;
    let id = reader.id()?;
    let flags = reader.be16()?;
    let further = if flags & EXTENDED == 0 { 0 } else { reader.be16()? };
    *is_plain &= flags & STAGE == 0 && further & INTENT_TO_ADD == 0;
    Some(Entry { path: 0..0, mode, id })
}

/// Entries whose paths end with zeros up to a multiple of eight bytes.
fn whole_paths(
    content: &[u8],
    reader: &mut Reader<'_>,
    count: usize,
    is_plain: &mut bool,
) -> Option<Vec<Entry>> {
    // No more than there is room for.
    let mut entries = Vec::with_capacity(count.min(content.len() / 64));
    for _ in 0..count {
        let start = content.len() - reader.0.len();
        let mut entry = entry(reader, is_plain)?;
        let at = content.len() - reader.0.len();
        entry.path = at..at + reader.until(0)?.len();
        let len = content.len() - reader.0.len() - start;
        reader.take(len.next_multiple_of(8) - len)?;
        entries.push(entry);
    }
    Some(entries)
}

/// Entries whose paths leave out what they have in common with the one before.
fn shortened_paths(
    paths: &mut Vec<u8>,
    reader: &mut Reader<'_>,
    count: usize,
    is_plain: &mut bool,
) -> Option<Vec<Entry>> {
    let mut entries = Vec::with_capacity(count.min(reader.0.len() / 64));
    let mut last = 0..0;
    for _ in 0..count {
        let mut entry = entry(reader, is_plain)?;
        let kept = last.len().checked_sub(reader.varint()?)?;
        let start = paths.len();
        paths.extend_from_within(last.start..last.start + kept);
        paths.extend_from_slice(reader.until(0)?);
        if paths.len() > MAX_PATHS {
            return None;
        }
        last = start..paths.len();
        entry.path = last.clone();
        entries.push(entry);
    }
    Some(entries)
}

/// An index and a tree side by side: both are in the order of paths.
struct Walk<'w> {
    repository: &'w Repository,
    index: &'w Index<'w>,
    changes: Vec<Change>,
    /// Whether the tree has something that the index does not.
    deletes: bool,
}

impl Walk<'_> {
    /// Compares a directory: its `entries`, whose paths all begin with the same `prefix` bytes.
    fn directory(
        &mut self,
        tree: Option<Oid>,
        written: Option<&Directory<'_>>,
        entries: Range<usize>,
        prefix: usize,
        depth: usize,
    ) -> Option<()> {
        if let (Some(tree), Some((id, count))) = (tree, written.and_then(|written| written.tree))
            && tree.as_bytes() == id
        {
            return (count == entries.len()).then_some(());
        }
        if depth > MAX_DEPTH {
            return None;
        }
        let tree = tree.map(|id| self.repository.find_tree(id)).transpose().ok()?;
        let mut old = Side { rest: tree.as_ref().map(Tree::iter), next: None };
        old.advance();
        let mut at = entries.start;
        while at < entries.end {
            let rest = &self.index.path(at)[prefix..];
            let slash = memchr::memchr(b'/', rest);
            let name = slash.map_or(rest, |slash| &rest[..=slash]);
            while old.is_before(name) {
                self.deletes = true;
                old.advance();
            }
            let same = old.take(name);
            let Some(slash) = slash else {
                self.file(at, same.as_ref())?;
                at += 1;
                continue;
            };
            let same = same.map(|entry| entry.id());
            if rest.len() == name.len() {
                let Entry { mode: DIRECTORY, id, .. } = &self.index.entries[at] else {
                    return None;
                };
                if same?.as_bytes() != id {
                    return None;
                }
                at += 1;
                continue;
            }
            let end = prefix + name.len();
            let whole = &self.index.path(at)[..end];
            let is_within = |entry: &Entry| self.index.paths[entry.path.clone()].starts_with(whole);
            let within = at..at + self.index.entries[at..entries.end].partition_point(is_within);
            let written = self.index.written.as_ref().zip(written);
            let written = written.and_then(|(all, one)| all.within(one, &rest[..slash]));
            at = within.end;
            self.directory(same, written, within, end, depth + 1)?;
        }
        self.deletes |= old.next.is_some();
        Some(())
    }

    fn file(&mut self, entry: usize, old: Option<&TreeEntry<'_>>) -> Option<()> {
        let Entry { mode, id, .. } = self.index.entries[entry];
        if mode == DIRECTORY {
            return None;
        }
        let new = Oid::from_bytes(&id).ok()?;
        let is_same =
            |old: &TreeEntry<'_>| old.id() == new && old.filemode_raw().cast_unsigned() == mode;
        if !old.is_some_and(is_same) {
            let (path, kind) = (path_of(self.index.path(entry)), Kind::of_mode(mode));
            let old = old.map_or(Oid::ZERO_SHA1, TreeEntry::id);
            self.changes.push(Change { path, kind, new, old });
        }
        Some(())
    }
}

/// What is left of a tree.
struct Side<'t> {
    rest: Option<TreeIter<'t>>,
    next: Option<TreeEntry<'t>>,
}

impl<'t> Side<'t> {
    fn advance(&mut self) {
        self.next = self.rest.as_mut().and_then(Iterator::next);
    }

    /// Whether the next entry comes before `name`, which ends with a slash if it is a directory's.
    fn is_before(&self, name: &[u8]) -> bool {
        self.next.as_ref().is_some_and(|next| full_name(next).lt(name.iter().copied()))
    }

    fn take(&mut self, name: &[u8]) -> Option<TreeEntry<'t>> {
        let is_it = full_name(self.next.as_ref()?).eq(name.iter().copied());
        let taken = is_it.then(|| self.next.take()).flatten()?;
        self.advance();
        Some(taken)
    }
}

/// The name by which an entry is sorted.
fn full_name(entry: &TreeEntry<'_>) -> impl Iterator<Item = u8> {
    let slash = (entry.kind() == Some(ObjectType::Tree)).then_some(b'/');
    entry.name_bytes().iter().copied().chain(slash)
}

/// The bytes of an index file.
pub(super) fn read(repository: &Repository) -> Option<Vec<u8>> {
    // As libgit2 does, which tells nobody the path before it has read the index.
    let path = match std::env::var_os("GIT_INDEX_FILE") {
        Some(path) => Path::new(&path).to_owned(),
        None => repository.path().join("index"),
    };
    fs::read(path).ok()
}
