//! Which paths are never opened. "Found, but accepted" is another matter, and `suppress`'s.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::roots::Roots;
use crate::model::coverage::LeftOut;

/// An `exclude` pattern that is no glob.
#[derive(Debug, thiserror::Error)]
#[error("exclude pattern `{glob}`: {reason}")]
pub struct FilterError {
    /// The pattern as written.
    pub glob: String,
    /// What the glob parser says.
    pub reason: String,
}

/// Decides which entries of a directory are left out.
///
/// Ignore files are the walker's own business; this is what comes on top.
pub struct Filter {
    excludes: Vec<Gitignore>,
    hidden: bool,
}

impl Filter {
    /// A filter for patterns in `.gitignore` syntax, each with the directory that it is relative to. `hidden` says
    /// whether entries whose name starts with a dot are scanned.
    pub fn new<'a>(
        excludes: impl IntoIterator<Item = (&'a str, &'a Path)>,
        hidden: bool,
    ) -> Result<Self, FilterError> {
        let mut grouped: Vec<(PathBuf, GitignoreBuilder)> = Vec::new();
        for (glob, base) in excludes {
            let fail = |reason: String| FilterError { glob: glob.into(), reason };
            // Entries are compared with their links resolved, so the directory has to be, too.
            let base = base
                .canonicalize()
                .map_err(|error| fail(format!("{}: {error}", base.display())))?;
            let index = grouped.iter().position(|(known, _)| *known == base).unwrap_or_else(|| {
                grouped.push((base.clone(), GitignoreBuilder::new(&base)));
                grouped.len() - 1
            });
            grouped[index].1.add_line(None, glob).map_err(|error| fail(error.to_string()))?;
        }
        let excludes = grouped
            .into_iter()
            .map(|(base, builder)| {
                let fail = |error: ignore::Error| FilterError {
                    glob: base.display().to_string(),
                    reason: error.to_string(),
                };
                builder.build().map_err(fail)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { excludes, hidden })
    }

    /// Why the file at `path`, below `root` (both without links), is left out, if it is. Unlike entries met in a walk,
    /// it is held against the patterns together with the directories that it stands in.
    pub fn check_file(&self, root: &Path, path: &Path) -> Option<LeftOut> {
        let is_hidden = |part: &OsStr| part.as_encoded_bytes().starts_with(b".");
        if !self.hidden && path.iter().any(is_hidden) {
            return Some(LeftOut::Hidden);
        }
        // A path from a hostile tree may begin with a slash or lead upwards; the matcher insists on not being asked.
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let place = root.join(path);
        let excluded = self.excludes.iter().any(|globs| {
            place.starts_with(globs.path())
                && globs.matched_path_or_any_parents(&place, false).is_ignore()
        });
        excluded.then_some(LeftOut::Excluded)
    }

    /// Why the entry at `path` is left out, if it is.
    pub(super) fn check(&self, path: &Path, is_dir: bool, roots: &Roots) -> Option<LeftOut> {
        let name = path.file_name().unwrap_or(OsStr::new(""));
        if is_dir && name == ".git" {
            return Some(LeftOut::GitDirectory);
        }
        if !self.hidden && name.as_encoded_bytes().starts_with(b".") {
            return Some(LeftOut::Hidden);
        }
        if self.excludes.is_empty() {
            return None;
        }
        let place = roots.resolved(path);
        // A pattern says nothing about paths outside its directory, and the matcher insists on not being asked.
        let excluded = self.excludes.iter().any(|globs| {
            place.starts_with(globs.path()) && globs.matched(&place, is_dir).is_ignore()
        });
        excluded.then_some(LeftOut::Excluded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a filter with these patterns, relative to the root, says of a path.
    fn check(globs: &[&str], hidden: bool, path: &str, is_dir: bool) -> Option<LeftOut> {
        let root = Path::new("/");
        let filter = Filter::new(globs.iter().map(|glob| (*glob, root)), hidden).unwrap();
        filter.check(Path::new(path), is_dir, &Roots::new([root]))
    }

    #[test]
    fn excludes_follow_gitignore_syntax() {
        let globs = ["*.min.js", "/vendor", "docs/**/*.md", "!keep.min.js"];
        let excluded =
            |path: &str, is_dir| check(&globs, true, path, is_dir) == Some(LeftOut::Excluded);
        assert!(excluded("/a/b.min.js", false));
        assert!(!excluded("/keep.min.js", false));
        assert!(excluded("/vendor", true));
        assert!(!excluded("/a/vendor", true));
        assert!(excluded("/docs/x/y.md", false));
    }

    #[test]
    fn git_directories_and_hidden_entries() {
        assert_eq!(check(&[], true, "/repo/.git", true), Some(LeftOut::GitDirectory));
        assert_eq!(check(&[], true, "/repo/.env", false), None);
        assert_eq!(check(&[], false, "/repo/.env", false), Some(LeftOut::Hidden));
    }

    #[test]
    fn odd_paths_of_trees_are_never_excluded() {
        let filter = Filter::new([("*", Path::new("/"))], true).unwrap();
        let check = |path: &str| filter.check_file(Path::new("/srv"), Path::new(path));
        assert_eq!(check("a/b"), Some(LeftOut::Excluded));
        for path in ["/srv//x", "../x", "a/../x"] {
            assert_eq!(check(path), None, "{path}");
        }
    }

    #[test]
    fn a_bad_glob_is_an_error_that_quotes_it() {
        let error = Filter::new([("[z-a]", Path::new("/"))], true).err().unwrap();
        assert!(error.to_string().contains("[z-a]"), "{error}");
    }
}
