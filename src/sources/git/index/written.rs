//! What git notes in an index of the trees that it last wrote of it: the extension `TREE`.

use super::Reader;
use crate::sources::git::pack::Id;

/// Directories within directories that are read. Paths of more take more bytes than systems take, and libgit2, which
/// may be given the index next, goes into each by recursion.
const MAX_DEPTH: usize = 4096;

/// The directories of an index, in the order of their parents' numbers and then of their names.
#[derive(Debug)]
pub(super) struct Written<'a>(Vec<Directory<'a>>);

#[derive(Debug)]
pub(super) struct Directory<'a> {
    /// The number of the directory that it lies in; none for the root.
    parent: Option<usize>,
    name: &'a [u8],
    /// Its place in the extension.
    number: usize,
    /// The tree that it is and how many entries lie in it, unless one of them has changed since.
    pub(super) tree: Option<(Id, usize)>,
}

impl<'a> Directory<'a> {
    fn key(&self) -> (Option<usize>, &'a [u8]) {
        (self.parent, self.name)
    }
}

impl<'a> Written<'a> {
    /// `None` for what is not as git writes it, which has no directory twice.
    pub(super) fn parse(extension: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(extension);
        let mut directories = Vec::new();
        // The directories that others are yet to follow of, and how many.
        let mut open: Vec<(usize, usize)> = Vec::new();
        loop {
            let parent = open.last_mut().map(|(number, left)| {
                *left -= 1;
                *number
            });
            let number = directories.len();
            let name = reader.until(0)?;
            let entries = reader.decimal(b' ')?;
            let within = usize::try_from(reader.decimal(b'\n')?).ok()?;
            let tree = match usize::try_from(entries) {
                Ok(entries) => Some((reader.id()?, entries)),
                Err(_) => None,
            };
            directories.push(Directory { parent, name, number, tree });
            open.push((number, within));
            if open.len() > MAX_DEPTH {
                return None;
            }
            while open.pop_if(|(_, left)| *left == 0).is_some() {}
            if open.is_empty() {
                break;
            }
        }
        // Git has shorter names first.
        directories.sort_unstable_by_key(Directory::key);
        let is_once = directories.is_sorted_by(|one, next| one.key() < next.key());
        (reader.0.is_empty() && is_once).then_some(Self(directories))
    }

    pub(super) fn root(&self) -> &Directory<'a> {
        &self.0[0]
    }

    /// The directory of this name in another one.
    pub(super) fn within(&self, parent: &Directory<'_>, name: &[u8]) -> Option<&Directory<'a>> {
        let key = (Some(parent.number), name);
        let at = self.0.binary_search_by(|directory| directory.key().cmp(&key)).ok()?;
        Some(&self.0[at])
    }
}
