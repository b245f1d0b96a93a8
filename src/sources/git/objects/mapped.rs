//! A pack and its index, mapped, and what is wrong with them as files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;
use rayon::ThreadPool;

use crate::sources::git::pack::{Families, Frame, Id, Index, Pack};
use crate::sources::regular;

/// A pack with an index that can be used.
pub(super) struct Mapped {
    path: PathBuf,
    pack: Mmap,
    index: Mmap,
    frame: Frame,
    /// Read when they are first asked for: whoever reads all of a pack does so again. They take 56 bytes an object.
    families: OnceLock<Families>,
    /// Whether the index matches its own checksum: all of it is read for that.
    is_intact: OnceLock<bool>,
}

impl Mapped {
    /// Maps the pack at `path`. `None` if none of its objects can be found; what is wrong is a problem either way.
    pub(super) fn open(path: PathBuf, problems: &mut Vec<(PathBuf, String)>) -> Option<Self> {
        let mut none = |what: String| {
            problems.push((path.clone(), format!("{what}: none of its objects were scanned")));
        };
        let index_path = path.with_extension("idx");
        let index = map(&index_path)
            .map_err(|error| none(format!("its index cannot be read: {error}")))
            .ok()?;
        let frame = match Index::parse(&index) {
            Ok(parsed) => parsed.frame(),
            Err(error) => {
                none(error.to_string());
                return None;
            }
        };
        let pack = map(&path).map_err(|error| none(error.to_string())).ok()?;
        let mapped = Self {
            path,
            pack,
            index,
            frame,
            families: OnceLock::new(),
            is_intact: OnceLock::new(),
        };
        problems.extend(mapped.contradictions().map(|what| (mapped.path.clone(), what)));
        Some(mapped)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pack(&self) -> &[u8] {
        &self.pack
    }

    pub(super) fn index(&self) -> Index<'_> {
        Index::framed(&self.index, self.frame)
    }

    /// The pack with its families linked.
    pub(super) fn linked(&self, pool: &ThreadPool) -> Pack<'_> {
        let meanwhile = || {
            self.is_intact();
        };
        let read = || pool.install(|| Families::of(&self.pack, self.index(), meanwhile));
        Pack::new(&self.pack, self.families.get_or_init(read))
    }

    /// Whether an object is in it, be it readable or not.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.index().find(id).is_some()
    }

    /// What pack and index say of each other that is not so. Objects are read all the same: most of them may be sound.
    fn contradictions(&self) -> impl Iterator<Item = String> {
        let index = self.index();
        let (pack, count) = (self.pack(), index.len() as u64);
        let head = pack.first_chunk::<12>();
        let is_pack =
            head.is_some_and(|head| head[..7] == *b"PACK\0\0\0" && matches!(head[7], 2 | 3));
        let said =
            head.map(|head| u64::from(u32::from_be_bytes([head[8], head[9], head[10], head[11]])));
        [
            (!is_pack).then(|| "not a pack of a version that is known".to_owned()),
            said.filter(|said| is_pack && *said != count).map(|said| {
                format!("it says it has {said} objects; its index has {count}, which were scanned")
            }),
            (!pack.ends_with(index.pack_checksum()))
                .then(|| "its index is another pack's, or it was cut off or changed".to_owned()),
        ]
        .into_iter()
        .flatten()
    }

    fn is_intact(&self) -> bool {
        *self.is_intact.get_or_init(|| self.index().is_intact())
    }

    /// What is wrong with an index that is not as it was written.
    pub(super) fn damage(&self) -> Option<(PathBuf, String)> {
        let what = "its index does not match its own checksum: objects may be missing";
        (!self.is_intact()).then(|| (self.path.clone(), what.to_owned()))
    }
}

#[expect(
    unsafe_code,
    reason = "packs and their indexes are written once and replaced whole, never changed"
)]
fn map(path: &Path) -> io::Result<Mmap> {
    // SAFETY: git never changes or truncates a pack or an index in place; see the reason above.
    unsafe { Mmap::map(&regular::open(path)?) }
}
