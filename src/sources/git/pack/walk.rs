//! Every object of a pack, rebuilt once, in the order in which the pack lies.

use std::cmp::Reverse;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;

use super::family::{Entry, Pack};
use super::{Id, Kind, MAX_OBJECT, Object, PackError, STREAMED, delta};
use crate::model::blob::Content;
use crate::model::traces::Copied;
use crate::sources::git::buffer::Buffer;
use crate::sources::git::inflate::{self, Inflater, Inflating};

/// All objects that one thread holds at once, in bytes: a hostile family could have any number of large ones. Buffers
/// that they lie in are at most four times as large, or [`KEPT`].
const MAX_HELD: u64 = 512 << 20;

/// Families taken by a thread at once, at most: neighbours share the pages of the map.
const CHUNK: usize = 16;

/// A family with more than this part of all work is started early, so that it is not what all wait for at the end.
const HEAVY: u64 = 256;

/// How many times the work of other objects archives are, with the same size.
const ARCHIVED: u64 = 16;

/// Buffers above this many bytes are given back after each family.
const KEPT: usize = 16 << 20;

/// An object that could not be rebuilt, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) id: Id,
    pub(crate) error: PackError,
}

impl Pack<'_> {
    /// Rebuilds every object of a wanted kind and hands it to a worker, one worker for each thread of `pool`. Objects
    /// for which `skip` says so are left out. `stop` ends the walk early. Returns what could not be rebuilt.
    pub(crate) fn walk<N, W: FnMut(Object<'_, N>)>(
        &self,
        pool: &ThreadPool,
        wanted: impl Fn(Kind) -> bool + Sync,
        skip: impl Fn(&Id) -> bool + Sync,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Vec<Failed> {
        let threads = pool.current_num_threads();
        let roots = self.roots(wanted, threads);
        let wanted: usize = roots.all().map(|root| self.family(root) as usize).sum();
        let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let failed: Mutex<Vec<Failed>> = Mutex::new(Vec::new());
        pool.broadcast(|_| {
            let mut thread = Thread::new(self, &skip);
            let mut worker = worker();
            while !stop() {
                let Some(roots) = roots.take(&next, threads) else { break };
                for root in roots {
                    thread.family(*root, &mut worker);
                }
            }
            passed.fetch_add(thread.passed + thread.failed.len(), Ordering::Relaxed);
            failed.lock().expect("collecting does not panic").append(&mut thread.failed);
        });
        debug_assert!(
            stop() || passed.into_inner() == wanted,
            "every wanted object is accounted for"
        );
        let mut failed = failed.into_inner().expect("collecting does not panic");
        for (number, error) in self.unusable() {
            self.fail(*number, error, &mut failed);
        }
        let circle = PackError::Corrupt("it is, over others, a delta on itself");
        let circles = self.circles().iter().map(|number| self.entry(*number).id);
        failed.extend(circles.map(|id| Failed { id, error: circle.clone() }));
        failed
    }

    /// The whole objects of wanted kinds, which families hang below.
    fn roots(&self, wanted: impl Fn(Kind) -> bool, threads: usize) -> Roots {
        let mut light: Vec<u32> = (0..self.len() as u32)
            .filter(|number| self.entry(*number).whole.is_some_and(&wanted))
            .collect();
        if threads == 1 {
            return Roots { heavy: Vec::new(), light };
        }
        // Objects of one family are about as large as its root. What deflating made hardly smaller may well be an archive,
        // of which all members are looked at.
        let work = |root: u32| {
            let size = self.entry(root).size;
            let packed = self.body(root).map_or(0, <[u8]>::len) as u64;
            let unpacked = if packed > size / 8 * 7 { ARCHIVED } else { 1 };
            u64::from(self.family(root)).saturating_mul(1 + size).saturating_mul(unpacked)
        };
        let works: Vec<u64> = light.iter().map(|root| work(*root)).collect();
        let all = works.iter().copied().fold(0, u64::saturating_add);
        let is_heavy = |work: u64| work > all / HEAVY;
        let with_work = light.iter().zip(&works).filter(|(_, work)| is_heavy(**work));
        let mut heavy: Vec<(Reverse<u64>, u32)> =
            with_work.map(|(root, work)| (Reverse(*work), *root)).collect();
        heavy.sort_unstable();
        let mut works = works.iter();
        light.retain(|_| works.next().is_none_or(|work| !is_heavy(*work)));
        Roots { heavy: heavy.into_iter().map(|(_, root)| root).collect(), light }
    }

    /// Counts an entry, and all that hang below it, as failed.
    fn fail(&self, number: u32, error: &PackError, failed: &mut Vec<Failed>) {
        let mut pending = vec![number];
        while let Some(number) = pending.pop() {
            failed.push(Failed { id: self.entry(number).id, error: error.clone() });
            pending.extend(self.children(number));
        }
    }
}

