//! Every object of a pack, rebuilt once, in the order in which the pack lies.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use libdeflater::Decompressor;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::entry::{self, Form};
use super::{Id, Index, Kind, PackError, delta};

/// The largest object that is rebuilt in memory, in bytes. A thread holds one object for each step of a delta chain.
const MAX_OBJECT: u64 = 256 << 20;

/// All objects that one thread holds at once, in bytes: a hostile chain could have any number of large ones.
const MAX_CHAIN: u64 = 512 << 20;

/// Deflate packs at most 1032 bytes into one: an entry that claims more is corrupt, and nothing is allocated for it.
const MAX_RATIO: u64 = 1032;

/// Chains taken by a thread at once: neighbours share the pages of the map.
const CHUNK: usize = 16;

/// Buffers above this many bytes are given back after each chain.
const KEPT: usize = 16 << 20;

const NONE: u32 = u32::MAX;

/// An object, as long as it is at hand.
pub(crate) struct Object<'a> {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    pub(crate) data: &'a [u8],
}

/// An object that could not be rebuilt here, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) id: Id,
    pub(crate) error: PackError,
}

/// A pack with its entries' headers read and its delta chains linked.
pub(crate) struct Pack<'a> {
    data: &'a [u8],
    index: Index<'a>,
    /// In the order of offsets.
    nodes: Vec<Node>,
    /// Entries whose header or base cannot be used.
    unusable: Vec<(u32, PackError)>,
}

/// An entry. Numbers of other entries are positions in the order of offsets.
#[derive(Clone, Copy)]
struct Node {
    offset: u64,
    size: u64,
    position: u32,
    first_child: u32,
    next_sibling: u32,
    header: u8,
    whole: Option<Kind>,
}

impl<'a> Pack<'a> {
    /// Reads all headers of the pack in `data`, whose index is `index`.
    pub(crate) fn new(data: &'a [u8], index: Index<'a>) -> Result<Self, PackError> {
        if data.len() < 32 || data[..4] != *b"PACK" {
            return Err(PackError::Unsupported("not a pack"));
        }
        if !matches!(data[4..8], [0, 0, 0, 2 | 3]) {
            return Err(PackError::Unsupported("a pack of a version that is not known"));
        }
        let mut starts: Vec<(u64, u32)> = (0..index.len())
            .map(|position| Ok((index.offset(position)?, position as u32)))
            .collect::<Result<_, PackError>>()?;
        starts.par_sort_unstable();
        let headers: Vec<Result<entry::Header, PackError>> = starts
            .par_iter()
            .map(|(offset, _)| {
                let at = usize::try_from(*offset).unwrap_or(usize::MAX);
                let rest = data.get(at..data.len() - 20).filter(|_| at >= 12);
                entry::parse(rest.ok_or(PackError::Corrupt("an entry lies outside of its pack"))?)
            })
            .collect();
        let mut pack =
            Self { data, index, nodes: Vec::with_capacity(starts.len()), unusable: Vec::new() };
        pack.nodes.extend(starts.iter().map(|(offset, position)| Node {
            offset: *offset,
            size: 0,
            position: *position,
            first_child: NONE,
            next_sibling: NONE,
            header: 0,
            whole: None,
        }));
        for (number, header) in headers.into_iter().enumerate() {
            if let Err(error) = header.and_then(|header| pack.link(number, header)) {
                pack.unusable.push((number as u32, error));
            }
        }
        Ok(pack)
    }

    /// Hangs an entry below the one that it is a delta on.
    fn link(&mut self, number: usize, header: entry::Header) -> Result<(), PackError> {
        self.nodes[number].size = header.size;
        self.nodes[number].header = header.len as u8;
        let base = match header.form {
            Form::Whole(kind) => {
                self.nodes[number].whole = Some(kind);
                return Ok(());
            }
            Form::OffsetDelta(distance) => self.nodes[number].offset.checked_sub(distance),
            Form::IdDelta(id) => match self.index.find(&id) {
                Some(position) => Some(self.index.offset(position)?),
                None => return Err(PackError::Unsupported("its base is not in the pack")),
            },
        };
        let base = base
            .and_then(|offset| self.nodes.binary_search_by_key(&offset, |node| node.offset).ok());
        let base = base.ok_or(PackError::Corrupt("a delta's base is no entry of the pack"))?;
        self.nodes[number].next_sibling = self.nodes[base].first_child;
        self.nodes[base].first_child = number as u32;
        Ok(())
    }

    /// Rebuilds every object whose chain is of a wanted kind and hands it to a worker, one worker for each thread of
    /// `pool`. Returns what could not be rebuilt. `stop` ends the walk early.
    pub(crate) fn walk<W: FnMut(Object<'_>)>(
        &self,
        pool: &ThreadPool,
        wanted: impl Fn(Kind) -> bool + Sync,
        stop: impl Fn() -> bool + Sync,
        worker: impl Fn() -> W + Sync,
    ) -> Vec<Failed> {
        let roots: Vec<u32> = (0..self.nodes.len() as u32)
            .filter(|number| self.nodes[*number as usize].whole.is_some_and(&wanted))
            .collect();
        let failed: Mutex<Vec<Failed>> = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        pool.broadcast(|_| {
            let mut thread = Thread {
                pack: self,
                inflater: Decompressor::new(),
                buffers: Vec::new(),
                delta: Vec::new(),
                failed: Vec::new(),
            };
            let mut worker = worker();
            loop {
                let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                if from >= roots.len() || stop() {
                    break;
                }
                for root in &roots[from..roots.len().min(from + CHUNK)] {
                    thread.chain(*root, &mut worker);
                }
            }
            failed.lock().expect("collecting does not panic").append(&mut thread.failed);
        });
        let mut failed = failed.into_inner().expect("collecting does not panic");
        for (number, error) in &self.unusable {
            self.fail(*number, || repeat(error), &mut failed);
        }
        failed
    }

