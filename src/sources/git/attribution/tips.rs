//! What keeps objects in a repository: references, HEADs, the logs of references, the index.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use super::commits::parse_id;
use crate::model::history::Reach;
use crate::sources::git::changed::path_of;
use crate::sources::git::pack::Id;

/// An object that something keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) id: Id,
    pub(super) reach: Reach,
}

/// All that keeps objects in a repository.
#[derive(Default)]
pub(super) struct Tips {
    pub(super) kept: Vec<Tip>,
    /// Blobs of the index, with their paths.
    pub(super) staged: Vec<(Id, PathBuf)>,
    /// What could not be read, in words.
    pub(super) unread: Vec<String>,
}

/// Bytes of a reference's log that are read, from its start. Logs grow by a line a move.
const MAX_LOG: u64 = 256 << 20;

impl Tips {
    /// Asks the repository for its references, and reads their logs.
    pub(super) fn of(repository: &Repository) -> Self {
        let mut tips = Self::default();
        if let Err(error) = tips.references(repository) {
            tips.unread.push(format!("the references cannot be listed: {}", error.message()));
        }
        let common = repository.commondir().to_owned();
        tips.worktree(repository.path());
        if common != repository.path() {
            tips.worktree(&common);
        }
        for worktree in fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten() {
            tips.worktree(&worktree.path());
        }
        match repository.index() {
            Ok(index) => tips.staged.extend(index.iter().filter_map(|entry| {
                let id = id_of(entry.id)?;
                Some((id, path_of(&entry.path)))
            })),
            Err(error) => {
                tips.unread.push(format!("the index cannot be read: {}", error.message()));
            }
        }
        tips
    }

    /// What keeps a tag keeps what it is a tag of. `tags` are sorted.
    pub(super) fn follow(&mut self, tags: &[(Id, Id)]) {
        let mut next = 0;
        while let Some(tip) = self.kept.get(next).copied() {
            if let Ok(tag) = tags.binary_search_by_key(&tip.id, |(tag, _)| *tag) {
                self.kept.push(Tip { id: tags[tag].1, reach: tip.reach });
            }
            next += 1;
        }
    }

    fn references(&mut self, repository: &Repository) -> Result<(), git2::Error> {
        for reference in repository.references()? {
            let reference = reference?;
            let name = reference.name_bytes();
            let reach = reach(name);
            // A symbolic reference leads to another one, which is listed, too.
            self.kept.extend(reference.target().and_then(id_of).map(|id| Tip { id, reach }));
        }
        Ok(())
    }

    /// The HEAD of a working tree, if it is detached, and the logs beside it.
    fn worktree(&mut self, directory: &Path) {
        if let Ok(head) = fs::read(directory.join("HEAD")) {
            let id = parse_id(head.trim_ascii());
            self.kept.extend(id.map(|id| Tip { id, reach: Reach::Ref }));
        }
        let mut pending = vec![(directory.join("logs"), String::new())];
        while let Some((path, name)) = pending.pop() {
            let Ok(entries) = fs::read_dir(&path) else { continue };
            for entry in entries.flatten() {
                let name = format!("{name}/{}", entry.file_name().to_string_lossy());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => pending.push((entry.path(), name)),
                    Ok(kind) if kind.is_file() => self.log(&entry.path(), &name),
                    _ => {}
                }
            }
        }
    }

    /// Every object that the log of a reference names.
    fn log(&mut self, path: &Path, name: &str) {
        let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
        if size > MAX_LOG {
            return self.unread.push(format!("{} is too long to be read", path.display()));
        }
        let log = match fs::read(path) {
            Ok(log) => log,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.unread.push(format!("{}: {error}", path.display())),
        };
        let reach = if name == "/refs/stash" { Reach::Stash } else { Reach::Reflog };
        for line in log.split(|byte| *byte == b'\n') {
            let ids = line.splitn(3, |byte| *byte == b' ').take(2).filter_map(parse_id);
            self.kept.extend(ids.map(|id| Tip { id, reach }));
        }
    }
}

fn reach(name: &[u8]) -> Reach {
    match name {
        b"refs/stash" => Reach::Stash,
        _ if name.starts_with(b"refs/notes/") => Reach::Notes,
        _ => Reach::Ref,
    }
}

pub(super) fn id_of(id: Oid) -> Option<Id> {
    id.as_bytes().try_into().ok()
}
