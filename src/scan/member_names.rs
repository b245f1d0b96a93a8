//! What members of archives, and what compressed files hold, are called.

use std::path::{Path, PathBuf};

/// Longer names of members are cut: they are shown, and held for each finding.
const LONGEST_NAME: usize = 4 << 10;

/// What the content of a compressed file is called: as the file, without the ending that says that it is compressed.
pub(super) fn content_name(compressed: &Path) -> PathBuf {
    const ENDINGS: [(&str, Option<&str>); 12] = [
        ("gz", None),
        ("bz2", None),
        ("xz", None),
        ("zst", None),
        ("lz4", None),
        ("tgz", Some("tar")),
        ("tbz2", Some("tar")),
        ("tbz", Some("tar")),
        ("txz", Some("tar")),
        ("tzst", Some("tar")),
        ("svgz", Some("svg")),
        ("Z", None),
    ];
    let ending =
        compressed.extension().and_then(|ending| ENDINGS.iter().find(|(e, _)| ending == *e));
    match (compressed.file_name(), ending) {
        (Some(name), Some((_, becomes))) => Path::new(name).with_extension(becomes.unwrap_or("")),
        _ => "content".into(),
    }
}

/// The name of a member as a path, which is only ever shown and compared.
#[cfg(unix)]
pub(super) fn path_of(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(&name[..name.len().min(LONGEST_NAME)]).into()
}

#[cfg(not(unix))]
pub(super) fn path_of(name: &[u8]) -> PathBuf {
    String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME)]).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_called_as_their_files() {
        for (file, content) in [
            ("a/main.tf.gz", "main.tf"),
            ("b.tgz", "b.tar"),
            ("credentials.xz", "credentials"),
            ("noise", "content"),
            ("<stdin>", "content"),
            ("a.zip", "content"),
        ] {
            assert_eq!(content_name(Path::new(file)), Path::new(content), "{file}");
        }
    }
}