    fn id(&self, number: u32) -> Id {
        self.index.id(self.nodes[number as usize].position as usize)
    }

    /// The bytes of an entry behind its header, up to the next entry.
    fn body(&self, number: u32) -> Result<&'a [u8], PackError> {
        let node = &self.nodes[number as usize];
        let start = node.offset as usize + usize::from(node.header);
        let end = self
            .nodes
            .get(number as usize + 1)
            .map_or(self.data.len() - 20, |next| next.offset as usize);
        self.data
            .get(start..end.min(self.data.len() - 20))
            .ok_or(PackError::Corrupt("an entry is cut off"))
    }

    fn children(&self, number: u32) -> impl Iterator<Item = u32> {
        let first = self.nodes[number as usize].first_child;
        std::iter::successors(Some(first), |number| Some(self.nodes[*number as usize].next_sibling))
            .take_while(|number| *number != NONE)
    }

    /// Counts an entry, and all that hang below it, as failed.
    fn fail(&self, number: u32, error: impl Fn() -> PackError, failed: &mut Vec<Failed>) {
        let mut pending = vec![number];
        while let Some(number) = pending.pop() {
            failed.push(Failed { id: self.id(number), error: error() });
            pending.extend(self.children(number));
        }
    }
}

fn repeat(error: &PackError) -> PackError {
    match error {
        PackError::Unsupported(what) => PackError::Unsupported(what),
        PackError::Corrupt(what) => PackError::Corrupt(what),
        PackError::TooLarge(size) => PackError::TooLarge(*size),
        PackError::Io(_) => PackError::Corrupt("it cannot be read"),
    }
}

/// One thread's buffers: one object for each depth of the chain that it is on.
struct Thread<'p, 'a> {
    pack: &'p Pack<'a>,
    inflater: Decompressor,
    buffers: Vec<Vec<u8>>,
    delta: Vec<u8>,
    failed: Vec<Failed>,
}

impl Thread<'_, '_> {
    /// Rebuilds the chain below `root`, depth first.
    fn chain(&mut self, root: u32, worker: &mut impl FnMut(Object<'_>)) {
        let kind = self.pack.nodes[root as usize].whole.expect("chains start at whole objects");
        let mut path: Vec<u32> = vec![root];
        let mut coming = true;
        while let Some(&number) = path.last() {
            let node = self.pack.nodes[number as usize];
            if coming {
                match self.rebuild(number, path.len() - 1) {
                    Ok(()) => {
                        let data = &self.buffers[path.len() - 1];
                        worker(Object { id: self.pack.id(number), kind, data });
                        if node.first_child != NONE {
                            path.push(node.first_child);
                            continue;
                        }
                    }
                    Err(error) => self.pack.fail(number, || repeat(&error), &mut self.failed),
                }
            }
            path.pop();
            coming = node.next_sibling != NONE && !path.is_empty();
            if coming {
                path.push(node.next_sibling);
            }
        }
        for buffer in &mut self.buffers {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }

    /// Puts the object of an entry into the buffer of its depth; its base lies in the one before.
    fn rebuild(&mut self, number: u32, depth: usize) -> Result<(), PackError> {
        if self.buffers.len() <= depth {
            self.buffers.push(Vec::new());
        }
        let body = self.pack.body(number)?;
        let size = self.pack.nodes[number as usize].size;
        if depth == 0 {
            return inflate(&mut self.inflater, body, size, &mut self.buffers[0]);
        }
        inflate(&mut self.inflater, body, size, &mut self.delta)?;
        let (bases, results) = self.buffers.split_at_mut(depth);
        let held: u64 = bases.iter().map(|base| base.len() as u64).sum();
        let limit = MAX_OBJECT.min(MAX_CHAIN.saturating_sub(held));
        delta::apply(&bases[depth - 1], &self.delta, &mut results[0], limit)
    }
}

fn inflate(
    inflater: &mut Decompressor,
    body: &[u8],
    size: u64,
    into: &mut Vec<u8>,
) -> Result<(), PackError> {
    if size > MAX_OBJECT {
        return Err(PackError::TooLarge(size));
    }
    if size > (body.len() as u64 + 1) * MAX_RATIO {
        return Err(PackError::Corrupt("an entry says it inflates to more than it can"));
    }
    into.resize(size as usize, 0);
    match inflater.zlib_decompress(body, into) {
        Ok(length) if length as u64 == size => Ok(()),
        Ok(_) => Err(PackError::Corrupt("an entry inflates to less than it says")),
        Err(_) => Err(PackError::Corrupt("an entry cannot be inflated")),
    }
}
