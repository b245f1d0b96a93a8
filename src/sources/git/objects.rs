//! Every object of a repository once: packs in the order in which they lie, then, one by one through libgit2, loose
//! objects and whatever the pack reader cannot take.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use git2::{ObjectType, Oid, Repository};
use memmap2::Mmap;
use rayon::ThreadPool;

use super::GitError;
use super::pack::{Id, Index, Kind, Object, Pack, PackError};

/// Alternates of alternates are followed this far, as git does.
const MAX_ALTERNATES: usize = 5;

/// The object directories of a repository, with their packs mapped.
pub(crate) struct Store {
    repository: PathBuf,
    packs: Vec<Mapped>,
    loose: Vec<Oid>,
    /// Packs that were not understood: their objects are read through libgit2.
    strange: bool,
    /// What is wrong with the store itself.
    pub(crate) problems: Vec<(PathBuf, String)>,
}

/// A pack and its index.
struct Mapped {
    path: PathBuf,
    pack: Mmap,
    index: Mmap,
}

/// An object that could not be read at all.
#[derive(Debug)]
pub(crate) struct Unread {
    /// Its id, in hex.
    pub(crate) id: String,
    /// Why.
    pub(crate) message: String,
}

impl Store {
    /// Finds and maps all packs, and lists loose objects.
    pub(crate) fn open(repository: &Repository) -> Self {
        let mut store = Self {
            repository: repository.path().to_owned(),
            packs: Vec::new(),
            loose: Vec::new(),
            strange: false,
            problems: Vec::new(),
        };
        let mut pending = vec![(repository.commondir().join("objects"), 0)];
        let mut seen = HashSet::new();
        while let Some((directory, depth)) = pending.pop() {
            if !seen.insert(directory.canonicalize().unwrap_or_else(|_| directory.clone())) {
                continue;
            }
            store.directory(&directory);
            let alternates =
                fs::read_to_string(directory.join("info/alternates")).unwrap_or_default();
            for line in alternates.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                if depth == MAX_ALTERNATES {
                    store.problems.push((
                        directory.clone(),
                        "its alternates are nested too deeply".to_owned(),
                    ));
                } else {
                    pending.push((directory.join(line), depth + 1));
                }
            }
        }
        store.loose.sort_unstable();
        store.loose.dedup();
        store
    }

    fn directory(&mut self, directory: &Path) {
        for path in self.entries(directory) {
            match path.file_name().and_then(OsStr::to_str) {
                Some("pack") => self.packs(&path),
                Some(prefix) if is_hex(prefix, 2) => self.fan(prefix, &path),
                _ => {}
            }
        }
    }

    fn fan(&mut self, prefix: &str, directory: &Path) {
        for path in self.entries(directory) {
            let rest = path.file_name().and_then(OsStr::to_str).filter(|rest| is_hex(rest, 38));
            self.loose.extend(rest.and_then(|rest| Oid::from_str(&format!("{prefix}{rest}")).ok()));
        }
    }

    /// The paths in a directory; what cannot be listed is a problem.
    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut fail =
            |error: io::Error| self.problems.push((directory.to_owned(), error.to_string()));
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

    fn packs(&mut self, directory: &Path) {
        let is_pack =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "pack");
        for path in self.entries(directory).into_iter().filter(is_pack) {
            match Mapped::open(&path) {
                Ok(mapped) => self.packs.push(mapped),
                Err(error) => {
                    log::debug!("{}: {error}", path.display());
                    self.strange = true;
                }
            }
        }
    }

    /// How many objects there are, copies in several packs counted each.
    pub(crate) fn len(&self) -> usize {
        self.indexes().map(|index| index.len()).sum::<usize>() + self.loose.len()
    }

    /// Whether an object is there, be it readable or not. Objects of packs that only libgit2 can read are not known of.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.indexes().any(|index| index.find(id).is_some())
            || self.loose.binary_search_by(|loose| loose.as_bytes().cmp(id)).is_ok()
    }

    /// Hands these objects to a worker, each once and in no order, one worker for each thread of `pool`. Returns what
    /// could not be read.
    pub(crate) fn read<W: FnMut(Object<'_>)>(
        &self,
        ids: &[Id],
        pool: &ThreadPool,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Vec<Unread> {
        let mut ids: Vec<Oid> = ids.iter().filter_map(|id| Oid::from_bytes(id).ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        self.singly(&ids, pool, |_| true, stop, worker)
    }

    fn indexes(&self) -> impl Iterator<Item = Index<'_>> {
        self.packs.iter().filter_map(|mapped| Index::parse(&mapped.index).ok())
    }

    /// Hands every object of a wanted kind to a worker, each once, one worker for each thread of `pool`. `kinds` says
    /// which; `stop` ends it early. Returns what could not be read.
    pub(crate) fn each<W: FnMut(Object<'_>)>(
        &self,
        pool: &ThreadPool,
        kinds: impl Fn(Kind) -> bool + Sync,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Result<Vec<Unread>, GitError> {
        let indexes: Vec<Option<Index<'_>>> =
            self.packs.iter().map(|mapped| Index::parse(&mapped.index).ok()).collect();
        let mut singly = Vec::new();
        let mut strange = self.strange;
        for (number, mapped) in self.packs.iter().enumerate() {
            let earlier: Vec<Index<'_>> = indexes[..number].iter().flatten().copied().collect();
            let pack = indexes[number]
                .ok_or(PackError::Unsupported("its index is not understood"))
                .and_then(|index| Pack::new(&mapped.pack, index));
            let pack = match pack {
                Ok(pack) => pack,
                Err(error) => {
                    log::debug!("{}: {error}", mapped.path.display());
                    strange = true;
                    continue;
                }
            };
            let once = || {
                let mut worker = worker();
                let earlier = &earlier;
                move |object: Object<'_>| {
                    if !earlier.iter().any(|index| index.find(&object.id).is_some()) {
                        worker(object);
                    }
                }
            };
            let failed = pack.walk(pool, &kinds, &stop, once);
            for failed in failed {
                log::debug!("{}: {:?}: {}", mapped.path.display(), failed.id, failed.error);
                singly.extend(Oid::from_bytes(&failed.id));
            }
        }
        let is_packed = |id: &Oid| {
            id.as_bytes()
                .try_into()
                .is_ok_and(|id| indexes.iter().flatten().any(|index| index.find(id).is_some()))
        };
        singly.extend(self.loose.iter().filter(|id| !is_packed(id)));
        if strange {
            self.add_strange(&mut singly, is_packed)?;
        }
        singly.sort_unstable();
        singly.dedup();
        Ok(self.singly(&singly, pool, kinds, stop, worker))
    }

    /// Adds what stands in no pack that was understood.
    fn add_strange(
        &self,
        singly: &mut Vec<Oid>,
        is_packed: impl Fn(&Oid) -> bool,
    ) -> Result<(), GitError> {
        let fail = GitError::while_("objects cannot be listed");
        let repository = Repository::open(&self.repository).map_err(&fail)?;
        let objects = repository.odb().map_err(&fail)?;
        objects
            .foreach(|id| {
                if !is_packed(id) {
                    singly.push(*id);
                }
                true
            })
            .map_err(fail)
    }

    /// Reads objects one by one through libgit2.
    fn singly<W: FnMut(Object<'_>)>(
        &self,
        ids: &[Oid],
        pool: &ThreadPool,
        kinds: impl Fn(Kind) -> bool + Sync,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Vec<Unread> {
        let unread = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        if ids.is_empty() {
            return Vec::new();
        }
        pool.broadcast(|_| {
            let mut worker = worker();
            let repository = Repository::open(&self.repository);
            let opened = repository.as_ref().map_err(git2::Error::message).and_then(|repository| {
                repository.odb().map_err(|_| "the object database cannot be opened")
            });
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !stop()) {
                let read = opened.as_ref().map_err(ToString::to_string).and_then(|objects| {
                    objects.read(*id).map_err(|error| error.message().to_owned())
                });
                match read {
                    Ok(object) => {
                        let kind = kind_of(object.kind()).filter(|kind| kinds(*kind));
                        if let (Some(kind), Ok(id)) = (kind, id.as_bytes().try_into()) {
                            worker(Object { id, kind, data: object.data() });
                        }
                    }
                    Err(message) => {
                        let unread_one = Unread { id: id.to_string(), message };
                        unread.lock().expect("collecting does not panic").push(unread_one);
                    }
                }
            }
        });
        let mut unread = unread.into_inner().expect("collecting does not panic");
        unread.sort_by(|one, other| one.id.cmp(&other.id));
        unread
    }
}

impl Mapped {
    #[expect(
        unsafe_code,
        reason = "packs and their indexes are written once and replaced whole, never changed"
    )]
    fn open(path: &Path) -> Result<Self, PackError> {
        // SAFETY: git never changes or truncates a pack or an index in place; see the reason above.
        let map = |path: &Path| -> Result<Mmap, PackError> {
            Ok(unsafe { Mmap::map(&File::open(path)?) }?)
        };
        Ok(Self {
            path: path.to_owned(),
            pack: map(path)?,
            index: map(&path.with_extension("idx"))?,
        })
    }
}

/// Whether a file name is that many hexadecimal digits, as git writes them.
fn is_hex(name: &str, digits: usize) -> bool {
    name.len() == digits && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn kind_of(kind: ObjectType) -> Option<Kind> {
    match kind {
        ObjectType::Commit => Some(Kind::Commit),
        ObjectType::Tree => Some(Kind::Tree),
        ObjectType::Blob => Some(Kind::Blob),
        ObjectType::Tag => Some(Kind::Tag),
        ObjectType::Any => None,
    }
}
