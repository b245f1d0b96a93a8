//! Archives in the pipeline: their members go the way of files, with an origin that says what they are members of.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::windows::Progress;
use super::worker::Thread;
use crate::config::settings::Archives;
use crate::model::blob::{Content, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::Finding;
use crate::sources::Visitor;
use crate::suppress::marks::Marks;
use crate::unpack::{self, Budget, Format, Limits, Sink, Source};

/// Longer names of members are cut: they are shown, and held for each finding.
const LONGEST_NAME: usize = 4 << 10;

/// Problems of one kind with members of one archive that are named; the others are counted.
const MOST_NAMED: u64 = 20;

/// What was found in one blob, and the comments beside it.
pub(super) struct Found {
    pub(super) origin: Arc<Origin>,
    pub(super) findings: Vec<Finding>,
    pub(super) marks: Marks,
}

/// What is shared by all that one file holds.
pub(super) struct Unpacking<'b> {
    pub(super) budget: &'b Budget,
    pub(super) found: Vec<Found>,
    /// Whether anything was unpacked.
    pub(super) has_members: bool,
    /// Whether it was said that time or the total is used up.
    pub(super) said_spent: bool,
}

impl<'b> Unpacking<'b> {
    pub(super) fn new(budget: &'b Budget) -> Self {
        Self { budget, found: Vec::new(), has_members: false, said_spent: false }
    }
}

/// Where a blob stands among archives.
pub(super) struct Place {
    /// The blob's own origin.
    pub(super) origin: Arc<Origin>,
    /// What its members are members of, should it be an archive: of what a compressed file holds, that is the file.
    shown: Arc<Origin>,
    /// Containers around it.
    depth: u32,
    /// Whether it is what a compressed file holds; an archive and its compression count once.
    is_content: bool,
}

impl Place {
    pub(super) fn outermost(origin: Origin) -> Self {
        let origin = Arc::new(origin);
        Self { shown: Arc::clone(&origin), origin, depth: 0, is_content: false }
    }
}

pub(super) fn limits(archives: &Archives) -> Limits {
    Limits {
        depth: archives.depth,
        members: archives.members,
        member_size: archives.member_size,
        total_size: archives.total_size,
        ratio: archives.ratio,
        memory: archives.memory,
        time: Duration::from_secs(archives.seconds),
    }
}

impl Thread<'_> {
    /// The container that a blob is, by its first bytes, if it is to be unpacked.
    pub(super) fn container(&self, place: &Place, head: &[u8]) -> Option<Format> {
        let archives = &self.scan.settings.archives;
        if !archives.unpack {
            return None;
        }
        let format = unpack::sniff(head)?;
        if depth_of(place, format) > archives.depth {
            self.scan.problem(Problem {
                path: Some(place.origin.path().to_path_buf()),
                kind: ProblemKind::OverLimit,
                message: format!(
                    "{} archives around it: not unpacked, but scanned as it lies",
                    archives.depth
                ),
            });
            return None;
        }
        Some(format)
    }

    /// Scans what the container at `place` holds.
    pub(super) fn unpack(
        &mut self,
        format: Format,
        place: &Place,
        source: Source<'_>,
        all: &mut Unpacking<'_>,
    ) {
        all.has_members = true;
        let budget = all.budget;
        let origin = if format.is_compression() { &place.origin } else { &place.shown };
        let mut members = Members {
            thread: self,
            all,
            format,
            origin,
            shown: &place.shown,
            depth: depth_of(place, format),
            named: BTreeMap::new(),
        };
        unpack::unpack(format, source, budget, &mut members);
        members.count_unnamed();
    }

    /// Reports why reading the blob of `origin` broke off after `bytes` bytes.
    pub(super) fn broke_off(
        &self,
        origin: &Origin,
        error: &io::Error,
        bytes: u64,
        all: &mut Unpacking<'_>,
    ) {
        let (kind, message) = match all.budget.take_hit() {
            Some(hit) if hit.is_final && all.said_spent => return,
            Some(hit) => {
                all.said_spent |= hit.is_final;
                (ProblemKind::OverLimit, hit.message)
            }
            // An error of something around it, which was reported there.
            None if unpack::is_repeated(error) => return,
            None => (ProblemKind::Unreadable, error.to_string()),
        };
        let message = if bytes == 0 { message } else { format!("{message}, after {bytes} bytes") };
        self.scan.problem(Problem { path: Some(origin.path().to_path_buf()), kind, message });
    }
}

