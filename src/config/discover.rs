//! Which configuration file applies, and reading it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::schema::{ConfigError, Options};
use crate::model::span::LineCursor;

/// The name of a configuration file.
pub const FILE_NAME: &str = "keylint.toml";

/// More than any configuration holds, be it one with tens of thousands of allow entries; what is longer is something
/// else under its name.
const MAX_BYTES: u64 = 16 << 20;

/// The file that applies to a scan of `path`: the nearest above it, up to the root of the repository it lies in.
///
/// Outside a repository only the directory itself is looked at (that of `path`, if `path` is no directory): what lies
/// above it may be anyone's. A `path` that does not exist has no configuration.
pub fn find(path: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let Some(directory) = directory(path) else { return Ok(None) };
    let Some(root) = root(path) else { return Ok(None) };
    for ancestor in directory.ancestors().take_while(|ancestor| ancestor.starts_with(&root)) {
        let candidate = ancestor.join(FILE_NAME);
        match fs::metadata(&candidate) {
            // Reading a FIFO of this name would wait for ever.
            Ok(metadata) if !metadata.is_file() => {
                return Err(ConfigError::NoFile { path: candidate, problem: "it is no file" });
            }
            Ok(_) => return Ok(Some(candidate)),
            Err(error) if is_absent(&candidate, &error) => {}
            Err(source) => return Err(ConfigError::Unreadable { path: candidate, source }),
        }
    }
    Ok(None)
}

/// The directory in which a configuration for `path` is looked for last: the root of its repository, or its own
/// directory. Absolute, links resolved.
pub fn root(path: &Path) -> Option<PathBuf> {
    let directory = directory(path)?;
    let root = directory.ancestors().find(|ancestor| is_repository(ancestor));
    Some(root.map(Path::to_owned).unwrap_or(directory))
}

/// Whether a repository begins there: a working tree, or a bare one, as git itself tells one. What lies above a bare
/// repository has no say in it, be it another one's working tree.
fn is_repository(directory: &Path) -> bool {
    let is_git = directory.file_name().is_some_and(|name| name == ".git");
    let parts = ["HEAD", "objects", "refs"];
    directory.join(".git").exists()
        || (!is_git && parts.iter().all(|part| directory.join(part).exists()))
}

fn directory(path: &Path) -> Option<PathBuf> {
    let absolute = path.canonicalize().ok()?;
    if absolute.is_dir() { Some(absolute) } else { absolute.parent().map(Path::to_owned) }
}

/// Reads the configuration at `path`.
pub fn read(path: &Path) -> Result<Options, ConfigError> {
    let fail = |source| ConfigError::Unreadable { path: path.into(), source };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_BYTES {
        let problem = "it is larger than 16 MiB";
        return Err(ConfigError::NoFile { path: path.into(), problem });
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let mut cursor = LineCursor::default();
        cursor.advance(&bytes[..error.valid_up_to()]);
        let problem = "not TOML: not UTF-8".into();
        ConfigError::Content { path: path.into(), at: cursor.position(), problem }
    })?;
    Options::parse(path, text)
}

/// Whether there is no entry at `path`. A link that leads nowhere is an entry: whoever set it meant a file.
fn is_absent(path: &Path, error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        && fs::symlink_metadata(path).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these entries; a name that ends in `/` is a directory.
    fn tree(entries: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for entry in entries {
            let path = root.join(entry);
            if entry.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
        }
        (folder, root)
    }

    #[test]
    fn the_nearest_file_up_to_the_repository_root_applies() {
        let (_folder, root) = tree(&[
            "keylint.toml",
            "repo/.git/",
            "repo/a/keylint.toml",
            "repo/a/b/file",
            "repo/c/file",
            "other/.git/",
            "other/keylint.toml",
            "other/d/file",
            "other/bare/HEAD",
            "other/bare/objects/",
            "other/bare/refs/",
        ]);
        let found = |path: &str| find(&root.join(path)).unwrap();
        assert_eq!(found("repo/a/b"), Some(root.join("repo/a/keylint.toml")));
        assert_eq!(found("repo/a/b/file"), Some(root.join("repo/a/keylint.toml")));
        assert_eq!(found("repo/c"), None);
        assert_eq!(found("repo"), None);
        assert_eq!(found("other/bare"), None);
        assert_eq!(found("other/d/file"), Some(root.join("other/keylint.toml")));
    }

    #[test]
    fn outside_a_repository_only_the_directory_itself_counts() {
        let (_folder, root) = tree(&["keylint.toml", "a/file"]);
        assert_eq!(find(&root).unwrap(), Some(root.join("keylint.toml")));
        assert_eq!(find(&root.join("a")).unwrap(), None);
        assert_eq!(find(&root.join("a/file")).unwrap(), None);
        assert_eq!(find(&root.join("absent")).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_a_configuration_is_an_error() {
        let (_folder, root) = tree(&["a/keylint.toml/", "b/"]);
        assert!(find(&root.join("a")).unwrap_err().to_string().contains("no file"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", root.join("b/keylint.toml")).unwrap();
            assert!(matches!(find(&root.join("b")), Err(ConfigError::Unreadable { .. })));
        }
    }

    #[test]
    fn size_and_encoding_are_checked() {
        let (_folder, root) = tree(&[]);
        let path = root.join(FILE_NAME);
        fs::write(&path, vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("larger than 16 MiB"));
        fs::write(&path, b"threads = 1\n# \xff\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains(":2:3: not TOML"));
        fs::write(&path, "\u{feff}threads = 1\r\n").unwrap();
        assert_eq!(read(&path).unwrap().threads, Some(1));
    }
}