/// Where families start.
struct Roots {
    /// Those with much work below them, most first.
    heavy: Vec<u32>,
    /// All others as they lie.
    light: Vec<u32>,
}

impl Roots {
    fn all(&self) -> impl Iterator<Item = u32> {
        self.heavy.iter().chain(&self.light).copied()
    }

    /// The next ones for a thread, of so many; `next` is how many were taken. Towards the end these are fewer and fewer,
    /// so that no thread is left with many when the others have none.
    fn take(&self, next: &AtomicUsize, threads: usize) -> Option<&[u32]> {
        let heavy = self.heavy.len();
        let count = |next: usize| match next.checked_sub(heavy) {
            None => 1,
            Some(next) => (self.light.len().saturating_sub(next) / (4 * threads)).clamp(1, CHUNK),
        };
        let step = |next: usize| (next < heavy + self.light.len()).then(|| next + count(next));
        let from = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).ok()?;
        match from.checked_sub(heavy) {
            None => Some(&self.heavy[from..=from]),
            Some(start) => Some(&self.light[start..start + count(from)]),
        }
    }
}

/// What one thread needs.
struct Thread<'p, 'a, S, N> {
    pack: &'p Pack<'a>,
    skip: S,
    inflater: Inflater,
    delta: Buffer,
    copies: Vec<Copied>,
    /// Objects on which there are still deltas to rebuild, each a delta on the one before or further up.
    held: Vec<Held<'p, N>>,
    held_bytes: u64,
    /// Buffers for the next objects.
    spare: Vec<Buffer>,
    /// How many objects were handed over or skipped.
    passed: usize,
    failed: Vec<Failed>,
}

/// An object and the deltas on it that come next.
struct Held<'p, N> {
    object: Buffer,
    note: Option<N>,
    pending: &'p [u32],
}

impl<'p, 'a, S: Fn(&Id) -> bool, N> Thread<'p, 'a, S, N> {
    fn new(pack: &'p Pack<'a>, skip: S) -> Self {
        Self {
            pack,
            skip,
            inflater: Inflater::default(),
            delta: Buffer::default(),
            copies: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            spare: Vec::new(),
            passed: 0,
            failed: Vec::new(),
        }
    }

