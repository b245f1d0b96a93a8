//! Every object of a repository once: packs in the order in which they lie, then loose objects one by one.
//!
//! libgit2 says where a repository is; its object database is not used. It takes sizes on trust, gives up a pack for
//! one wrong checksum, and has to have every object in memory.

mod directories;
mod loose;
mod mapped;
mod unread;

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use git2::Repository;
use rayon::ThreadPool;

use super::pack::{Id, Index, Kind, Object, PackError, Single};
use crate::model::blob::Content;
use loose::Loose;
use mapped::Mapped;
pub(crate) use unread::Unread;

/// The object directories of a repository, with their packs mapped.
pub(crate) struct Store {
    /// Those with the most objects first, so that looking whether an object stands in an earlier pack is rarely asked.
    packs: Vec<Mapped>,
    /// In the order of ids.
    loose: Vec<Loose>,
    /// What was seen to be wrong with the store itself when it was opened.
    problems: Vec<(PathBuf, String)>,
}

impl Store {
    /// Finds and maps all packs, and lists loose objects: of the repository, of what git's environment names, and of
    /// all alternates.
    pub(crate) fn open(repository: &Repository) -> Self {
        let mut problems = Vec::new();
        let mut store = Self { packs: Vec::new(), loose: Vec::new(), problems: Vec::new() };
        for directory in directories::of(repository, &mut problems) {
            for pack in directories::packs(&directory, &mut problems) {
                store.packs.extend(Mapped::open(pack, &mut problems));
            }
            store.loose.extend(loose::list(&directory, &mut problems));
        }
        store.packs.sort_by_key(|mapped| std::cmp::Reverse(mapped.index().len()));
        store.loose.sort();
        store.problems = problems;
        store
    }

    /// What is wrong with the store itself. All indexes are read for that, unless objects were read before.
    pub(crate) fn problems(&self) -> Vec<(PathBuf, String)> {
        let damaged = self.packs.iter().filter_map(Mapped::damage);
        self.problems.iter().cloned().chain(damaged).collect()
    }

    /// How many objects there are, copies in several packs counted each.
    pub(crate) fn len(&self) -> usize {
        self.indexes().map(|index| index.len()).sum::<usize>() + self.loose.len()
    }

