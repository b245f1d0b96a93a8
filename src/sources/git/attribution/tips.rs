//! What keeps objects in a repository: references, HEADs, the logs of references, the index.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use git2::Repository;

use super::commits::parse_id;
use super::references::{self, References, id_of};
use super::spread::Spread;
use crate::model::history::Reach;
use crate::sources::git::GitError;
use crate::sources::git::changed::path_of;
use crate::sources::git::index::{Index, Unread};
use crate::sources::git::pack::Id;
use crate::sources::regular;

/// An object that something keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tip {
    pub(super) id: Id,
    pub(super) reach: Reach,
}

/// All that keeps objects in a repository.
#[derive(Default)]
pub(super) struct Tips {
    pub(super) kept: Vec<Tip>,
    /// Blobs of the index, with their paths.
    pub(super) staged: HashMap<Id, Vec<PathBuf>>,
    /// What could not be read, in words.
    pub(super) unread: Vec<String>,
}

/// Longer logs of references, in bytes, are named as not read. Logs grow by a line a move.
const MAX_LOG: u64 = 256 << 20;

impl Tips {
    /// Takes the references of a repository, and reads their logs.
    pub(super) fn of(repository: &Repository, references: References) -> Self {
        let References { list, unread, .. } = references;
        let mut tips = Self { unread, ..Self::default() };
        tips.kept.extend(list.into_iter().map(|(name, id)| Tip { id, reach: reach(&name) }));
        let common = repository.commondir().to_owned();
        tips.worktree(repository.path());
        if common != repository.path() {
            tips.worktree(&common);
        }
        for worktree in tips.entries(&common.join("worktrees")) {
            tips.worktree(&worktree);
        }
        tips
    }

    /// The paths in a directory, none if it is not there.
    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        references::entries(directory).unwrap_or_else(|error| {
            self.unread.push(error);
            Vec::new()
        })
    }

    /// What a file holds, if it is there and can be read.
    fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        match regular::read(path) {
            Ok(bytes) => return Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.unread.push(format!("{}: {error}", path.display())),
        }
        None
    }

    /// The index of a working tree.
    fn index(&mut self, path: &Path) {
        let Some(bytes) = self.read(path) else { return };
        match Index::parse(&bytes) {
            Ok(index) => {
                for (id, path) in index.blobs() {
                    self.staged.entry(*id).or_default().push(path_of(path));
                }
                return;
            }
            Err(Unread::Other) => {}
            Err(Unread::Corrupt) => {
                let error = GitError::CorruptIndex;
                return self.unread.push(format!("{}: {error}", path.display()));
            }
        }
        match git2::Index::open(path) {
            Ok(index) => {
                for entry in index.iter() {
                    let Some(id) = id_of(entry.id) else { continue };
                    self.staged.entry(id).or_default().push(path_of(&entry.path));
                }
            }
            Err(error) => {
                let error = GitError::of_index(error);
                self.unread.push(format!("{}: {error}", path.display()));
            }
        }
    }

    /// What keeps a tag keeps what it is a tag of. `tags` are sorted.
    pub(super) fn follow(&mut self, tags: &[(Id, Id)]) {
        let mut next = 0;
        // In a repository that lies about its ids, tags may be tags of each other.
        let mut followed = HashSet::new();
        while let Some(tip) = self.kept.get(next).copied() {
            if let Ok(tag) = tags.binary_search_by_key(&tip.id, |(tag, _)| *tag)
                && followed.insert(tip)
            {
                self.kept.push(Tip { id: tags[tag].1, reach: tip.reach });
            }
            next += 1;
        }
    }

    /// Each object that something keeps, with the best of what does.
    pub(super) fn kept(&self) -> HashMap<Id, Reach, Spread> {
        let mut kept = HashMap::default();
        for tip in &self.kept {
            let reach = kept.entry(tip.id).or_insert(tip.reach);
            *reach = tip.reach.min(*reach);
        }
        kept
    }

    /// The index of a working tree, and the logs beside it.
    fn worktree(&mut self, directory: &Path) {
        self.index(&directory.join("index"));
        let mut pending = vec![directory.join("logs")];
        while let Some(path) = pending.pop() {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => pending.extend(self.entries(&path)),
                Ok(metadata) if metadata.is_file() => {
                    let is_stash = path.ends_with("logs/refs/stash");
                    self.log(&path, metadata.len(), is_stash);
                }
                // A link leads to what is not this repository's.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => self.unread.push(format!("{}: {error}", path.display())),
            }
        }
    }

    /// Every object that the log of a reference names.
    fn log(&mut self, path: &Path, size: u64, is_stash: bool) {
        if size > MAX_LOG {
            return self.unread.push(format!("{} is too long to be read", path.display()));
        }
        let Some(log) = self.read(path) else { return };
        let reach = if is_stash { Reach::Stash } else { Reach::Reflog };
        for line in log.split(|byte| *byte == b'\n') {
            let ids = line.splitn(3, |byte| *byte == b' ').take(2).filter_map(parse_id);
            self.kept.extend(ids.map(|id| Tip { id, reach }));
        }
    }
}

fn reach(name: &str) -> Reach {
    match name {
        "refs/stash" => Reach::Stash,
        _ if name.starts_with("refs/notes/") => Reach::Notes,
        _ => Reach::Ref,
    }
}
