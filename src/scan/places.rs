//! Where the path of a finding lies on this machine, and whether another path is there in what it comes from.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};

use crate::model::blob::Origin;
use crate::sources::git;

/// Answers for the findings of one run. Findings share directories, so what was resolved is kept.
pub struct Places {
    here: PathBuf,
    repository: Option<git2::Repository>,
    folders: HashMap<PathBuf, PathBuf>,
}

impl Places {
    /// As seen from the current directory and its repository, if it lies in one.
    pub fn new() -> Self {
        let here = env::current_dir().unwrap_or_default();
        Self { here, repository: git::open().ok(), folders: HashMap::new() }
    }

    /// The absolute path of `scope` in what `origin` comes from, links resolved as far as it exists; `None` if it is no
    /// path.
    pub(super) fn place(&mut self, origin: &Origin, scope: &Path) -> Option<PathBuf> {
        match origin {
            Origin::Message { .. } => None,
            Origin::IndexEntry { .. } | Origin::Committed { .. } | Origin::Object { .. } => {
                Some(self.root()?.join(scope))
            }
            _ => Some(self.resolve(origin.path())),
        }
    }

    /// Whether there is a file at `path`, as scopes are written, in the tree, the index or the commit that `origin` is
    /// of; for a whole history in the commit that is checked out. What cannot be told counts as there: rather a finding
    /// too many.
    pub(super) fn exists(
        &self,
        origin: &Origin,
        place: Option<&Path>,
        path: &Path,
        at_head: bool,
    ) -> bool {
        // A member of an archive is there if the archive is.
        let outer = path.to_str().and_then(|path| path.split_once('!')).map(|(outer, _)| outer);
        let path = outer.map_or(path, Path::new);
        match origin {
            Origin::File { scope, .. } => {
                let depth = scope.iter().count();
                let base = place.and_then(|place| place.ancestors().nth(depth));
                base.is_none_or(|base| base.join(path).symlink_metadata().is_ok())
            }
            Origin::IndexEntry { .. } => self.repository.as_ref().is_none_or(|repository| {
                repository.index().is_ok_and(|index| index.get_path(path, 0).is_some())
            }),
            Origin::Committed { .. } | Origin::Object { .. } if at_head => self.is_in("HEAD", path),
            Origin::Committed { commit, .. } => self.is_in(&commit.id, path),
            _ => true,
        }
    }

    fn is_in(&self, commit: &str, path: &Path) -> bool {
        let Some(repository) = &self.repository else { return true };
        let tree = repository.revparse_single(commit).and_then(|object| object.peel_to_tree());
        tree.is_ok_and(|tree| tree.get_path(path).is_ok())
    }

    fn root(&self) -> Option<PathBuf> {
        let repository = self.repository.as_ref()?;
        let root = repository.workdir().unwrap_or(repository.path());
        Some(root.canonicalize().unwrap_or_else(|_| root.to_owned()))
    }

    /// The path with the links of its directory resolved.
    fn resolve(&mut self, path: &Path) -> PathBuf {
        let absolute = self.here.join(path);
        let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return absolute;
        };
        if let Some(known) = self.folders.get(folder) {
            return known.join(name);
        }
        let existing =
            folder.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
        let resolved = match existing {
            Some((above, resolved)) => {
                folder.strip_prefix(above).map_or(resolved.clone(), |rest| resolved.join(rest))
            }
            None => folder.to_owned(),
        };
        self.folders.insert(folder.to_owned(), resolved.clone());
        resolved.join(name)
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::new()
    }
}
