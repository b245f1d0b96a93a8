//! Where the path of a finding lies on this machine, and whether the file there was another one's before.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};

use crate::model::blob::Origin;
use crate::model::secret::Secret;
use crate::sources::git;

/// Where a value stands.
pub(super) struct At<'a> {
    pub(super) scope: &'a Path,
    pub(super) place: Option<&'a Path>,
    pub(super) value: &'a Secret,
    /// Whether this is told of a whole history.
    pub(super) in_history: bool,
}

/// Answers for the findings of one run. Findings share directories, so what was resolved is kept.
pub struct Places {
    here: PathBuf,
    repository: Option<git2::Repository>,
    folders: HashMap<PathBuf, PathBuf>,
}

impl Places {
    /// As seen from the current directory, and from the repository at or above `repository`, or else at or above the
    /// current directory.
    pub fn new(repository: Option<&Path>) -> Self {
        let here = env::current_dir().unwrap_or_default();
        let repository = repository.map_or_else(git::open, git::open_at).ok();
        Self { here, repository, folders: HashMap::new() }
    }

    /// The absolute path of `scope` in what `origin` comes from, links resolved as far as it exists; `None` if it is no
    /// path. A member of an archive stands where the archive does.
    pub(super) fn place(&mut self, origin: &Origin, scope: &Path) -> Option<PathBuf> {
        match origin.outermost() {
            Origin::Message { .. } => None,
            Origin::IndexEntry { .. } | Origin::Committed { .. } | Origin::Object { .. } => {
                Some(self.root()?.join(scope))
            }
            _ => Some(self.resolve(origin.path())),
        }
    }

    /// Whether the file that was at `old`, as scopes are written, may be the one at `scope` now, where `value` stands:
    /// `old` is gone from the tree, the index or the commit that `origin` is of, for a whole history from the commit
    /// that is checked out. In a change, either that very change takes it away, or the value stood at `scope` before.
    /// What cannot be told is not so: rather a finding too many.
    pub(super) fn came_from(&self, origin: &Origin, now: &At<'_>, old: &Path) -> bool {
        let is_anything = |is_there: &dyn Fn(&Path) -> bool| with_archives(old).any(is_there);
        let origin = origin.outermost();
        if let Origin::File { .. } = origin {
            let base = now.place.and_then(|place| place.ancestors().nth(now.scope.iter().count()));
            return base.is_some_and(|base| {
                !is_anything(&|path| base.join(path).symlink_metadata().is_ok())
            });
        }
        let Some(repository) = &self.repository else { return false };
        let tree = |revision: &str| git::tree(repository, revision);
        let had = |tree: &git2::Tree<'_>| is_anything(&|path| tree.get_path(path).is_ok());
        if now.in_history {
            return tree("HEAD").is_some_and(|head| !had(&head));
        }
        let before = match origin {
            Origin::IndexEntry { .. } => {
                let index = repository.index();
                if index.is_ok_and(|index| is_anything(&|path| index.get_path(path, 0).is_some())) {
                    return false;
                }
                vec![tree("HEAD")]
            }
            Origin::Committed { commit, .. } => {
                if tree(&commit.id).is_none_or(|after| had(&after)) {
                    return false;
                }
                git::parents(repository, &commit.id).iter().map(|parent| tree(parent)).collect()
            }
            _ => return false,
        };
        before.into_iter().flatten().any(|before| {
            had(&before)
                || git::content(repository, &before, now.scope).is_some_and(|blob| {
                    memchr::memmem::find(blob.content(), now.value.expose()).is_some()
                })
        })
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

/// A path of a report as it stands, and all that may be the archive if it is that of a member, which is there if the
/// archive is. A file's own name may have a `!`, too.
fn with_archives(path: &Path) -> impl Iterator<Item = &Path> {
    let text = path.to_str().unwrap_or_default();
    let archives = text.match_indices('!').map(|(at, _)| Path::new(&text[..at]));
    std::iter::once(path).chain(archives.filter(|archive| *archive != Path::new("")))
}
