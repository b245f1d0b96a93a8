//! Archives in the pipeline: their members go the way of files, with an origin that says what they are members of.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::clean::CleanHere;
use super::member_names::{content_name, path_of};
use super::silence::Judged;
use super::windows::Progress;
use super::worker::Thread;
use crate::config::settings::Archives;
use crate::detect::{MAX_CANDIDATES, MAX_VALUE_BYTES};
use crate::model::blob::{Brings, Content, Lines, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Evidence, Finding};
use crate::model::traces::Inherited;
use crate::sources::Visitor;
use crate::suppress::marks::MAX_MARKS;
use crate::unpack::image::{self, Image};
use crate::unpack::{self, Budget, Format, Limits, Sink, Source};

/// Problems of one kind with what one file holds that are named; the others are counted.
const MOST_NAMED: u64 = 20;

/// What is shared by all that one file holds.
pub(super) struct Unpacking<'b> {
    pub(super) budget: &'b Budget,
    /// Which lines of the file matter, if it is no archive.
    pub(super) lines: Lines<'b>,
    /// What of it the change brings itself.
    pub(super) brings: Brings<'b>,
    /// What the file itself has from another one, until it is searched.
    pub(super) inherited: Option<Inherited<'b>>,
    /// What is found, until all of the file is known.
    pub(super) held: Vec<Judged>,
    pub(super) room: Room,
    /// The same for findings that a report only counts, and that a history may join to others.
    pub(super) room_for_unlisted: Room,
    /// Whether it was said that there is more than there is room for.
    pub(super) said_full: bool,
    /// What there is of an image of containers.
    image: Image,
    /// Whether anything was unpacked.
    pub(super) has_members: bool,
    /// How often there was something to tell: findings of any kind, problems, what a layer hides.
    pub(super) told: u64,
    /// Containers within each other, the most so far, but for those in archives that are remembered.
    pub(super) deepest: u32,
    /// Archives in which there was nothing.
    pub(super) clean: CleanHere,
    /// Problems so far, by kind.
    problems: BTreeMap<ProblemKind, u64>,
}

impl<'b> Unpacking<'b> {
    pub(super) fn new(budget: &'b Budget, lines: Lines<'b>, brings: Brings<'b>) -> Self {
        Self {
            budget,
            lines,
            brings,
            inherited: None,
            held: Vec::new(),
            room: Room::default(),
            room_for_unlisted: Room::default(),
            said_full: false,
            image: Image::default(),
            has_members: false,
            told: 0,
            deepest: 0,
            clean: CleanHere::default(),
            problems: BTreeMap::new(),
        }
    }

    /// Says of findings in layers of an image what comes of the file by a later layer.
    pub(super) fn label_hidden(&mut self, stop: &dyn Fn() -> bool) {
        if !self.image.has_layers() || self.held.is_empty() {
            return;
        }
        let orders = self.image.orders();
        let layer = |judged: &Judged| {
            judged.finding.origin.names().first().map(|name| name.as_os_str().to_owned())
        };
        for held in self.held.chunk_by_mut(|one, other| layer(one) == layer(other)) {
            let Some(layer) = layer(&held[0]) else { continue };
            let above = image::above(&orders, layer.as_encoded_bytes());
            for Judged { finding, .. } in held {
                if self.budget.is_spent() || stop() {
                    return;
                }
                let names = finding.origin.names();
                let [_, path, ..] = names[..] else { continue };
                let fate = self.image.fate(&above, path.as_os_str().as_encoded_bytes());
                finding.notes.extend(fate.map(|fate| Evidence::new(fate.describe())));
            }
        }
    }
}

/// What may still be kept of what one file holds: all members together may have as much as one blob may.
pub(super) struct Room {
    parts: usize,
    value_bytes: usize,
    /// Comments that reports name.
    comments: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { parts: MAX_CANDIDATES, value_bytes: MAX_VALUE_BYTES, comments: MAX_MARKS }
    }
}