    /// Whether an object is there, be it readable or not.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.is_packed(id) || !self.loose(id).is_empty()
    }

    /// Hands every object of a wanted kind to a worker, each once, one worker for each thread of `pool`. `kinds` says
    /// which; `stop` ends it early. Returns what could not be read.
    pub(crate) fn each<N, W: FnMut(Object<'_, N>)>(
        &self,
        pool: &ThreadPool,
        kinds: impl Fn(Kind) -> bool + Sync,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Vec<Unread> {
        let mut failed: HashMap<Id, (&Path, PackError)> = HashMap::new();
        for (number, mapped) in self.packs.iter().enumerate() {
            let index = mapped.index();
            let is_earlier = |id: &Id| self.packs[..number].iter().any(|mapped| mapped.has(id));
            // A copy of what failed may be sound.
            let is_done = |id: &Id| is_earlier(id) && !failed.contains_key(id);
            let here = mapped.linked(pool).walk(pool, &kinds, is_done, &stop, &worker);
            let here: HashMap<Id, PackError> =
                here.into_iter().map(|failed| (failed.id, failed.error)).collect();
            failed.retain(|id, _| index.find(id).is_none() || here.contains_key(id));
            let new = here.into_iter().filter(|(id, _)| !is_earlier(id));
            failed.extend(new.map(|(id, error)| (id, (mapped.path(), error))));
        }
        let mut loose: Vec<Id> = self.loose.iter().map(|loose| loose.id).collect();
        loose.dedup();
        loose.retain(|id| failed.contains_key(id) || !self.is_packed(id));
        let unread = in_parallel(&loose, pool, stop, || {
            let mut worker = worker();
            let kinds = &kinds;
            move |id| self.read_loose(id, kinds, &mut worker)
        });
        for id in &loose {
            failed.remove(id);
        }
        let packed = failed.into_iter();
        let packed = packed.map(|(id, (path, error))| Unread::new(&id, path, error.to_string()));
        unread::capped(packed.chain(unread).collect())
    }

    /// Hands these objects to a worker, each once and in no order, one worker for each thread of `pool`. Returns what
    /// could not be read.
    pub(crate) fn read<N, W: FnMut(Object<'_, N>)>(
        &self,
        ids: &[Id],
        pool: &ThreadPool,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Vec<Unread> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        unread::capped(in_parallel(&ids, pool, stop, || {
            let mut worker = worker();
            let mut single = Single::new();
            move |id| self.read_single(id, &mut single, &mut worker)
        }))
    }

    /// Gives `take` the content of an object, if it can be read and is held in memory for that.
    pub(crate) fn find<T>(
        &self,
        id: &Id,
        single: &mut Single,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let (mut take, mut taken) = (Some(take), None);
        let mut worker = |object: Object<'_>| {
            if let (Content::Bytes(content), Some(take)) = (object.data, take.take()) {
                taken = Some(take(content));
            }
        };
        // Whoever asks can do without.
        let _ = self.read_single(id, single, &mut worker);
        taken
    }

    /// Reads an object from wherever it can be read.
    fn read_single<N>(
        &self,
        id: &Id,
        single: &mut Single,
        worker: &mut impl FnMut(Object<'_, N>),
    ) -> Result<(), Unread> {
        let mut failed = None;
        for mapped in &self.packs {
            let Some(position) = mapped.index().find(id) else { continue };
            match single.read(mapped.pack(), mapped.index(), position, worker) {
                Ok(()) => return Ok(()),
                Err(error) => failed = Some(Unread::new(id, mapped.path(), error.to_string())),
            }
        }
        match self.read_loose(id, &|_| true, worker) {
            Err(unread) if self.loose(id).is_empty() => Err(failed.unwrap_or(unread)),
            read => read,
        }
    }

    /// Reads a loose object, if it is of a wanted kind, from one of the places where it lies.
    fn read_loose<N>(
        &self,
        id: &Id,
        kinds: &impl Fn(Kind) -> bool,
        worker: &mut impl FnMut(Object<'_, N>),
    ) -> Result<(), Unread> {
        let mut read = Err(Unread::new(id, Path::new(""), "it is not there".to_owned()));
        for loose in self.loose(id) {
            read = loose
                .read(kinds, worker)
                .map_err(|message| Unread::new(id, &loose.path(), message));
            if read.is_ok() {
                break;
            }
        }
        read
    }

    /// The places of a loose object.
    fn loose(&self, id: &Id) -> &[Loose] {
        let from = self.loose.partition_point(|loose| loose.id < *id);
        let count = self.loose[from..].partition_point(|loose| loose.id == *id);
        &self.loose[from..from + count]
    }

    fn is_packed(&self, id: &Id) -> bool {
        self.packs.iter().any(|mapped| mapped.has(id))
    }

    fn indexes(&self) -> impl Iterator<Item = Index<'_>> {
        self.packs.iter().map(Mapped::index)
    }
}

/// Does something else while the threads of a pool read.
pub(crate) fn while_reading<R: Send, E>(
    read: impl FnOnce() -> R + Send,
    meanwhile: impl FnOnce() -> E,
) -> (R, E) {
    thread::scope(|scope| {
        let reading = scope.spawn(read);
        let done = meanwhile();
        (reading.join().unwrap_or_else(|panic| resume_unwind(panic)), done)
    })
}

/// Reads one by one what each thread's `read` is given, and returns what could not be read.
fn in_parallel<R: FnMut(&Id) -> Result<(), Unread>>(
    ids: &[Id],
    pool: &ThreadPool,
    stop: impl Fn() -> bool + Sync,
    reader: impl Fn() -> R + Sync,
) -> Vec<Unread> {
    if ids.is_empty() {
        return Vec::new();
    }
    let next = AtomicUsize::new(0);
    let unread = Mutex::new(Vec::new());
    pool.broadcast(|_| {
        let mut read = reader();
        while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !stop()) {
            if let Err(one) = read(id) {
                unread.lock().expect("collecting does not panic").push(one);
            }
        }
    });
    unread.into_inner().expect("collecting does not panic")
}