    /// Rebuilds the family below `root`, depth first.
    fn family(&mut self, root: u32, worker: &mut impl FnMut(Object<'_, N>)) {
        let kind = self.pack.entry(root).whole.expect("families hang below whole objects");
        if self.is_streamed(root, kind) {
            return self.stream(root, worker);
        }
        self.one(root, kind, worker);
        while let Some(held) = self.held.last_mut() {
            let (&child, pending) =
                held.pending.split_first().expect("an object without more deltas is not held");
            held.pending = pending;
            self.one(child, kind, worker);
        }
        debug_assert_eq!(self.held_bytes, 0);
        self.spare.retain(|buffer| buffer.size() <= KEPT);
        if self.delta.size() > KEPT {
            self.delta = Buffer::default();
        }
    }

    /// Rebuilds an entry, from the object that is held last, hands it over, and holds it if there are deltas on it.
    fn one(&mut self, number: u32, kind: Kind, worker: &mut impl FnMut(Object<'_, N>)) {
        let children = self.pack.children(number);
        let &Entry { id, is_repeated, .. } = self.pack.entry(number);
        let skipped = is_repeated || (self.skip)(&id);
        let mut object = self.spare.pop().unwrap_or_default();
        let rebuilt =
            if skipped && children.is_empty() { Ok(()) } else { self.rebuild(number, &mut object) };
        let mut note = None;
        let done = self.held.pop_if(|held| held.pending.is_empty());
        if let Some(Held { object, .. }) = &done {
            self.held_bytes -= object.len() as u64;
        }
        if let Err(error) = &rebuilt {
            self.pack.fail(number, error, &mut self.failed);
        } else {
            self.passed += 1;
            if !skipped {
                let size = object.len() as u64;
                let base = done.as_ref().or(self.held.last());
                let base = base.and_then(|held| Some((held.note.as_ref()?, &self.copies[..])));
                let data = Content::Bytes(&object);
                let is_base = !children.is_empty();
                let note = is_base.then_some(&mut note);
                worker(Object { id, kind, size, data, base, note });
            }
        }
        self.spare.extend(done.map(|held| held.object));
        if rebuilt.is_ok() && !children.is_empty() {
            self.held_bytes += object.len() as u64;
            if object.size() > KEPT {
                object.fit();
            }
            self.held.push(Held { object, note, pending: children });
        } else {
            self.spare.push(object);
        }
    }

    /// Puts the object of an entry into a buffer.
    fn rebuild(&mut self, number: u32, object: &mut Buffer) -> Result<(), PackError> {
        let (body, len) = self.pack.body_and_more(number)?;
        let size = self.pack.entry(number).size;
        let Some(base) = self.held.last() else {
            return self.inflater.ending(body, len, size, MAX_OBJECT, object);
        };
        self.inflater.ending(body, len, size, MAX_OBJECT, &mut self.delta)?;
        let (_, size, _) = delta::sizes(&self.delta)?;
        if size <= MAX_OBJECT && size > MAX_HELD.saturating_sub(self.held_bytes) {
            return Err(PackError::TooLargeTogether(size));
        }
        delta::apply(&base.object, &self.delta, object, &mut self.copies, MAX_OBJECT)
    }

    /// Whether an object need not or cannot be in memory.
    fn is_streamed(&self, root: u32, kind: Kind) -> bool {
        let alone = self.pack.children(root).is_empty();
        kind == Kind::Blob && self.pack.entry(root).size > if alone { STREAMED } else { MAX_OBJECT }
    }

    /// Hands an object over as a stream; deltas on it cannot be rebuilt.
    fn stream(&mut self, root: u32, worker: &mut impl FnMut(Object<'_, N>)) {
        let &Entry { id, size, is_repeated, .. } = self.pack.entry(root);
        let streamed = if is_repeated || (self.skip)(&id) {
            Ok(())
        } else {
            self.pack.body(root).and_then(|body| stream(id, body, size, worker))
        };
        match streamed {
            Ok(()) => self.passed += 1,
            Err(error) => self.failed.push(Failed { id, error }),
        }
        for child in self.pack.children(root) {
            self.pack.fail(*child, &PackError::TooLarge(size), &mut self.failed);
        }
    }
}

/// Hands a blob over as a stream.
pub(super) fn stream<N>(
    id: Id,
    body: &[u8],
    size: u64,
    worker: &mut impl FnMut(Object<'_, N>),
) -> Result<(), PackError> {
    if !inflate::is_possible(body.len() as u64, size) {
        return Err(PackError::Corrupt("it says it inflates to more than it can"));
    }
    let mut stream = Inflating::new(body).exactly(size);
    let data = Content::Stream(&mut stream);
    worker(Object { id, kind: Kind::Blob, size, data, base: None, note: None });
    stream.into_failed().map_or(Ok(()), |failed| Err(PackError::Stream(failed)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_family_is_taken_once(heavy in 0_u32..5, light in 0_u32..400, threads in 1_usize..5) {
            let roots =
                Roots { heavy: (0..heavy).collect(), light: (heavy..heavy + light).collect() };
            let next = AtomicUsize::new(0);
            let mut taken = Vec::new();
            while let Some(some) = roots.take(&next, threads) {
                prop_assert!((1..=CHUNK).contains(&some.len()));
                taken.extend_from_slice(some);
            }
            prop_assert_eq!(taken, (0..heavy + light).collect::<Vec<_>>());
            prop_assert!(roots.take(&next, threads).is_none());
        }
    }
}