impl Room {
    /// Takes the room of a finding; `false` if there is not that much.
    pub(super) fn take(&mut self, finding: &Finding) -> bool {
        let bytes = finding.parts.iter().map(|part| part.value.expose().len()).sum();
        let parts = self.parts.checked_sub(finding.parts.len());
        let value_bytes = self.value_bytes.checked_sub(bytes);
        if let (Some(parts), Some(value_bytes)) = (parts, value_bytes) {
            (self.parts, self.value_bytes) = (parts, value_bytes);
        }
        parts.is_some() && value_bytes.is_some()
    }

    /// Takes the room of a comment; `false` if there is none.
    pub(super) fn take_comment(&mut self) -> bool {
        let left = self.comments.checked_sub(1);
        self.comments = left.unwrap_or_default();
        left.is_some()
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

    /// Whether there is a container around it.
    pub(super) fn is_within(&self) -> bool {
        self.depth > 0
    }

    /// Whether it is a member of an archive, and not what a compressed file holds.
    pub(super) fn is_inner(&self) -> bool {
        self.depth > 0 && !self.is_content
    }

    /// Whether it is called as layers of images are, and lies where they do.
    pub(super) fn may_be_layer(&self) -> bool {
        let names = self.origin.names();
        matches!(names[..], [name] if image::is_layer_name(name.as_os_str().as_encoded_bytes()))
    }
}

pub(super) fn limits(archives: &Archives) -> Limits {
    Limits {
        depth: archives.depth,
        members: archives.members,
        member_size: archives.member_size,
        total_size: archives.total_size,
        ratio: archives.ratio,
        ratio_free: archives.ratio_free,
        memory: archives.memory,
        time: Duration::from_secs(archives.seconds),
    }
}

impl Thread<'_> {
    /// The container that a blob is, by its first bytes, if it is to be unpacked.
    pub(super) fn container(
        &self,
        place: &Place,
        head: &[u8],
        all: &mut Unpacking<'_>,
    ) -> Option<Format> {
        let archives = &self.scan.settings.archives;
        if !archives.unpack {
            return None;
        }
        let format = unpack::sniff(head)?;
        if depth_of(place, format) > archives.depth {
            let message = format!(
                "{} archives around it: not unpacked, but scanned as it lies",
                archives.depth
            );
            self.say(&place.origin, ProblemKind::OverLimit, message, all);
            return None;
        }
        Some(format)
    }

    /// Reports that the blob of `origin` was not scanned whole, unless the same was said often of the file it lies in.
    pub(super) fn say(
        &self,
        origin: &Origin,
        kind: ProblemKind,
        message: String,
        all: &mut Unpacking<'_>,
    ) {
        all.told += 1;
        let count = all.problems.entry(kind).or_default();
        *count += 1;
        if *count <= MOST_NAMED {
            let path = Some(origin.path().to_path_buf());
            self.scan.problem(Problem { path, kind, message });
        }
    }

    /// Reports how many problems with what the file of `origin` holds were not named.
    pub(super) fn say_unnamed(&self, origin: &Origin, all: &Unpacking<'_>) {
        for (kind, count) in &all.problems {
            if *count > MOST_NAMED {
                let path = Some(origin.path().to_path_buf());
                let message = format!(
                    "{} more problems of this kind in it are not listed",
                    count - MOST_NAMED
                );
                self.scan.problem(Problem { path, kind: *kind, message });
            }
        }
    }

    /// Scans what the container at `place` holds.
    pub(super) fn unpack(
        &mut self,
        format: Format,
        place: &Place,
        source: Source<'_>,
        all: &mut Unpacking<'_>,
    ) {
        let depth = depth_of(place, format);
        all.has_members = true;
        all.deepest = all.deepest.max(depth);
        let budget = all.budget;
        let origin = if format.is_compression() { &place.origin } else { &place.shown };
        let role = Role::of(format, &place.shown);
        let shown = &place.shown;
        let mut members = Members { thread: self, all, format, origin, shown, depth, role };
        unpack::unpack(format, source, budget, &mut members);
    }