/// Containers within each other up to a container of `format` at `place`.
fn depth_of(place: &Place, format: Format) -> u32 {
    let is_counted = place.is_content && !format.is_compression();
    if is_counted { place.depth } else { place.depth + 1 }
}

/// Takes what one container holds.
struct Members<'m, 's, 'b> {
    thread: &'m mut Thread<'s>,
    all: &'m mut Unpacking<'b>,
    format: Format,
    /// The container.
    origin: &'m Arc<Origin>,
    /// The container that paths of its members name.
    shown: &'m Arc<Origin>,
    depth: u32,
    /// Problems with members, by kind.
    named: BTreeMap<ProblemKind, u64>,
}

impl Members<'_, '_, '_> {
    fn place(&self, name: &[u8]) -> Place {
        let is_content = self.format.is_compression();
        let name = if is_content { content_name(self.origin.own_path()) } else { path_of(name) };
        let origin = Arc::new(Origin::member(self.shown, name));
        let shown = Arc::clone(if is_content { self.shown } else { &origin });
        Place { origin, shown, depth: self.depth, is_content }
    }

    fn count_unnamed(&self) {
        for (kind, count) in &self.named {
            if *count > MOST_NAMED {
                let message = format!("the same holds for {} more members", count - MOST_NAMED);
                self.say(self.origin.path().to_path_buf(), *kind, message);
            }
        }
    }

    fn say(&self, path: PathBuf, kind: ProblemKind, message: String) {
        self.thread.scan.problem(Problem { path: Some(path), kind, message });
    }
}

impl Sink for Members<'_, '_, '_> {
    fn member(&mut self, name: &[u8], content: &mut dyn Read) {
        let place = self.place(name);
        let progress = self.thread.look(&place, Content::Stream(content), self.all);
        self.thread.members += 1;
        self.thread.unpacked += progress.bytes;
    }

    fn own(&mut self, offset: u64, bytes: &mut dyn Read) {
        let thread = &mut *self.thread;
        let mut progress = Progress::default();
        thread.windows.first(bytes, &mut progress);
        let stop = || thread.scan.is_cancelled();
        let detector = thread.scan.detector;
        let (detected, marks) =
            thread.windows.rest(detector, self.origin, offset, bytes, &stop, &mut progress);
        if let Some(error) = &progress.failed {
            thread.broke_off(self.origin, error, progress.bytes, self.all);
        }
        thread.take(self.origin, detected, marks, self.all);
    }

    fn problem(&mut self, name: Option<&[u8]>, kind: ProblemKind, message: String) {
        let path = match name {
            None => self.origin.path().to_path_buf(),
            Some(name) => {
                let count = self.named.entry(kind).or_default();
                *count += 1;
                if *count > MOST_NAMED {
                    return;
                }
                self.place(name).origin.path().to_path_buf()
            }
        };
        self.say(path, kind, message);
    }

    fn is_cancelled(&self) -> bool {
        self.thread.scan.is_cancelled()
    }
}

/// What the content of a compressed file is called: as the file, without the ending that says that it is compressed.
fn content_name(compressed: &Path) -> PathBuf {
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
fn path_of(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(&name[..name.len().min(LONGEST_NAME)]).into()
}

#[cfg(not(unix))]
fn path_of(name: &[u8]) -> PathBuf {
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
