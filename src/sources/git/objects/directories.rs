//! Where the objects of a repository lie: its own directory, those that git's environment names, and their alternates.

use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use git2::Repository;

use crate::sources::regular;

/// A list of alternates longer than this many bytes is not read.
const MAX_LIST: u64 = 1 << 20;

/// Every object directory once, in no order that matters. What cannot be looked into is a problem.
pub(super) fn of(repository: &Repository, problems: &mut Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    let mut first = vec![repository.commondir().join("objects")];
    // While a push waits for its hooks, the objects that it brings lie in a directory of their own.
    first.extend(env::var_os("GIT_OBJECT_DIRECTORY").map(PathBuf::from));
    if let Some(list) = env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
        first.extend(split(&list));
    }
    with_alternates(first, problems)
}

/// Alternates are followed however deep they are: each directory is looked into once.
fn with_alternates(
    mut pending: Vec<PathBuf>,
    problems: &mut Vec<(PathBuf, String)>,
) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut directories = Vec::new();
    while let Some(directory) = pending.pop() {
        match fs::canonicalize(&directory) {
            Ok(canonical) if !seen.insert(canonical.clone()) => continue,
            Ok(_) => {}
            Err(error) => {
                problems.push((directory, format!("no objects can be read there: {error}")));
                continue;
            }
        }
        let list = directory.join("info/alternates");
        match read_list(&list) {
            Ok(bytes) => {
                let lines = bytes.split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
                pending.extend(lines.map(|line| directory.join(path(&unquoted(line)))));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push((list, error.to_string())),
        }
        directories.push(directory);
    }
    directories
}

fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular::open(path)?.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too long a list of alternates"));
    }
    Ok(bytes)
}

/// The directories of a list as it stands in the environment.
fn split(list: &OsStr) -> Vec<PathBuf> {
    let bytes = list.as_encoded_bytes();
    if !bytes.contains(&b'"') {
        return env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    let separator = if cfg!(windows) { b';' } else { b':' };
    let (mut paths, mut start, mut quoted, mut at) = (Vec::new(), 0, false, 0);
    while at <= bytes.len() {
        match bytes.get(at) {
            Some(b'"') if at == start || quoted => quoted = !quoted,
            Some(b'\\') if quoted => at += 1,
            Some(byte) if *byte != separator || quoted => {}
            _ => {
                let end = at.min(bytes.len());
                if start < end {
                    paths.push(path(&unquoted(&bytes[start..end])));
                }
                start = at + 1;
            }
        }
        at += 1;
    }
    paths
}

/// A path as git writes it when there is something odd in it: in quotes, with escapes as in C. What only looks so is
/// taken as it is.
fn unquoted(line: &[u8]) -> Vec<u8> {
    let inner = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\""));
    inner.and_then(unescaped).unwrap_or_else(|| line.to_vec())
}

fn unescaped(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first()?;
        rest = after;
        bytes.push(match escape {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'"' | b'\\' => escape,
            b'0'..=b'3' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digit = |byte: u8| matches!(byte, b'0'..=b'7').then(|| byte - b'0');
                (escape - b'0') << 6 | digit(digits[0])? << 3 | digit(digits[1])?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_vec()).into()
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    OsString::from(String::from_utf8_lossy(bytes).into_owned()).into()
}

/// The packs of an object directory.
pub(super) fn packs(directory: &Path, problems: &mut Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    let directory = directory.join("pack");
    if !directory.exists() {
        return Vec::new();
    }
    let mut paths = entries(&directory, problems);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pack"));
    paths
}

/// The paths in a directory, sorted; what cannot be listed is a problem.
pub(super) fn entries(directory: &Path, problems: &mut Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut fail = |error: io::Error| problems.push((directory.to_owned(), error.to_string()));
    match fs::read_dir(directory) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => paths.push(entry.path()),
                    Err(error) => fail(error),
                }
            }
        }
        Err(error) => fail(error),
    }
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(folder: &Path, name: &str, alternates: &str) -> PathBuf {
        let directory = folder.join(name);
        fs::create_dir_all(directory.join("info")).unwrap();
        if !alternates.is_empty() {
            fs::write(directory.join("info/alternates"), alternates).unwrap();
        }
        directory
    }

    fn names(first: PathBuf) -> (Vec<String>, Vec<(PathBuf, String)>) {
        let mut problems = Vec::new();
        let mut names: Vec<String> = with_alternates(vec![first], &mut problems)
            .into_iter()
            .map(|path| fs::canonicalize(path).unwrap())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        (names, problems)
    }

    #[test]
    fn alternates_are_followed_relative_nested_quoted_and_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        let absolute = objects(folder.path(), "absolute", "../a\n");
        objects(folder.path(), "odd \"name\"", "");
        objects(folder.path(), "nested", "");
        objects(folder.path(), "b", "../nested\n");
        let list = format!(
            "# {}\n../b\n\n{}\n\"../odd \\\"\\156ame\\\"\"\n",
            folder.path().join("commented").display(),
            absolute.display()
        );
        let first = objects(folder.path(), "a", &list);
        let (names, problems) = names(first);
        assert_eq!(names, ["a", "absolute", "b", "nested", "odd \"name\""]);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn missing_alternates_and_endless_lists_are_problems() {
        let folder = tempfile::tempdir().unwrap();
        let first = objects(folder.path(), "a", "../gone\n../b\n");
        objects(folder.path(), "b", &"../a\n".repeat(300_000));
        let (names, problems) = names(first);
        assert_eq!(names, ["a", "b"]);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn http_alternates_are_no_directories() {
        let folder = tempfile::tempdir().unwrap();
        let first = objects(folder.path(), "a", "");
        fs::write(first.join("info/http-alternates"), "../gone\n").unwrap();
        assert_eq!(names(first), (vec!["a".to_owned()], Vec::new()));
    }

    #[cfg(unix)]
    #[test]
    fn lists_of_the_environment_may_be_quoted() {
        let split = |list: &str| split(OsStr::new(list));
        assert_eq!(split("/a:/b c:"), [Path::new("/a"), Path::new("/b c")]);
        assert_eq!(split("\"/a:\\\"b\":/c"), [Path::new("/a:\"b"), Path::new("/c")]);
        assert!(split("").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_list_can_be_read(line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            unquoted(&line);
            #[cfg(unix)]
            split(path(&line).as_os_str());
        }
    }
}