    /// Reports why reading the blob of `origin` broke off after `bytes` bytes.
    pub(super) fn broke_off(
        &self,
        origin: &Origin,
        error: &io::Error,
        bytes: u64,
        all: &mut Unpacking<'_>,
    ) {
        all.told += 1;
        let (kind, message) = match all.budget.take_hit() {
            Some(hit) if hit.is_told => return,
            Some(hit) => (ProblemKind::OverLimit, hit.message),
            // An error of something around it, which was reported there.
            None if unpack::is_repeated(error) => return,
            None => (ProblemKind::Unreadable, error.to_string()),
        };
        let message = if bytes == 0 { message } else { format!("{message}, after {bytes} bytes") };
        self.say(origin, kind, message, all);
    }
}

/// Containers within each other up to a container of `format` at `place`.
pub(super) fn depth_of(place: &Place, format: Format) -> u32 {
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
    role: Role,
}

/// What a container may be of an image of containers.
enum Role {
    Image,
    /// What is called as layers are.
    Layer(Vec<u8>),
    /// What could be one by any other name, in which whatever deletes something is told.
    Other(Vec<u8>),
    None,
}

impl Role {
    fn of(format: Format, shown: &Origin) -> Self {
        match (format, &shown.names()[..]) {
            (Format::Tar, []) => Self::Image,
            (Format::Tar, [name]) => {
                let name = name.as_os_str().as_encoded_bytes().to_vec();
                if image::is_layer_name(&name) { Self::Layer(name) } else { Self::Other(name) }
            }
            _ => Self::None,
        }
    }
}

impl Members<'_, '_, '_> {
    fn place(&self, name: &[u8]) -> Place {
        let is_content = self.format.is_compression();
        let name = if is_content { content_name(self.origin.own_path()) } else { path_of(name) };
        let origin = Arc::new(Origin::member(self.shown, name));
        let shown = Arc::clone(if is_content { self.shown } else { &origin });
        Place { origin, shown, depth: self.depth, is_content }
    }
}

impl Sink for Members<'_, '_, '_> {
    fn member(&mut self, name: &[u8], mut content: Content<'_>) {
        let place = self.place(name);
        self.link(name);
        let is_manifest = matches!(self.role, Role::Image) && image::may_be_manifest(name);
        let progress = if is_manifest {
            let mut copied = image::Copied::new(&mut content);
            let progress = self.thread.look(&place, Content::Stream(&mut copied), self.all);
            if let Some(copy) = copied.copy() {
                self.all.image.manifest(name, copy);
            }
            progress
        } else {
            self.thread.look(&place, content, self.all)
        };
        self.thread.members += 1;
        self.thread.unpacked += progress.bytes;
    }

    fn folder(&mut self, name: &[u8]) {
        if let Role::Layer(layer) = &self.role {
            self.all.image.folder(layer, name);
            self.all.told += 1;
        }
    }

    fn link(&mut self, name: &[u8]) {
        match &self.role {
            Role::Other(_) if !image::deletes(name) => {}
            Role::Layer(layer) | Role::Other(layer) => {
                self.all.image.member(layer, name);
                self.all.told += 1;
            }
            // What deletes something where it lies deep may lie elsewhere as a layer.
            Role::None => self.all.told += u64::from(image::deletes(name)),
            Role::Image => {}
        }
    }

    fn own(&mut self, offset: u64, bytes: Content<'_>) {
        let thread = &mut *self.thread;
        let mut progress = Progress::default();
        let stop = || thread.scan.is_cancelled();
        let detector = thread.scan.detector;
        let (detected, marks) =
            thread.windows.inner(detector, self.origin, offset, bytes, &stop, &mut progress);
        if let Some(error) = &progress.failed {
            thread.broke_off(self.origin, error, progress.bytes, self.all);
        }
        thread.take(self.origin, detected, &marks, self.all);
    }

    fn problem(&mut self, name: Option<&[u8]>, kind: ProblemKind, message: String) {
        let member = name.map(|name| self.place(name).origin);
        self.thread.say(member.as_ref().unwrap_or(self.origin), kind, message, self.all);
    }

    fn is_cancelled(&self) -> bool {
        self.thread.scan.is_cancelled()
    }
}
