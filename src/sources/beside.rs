//! Files that are read because of another one beside them, and named by what is scanned.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use super::regular;

/// Opens the file called `name` in `folder` or below. What leads out of the folder is refused, and so is what is no
/// regular file, or reached by a symbolic link without `follow`: whoever wrote the name may want another file read, or
/// none ever to end.
pub fn open(folder: &Path, name: &Path, follow: bool) -> io::Result<File> {
    let refused = |why: &str| Err(io::Error::other(why.to_owned()));
    let mut path = folder.to_path_buf();
    let mut is_file = false;
    for component in name.components() {
        let Component::Normal(component) = component else {
            return refused("the name leads elsewhere");
        };
        path.push(component);
        let metadata = if follow { fs::metadata(&path) } else { fs::symlink_metadata(&path) }?;
        if metadata.is_symlink() {
            return refused("a symbolic link, which is not followed");
        }
        is_file = metadata.is_file();
    }
    if is_file { regular::open(&path) } else { refused("not a regular file") }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn only_files_below_the_folder_are_opened() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("folder");
        fs::create_dir_all(folder.join("below")).unwrap();
        fs::write(folder.join("below/file"), "x").unwrap();
        fs::write(base.path().join("above"), "x").unwrap();
        let open = |name: &str| open(&folder, Path::new(name), false);
        let mut text = String::new();
        open("below/file").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        let absolute = base.path().join("above");
        for (name, expected) in [
            ("../above", "elsewhere"),
            (absolute.to_str().unwrap(), "elsewhere"),
            ("below", "not a regular file"),
            ("", "not a regular file"),
        ] {
            assert!(open(name).unwrap_err().to_string().contains(expected), "{name}");
        }
        assert_eq!(open("none").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_only_if_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("real")).unwrap();
        fs::write(folder.path().join("real/file"), "x").unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        for name in ["link/file", "link"] {
            assert!(open(folder.path(), Path::new(name), false).is_err(), "{name}");
        }
        assert!(open(folder.path(), Path::new("link/file"), true).is_ok());
    }
}
