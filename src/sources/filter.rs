//! Which paths are never opened. "Found, but accepted" is another matter, and `suppress`'s.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

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
            let base = std::path::absolute(base).map_err(|error| fail(error.to_string()))?;
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

    /// Why the entry at `path` is left out, if it is.
    pub fn check(&self, path: &Path, is_dir: bool) -> Option<LeftOut> {
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
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        // A pattern says nothing about paths outside its directory, and the matcher insists on not being asked.
        let excluded = self.excludes.iter().any(|globs| {
            absolute.starts_with(globs.path()) && globs.matched(&absolute, is_dir).is_ignore()
        });
        excluded.then_some(LeftOut::Excluded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(globs: &[&str], hidden: bool) -> Filter {
        Filter::new(globs.iter().map(|glob| (*glob, Path::new("/repo"))), hidden).unwrap()
    }

    #[test]
    fn excludes_follow_gitignore_syntax() {
        let filter = filter(&["*.min.js", "/vendor", "docs/**/*.md", "!keep.min.js"], true);
        let excluded =
            |path: &str, is_dir| filter.check(Path::new(path), is_dir) == Some(LeftOut::Excluded);
        assert!(excluded("/repo/a/b.min.js", false));
        assert!(!excluded("/repo/keep.min.js", false));
        assert!(excluded("/repo/vendor", true));
        assert!(!excluded("/repo/a/vendor", true));
        assert!(excluded("/repo/docs/x/y.md", false));
        assert!(!excluded("/elsewhere/b.min.js", false));
    }

    #[test]
    fn git_directories_and_hidden_entries() {
        assert_eq!(
            filter(&[], true).check(Path::new("/repo/.git"), true),
            Some(LeftOut::GitDirectory)
        );
        assert_eq!(filter(&[], true).check(Path::new("/repo/.env"), false), None);
        assert_eq!(filter(&[], false).check(Path::new("/repo/.env"), false), Some(LeftOut::Hidden));
    }

    #[test]
    fn a_bad_glob_is_an_error_that_quotes_it() {
        let error = Filter::new([("[z-a]", Path::new("/repo"))], true).err().unwrap();
        assert!(error.to_string().contains("[z-a]"), "{error}");
    }
}
