//! What the references of a repository name, HEADs among them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Reference, Repository};

use super::commits::parse_id;
use crate::sources::git::pack::Id;
use crate::sources::regular;

/// The references of a repository.
#[derive(Default)]
pub(crate) struct References {
    /// Names, and the objects that they lead to. Those that lead to other references are left out.
    pub(crate) list: Vec<(String, Id)>,
    /// The commit that is checked out; none on an unborn branch, or if it cannot be read.
    pub(crate) head: Option<Id>,
    /// What could not be read, in words.
    pub(crate) unread: Vec<String>,
}

impl References {
    /// Asks the repository for its references, and looks at the HEADs of all its working trees.
    pub(crate) fn of(repository: &Repository) -> Self {
        let mut references = Self::default();
        let common = repository.commondir();
        // libgit2 waits for the other end of a FIFO.
        let can_be_listed = !references.broken(common, PathBuf::from("refs"))
            && !["HEAD", "packed-refs"].iter().any(|name| is_special(&common.join(name)))
            && !is_special(&repository.path().join("HEAD"));
        if !can_be_listed {
            let message = "the references cannot be listed: one is no regular file".to_owned();
            references.unread.push(message);
        } else if let Err(error) = references.listed(repository) {
            references.unread.push(format!("the references cannot be listed: {}", error.message()));
        }
        references.head(repository.path(), "HEAD");
        if common != repository.path() {
            references.head(common, "the main working tree's HEAD");
        }
        for worktree in references.entries(&common.join("worktrees")) {
            let name = worktree.file_name().unwrap_or_default().to_string_lossy();
            references.head(&worktree, &format!("worktrees/{name}/HEAD"));
        }
        match head(repository) {
            _ if !can_be_listed => {}
            Ok(head) => references.head = head,
            Err(error) => references.unread.push(error),
        }
        references
    }

    fn listed(&mut self, repository: &Repository) -> Result<(), git2::Error> {
        for reference in repository.references()? {
            let reference = reference?;
            let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            self.list.extend(reference.target().and_then(id_of).map(|id| (name, id)));
        }
        Ok(())
    }

    /// Notes the files of references that hold none: libgit2 passes over them. Returns whether there is anything that is
    /// no file.
    fn broken(&mut self, common: &Path, from: PathBuf) -> bool {
        let mut has_special = false;
        let mut pending = vec![from];
        while let Some(name) = pending.pop() {
            let path = common.join(&name);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    let entries = self.entries(&path);
                    let names =
                        entries.iter().filter_map(|entry| Some(name.join(entry.file_name()?)));
                    pending.extend(names);
                    continue;
                }
                Ok(_) => has_special |= is_special(&path),
                // git packs references while others read them.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    self.unread.push(format!("{}: {error}", name.display()));
                    continue;
                }
            }
            // Locks, and what file managers leave behind.
            if !name.to_str().is_some_and(Reference::is_valid_name) {
                continue;
            }
            match regular::read(&path) {
                Ok(bytes) if parse_id(bytes.trim_ascii()).is_some() => {}
                Ok(bytes) if bytes.starts_with(b"ref:") => {}
                Ok(_) => self.unread.push(format!("{}: corrupt reference", name.display())),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => self.unread.push(format!("{}: {error}", name.display())),
            }
        }
        has_special
    }

    /// The HEAD of a working tree, if it is detached.
    fn head(&mut self, directory: &Path, name: &str) {
        match regular::read(&directory.join("HEAD")) {
            Ok(bytes) => {
                self.list.extend(parse_id(bytes.trim_ascii()).map(|id| (name.to_owned(), id)));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.unread.push(format!("{name}: {error}")),
        }
    }

    /// The paths in a directory, none if it is not there.
    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        entries(directory).unwrap_or_else(|error| {
            self.unread.push(error);
            Vec::new()
        })
    }
}

/// The commit that is checked out; none on an unborn branch. The commit itself is not read by libgit2, which may not be
/// able to where the pack reader is.
fn head(repository: &Repository) -> Result<Option<Id>, String> {
    match repository.head() {
        Ok(head) => Ok(head.target().and_then(id_of)),
        Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(format!("HEAD cannot be read: {}", error.message())),
    }
}

/// Whether there is something that is neither a file nor a directory, or a link to such.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The paths in a directory, none if it is not there; or what went wrong, in words.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    match listed {
        Ok(paths) => Ok(paths),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{}: {error}", directory.display())),
    }
}

pub(super) fn id_of(id: Oid) -> Option<Id> {
    id.as_bytes().try_into().ok()
}
