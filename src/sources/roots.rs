//! The paths that were asked for, and how what lies below them looks from elsewhere: from the root of its repository,
//! for fingerprints, and with links resolved, for exclude patterns.

use std::path::{Path, PathBuf};

/// The given paths, longest first.
#[derive(Debug)]
pub(super) struct Roots(Vec<Root>);

#[derive(Debug)]
struct Root {
    given: PathBuf,
    /// The same place without links, `.` and `..`.
    resolved: PathBuf,
    /// The same place seen from the root of its repository; outside a repository, from itself.
    scope: PathBuf,
}

impl Roots {
    /// Resolves each path once.
    pub(super) fn new<'a>(given: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut roots: Vec<Root> = given.into_iter().map(Root::new).collect();
        roots.sort_by_key(|root| std::cmp::Reverse(root.given.as_os_str().len()));
        Self(roots)
    }

    /// The path that scopes the fingerprints of findings in `path`: it does not depend on how the root was spelled.
    pub(super) fn scope(&self, path: &Path) -> PathBuf {
        self.find(path, |root| &root.scope)
    }

    /// `path` with the given root's links resolved, so that it can be held against the directory of a pattern.
    pub(super) fn resolved(&self, path: &Path) -> PathBuf {
        self.find(path, |root| &root.resolved)
    }

    fn find(&self, path: &Path, seen_as: impl Fn(&Root) -> &PathBuf) -> PathBuf {
        let below = |root: &Root| {
            let below = path.strip_prefix(&root.given).ok()?;
            let base = seen_as(root);
            Some(if below.as_os_str().is_empty() { base.clone() } else { base.join(below) })
        };
        self.0.iter().find_map(below).unwrap_or_else(|| path.to_path_buf())
    }
}

impl Root {
    fn new(given: &Path) -> Self {
        // A path that cannot be resolved cannot be read either, and is reported where it is read.
        let resolved = given.canonicalize().unwrap_or_else(|_| given.to_path_buf());
        let repository = resolved.ancestors().find(|ancestor| ancestor.join(".git").exists());
        let base = match repository {
            Some(root) => root,
            None if resolved.is_dir() => &resolved,
            None => resolved.parent().unwrap_or(&resolved),
        };
        let scope = resolved.strip_prefix(base).unwrap_or(&resolved).to_path_buf();
        Self { given: given.to_path_buf(), resolved, scope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_do_not_depend_on_how_the_root_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("repo/.git")).unwrap();
        std::fs::create_dir_all(root.join("repo/sub")).unwrap();
        std::fs::write(root.join("repo/sub/file"), "").unwrap();
        let roots = |given: &str| {
            let given = root.join(given);
            let file = if given.is_dir() { given.join("file") } else { given.clone() };
            let roots = Roots::new([given.as_path()]);
            (roots.scope(&file), roots.resolved(&file))
        };
        for given in ["repo/sub", "repo/sub/file", "repo/../repo/sub"] {
            assert_eq!(roots(given), ("sub/file".into(), root.join("repo/sub/file")), "{given}");
        }
    }

    #[test]
    fn outside_a_repository_the_root_itself_is_the_scope() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let roots = Roots::new([folder.path()]);
        assert_eq!(roots.scope(&folder.path().join("a/file")), Path::new("a/file"));
        let file = folder.path().join("file");
        assert_eq!(Roots::new([file.as_path()]).scope(&file), Path::new("file"));
    }
}
