//! Archives within archives in which there was nothing: the same bytes are not unpacked again, wherever they lie.
//!
//! Libraries lie in every version of what is built with them, and old releases in later ones. Whether there is
//! something in an archive does not depend on where it lies, unless the detector says that a path could make more of
//! it. How deep it lies matters only if it was not unpacked before in the same file: the order in which threads come to
//! files is not for a report to show. So one that would reach too deep is passed over still if what makes it so deep was
//! met before in its file: old releases each hold the ones before.

use std::collections::HashMap;
use std::io::{self, Read};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::digests::Digest;
use super::members::{Place, Unpacking, depth_of};
use super::worker::Thread;
use crate::detect::is_telling;
use crate::sources::Visitor;
use crate::unpack::{Broken, Budget, Format, Hit, Limits, Source};

/// Larger archives are not held to look at them as a whole, in bytes.
const LARGEST: usize = 4 << 20;

/// Archives that are remembered of all files together: 20 MB if each holds as many others as may be.
const MOST: usize = 1 << 14;

/// Archives that are remembered of one file.
const MOST_OF_ONE: usize = 1 << 12;

/// An archive is not remembered if there are more archives in it: these are.
const MOST_WITHIN: usize = 64;

/// An archive without anything in it.
struct Archive {
    digest: Digest,
    cost: Cost,
    /// The archives in it, at all depths, each once, in the order in which they came.
    within: Vec<Within>,
}

impl Archive {
    /// How deep it reaches from `depth` on.
    fn deepest(&self, depth: u32) -> u32 {
        depth + self.cost.containers - 1
    }
}

/// An archive that lies in another one.
struct Within {
    archive: Arc<Archive>,
    /// Containers up to it, those around the other one not counted; `None` while it is only met in further ones that are
    /// remembered. If it lies in several places, this is the deepest.
    depth: Option<u32>,
}

/// What it takes to unpack an archive.
#[derive(Clone, Copy)]
struct Cost {
    /// Containers within each other, itself counted.
    containers: u32,
    /// The same without archives in it that are remembered themselves.
    own_containers: u32,
    /// Members at all depths.
    members: u64,
    /// Their bytes.
    unpacked: u64,
    /// Bytes that were charged to the budget.
    expanded: u64,
    /// Bytes of memory that were taken from it at once.
    held: u64,
}

/// Archives of files that were scanned before.
#[derive(Default)]
pub(super) struct Clean(Mutex<HashMap<Digest, Arc<Archive>>>);

impl Clean {
    fn get(&self, digest: &Digest) -> Option<Arc<Archive>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn add(&self, archive: Arc<Archive>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert(archive.digest, archive);
        }
    }
}

/// Archives of the file that is scanned.
#[derive(Default)]
pub(super) struct CleanHere {
    known: HashMap<Digest, Arc<Archive>>,
    /// Those in the archive that is unpacked, and one more if there are too many. All containers around them are counted.
    within: Vec<Within>,
}

impl CleanHere {
    /// Takes an archive that lies at `depth` in the one that is unpacked, and those in it.
    fn add(&mut self, archive: &Arc<Archive>, depth: u32) {
        let within = archive.within.iter().map(|within| (&within.archive, None));
        for (archive, depth) in within.chain([(archive, Some(depth))]) {
            if self.known.len() < MOST_OF_ONE {
                self.known.entry(archive.digest).or_insert_with(|| Arc::clone(archive));
            }
            self.lies_within(archive, depth);
        }
    }

    fn lies_within(&mut self, archive: &Arc<Archive>, depth: Option<u32>) {
        let is_same = |known: &&mut Within| known.archive.digest == archive.digest;
        if let Some(known) = self.within.iter_mut().find(is_same) {
            known.depth = known.depth.max(depth);
        } else if self.within.len() <= MOST_WITHIN {
            self.within.push(Within { archive: Arc::clone(archive), depth });
        }
    }

    /// Whether an archive at `depth` would be unpacked whole if no container may lie deeper than `limit`. What was met
    /// before in the file is passed over, however deep that reaches by itself.
    fn is_within(&self, limit: u32, archive: &Archive, depth: u32) -> bool {
        let is_passed_over_or_within = |within: &Within| {
            let Some(depth) = within.depth.map(|further| depth + further) else { return true };
            within.archive.deepest(depth) <= limit
                || (depth <= limit && self.known.contains_key(&within.archive.digest))
        };
        depth + archive.cost.own_containers - 1 <= limit
            && archive.within.iter().all(is_passed_over_or_within)
    }
}

/// What counts as held of an archive that is in memory: nothing of one that is a file of its own, or of a format that
/// is read from its beginning to its end and need not be in memory.
fn to_hold(format: Format, place: &Place, bytes: &[u8]) -> u64 {
    let is_held = place.is_within() && format.is_read_at_random();
    if is_held { bytes.len() as u64 } else { 0 }
}

impl<'s> Thread<'s> {
    /// Scans what the archive at `place`, which may lie in another one, holds, unless it is known to hold nothing.
    pub(super) fn unpack_stream(
        &mut self,
        format: Format,
        place: &Place,
        stream: &mut dyn Read,
        all: &mut Unpacking<'_>,
    ) {
        let budget = all.budget;
        let Some(clean) = self.clean_before(place, budget) else {
            return self.unpack(format, place, Source::Stream(stream), all);
        };
        let mut bytes = Vec::new();
        if let Err(error) = stream.take(LARGEST as u64 + 1).read_to_end(&mut bytes) {
            let broken = Again { hit: budget.withdraw_hit(), budget, broken: Broken::by(error) };
            return self.unpack(format, place, Source::Stream(&mut bytes.chain(broken)), all);
        }
        if bytes.len() > LARGEST {
            return self.unpack(format, place, Source::Stream(&mut bytes.chain(stream)), all);
        }
        self.unpack_unless_clean(format, place, &bytes, clean, all);
    }

    /// The same for an archive that is in memory.
    pub(super) fn unpack_bytes(
        &mut self,
        format: Format,
        place: &Place,
        bytes: &[u8],
        all: &mut Unpacking<'_>,
    ) {
        let budget = all.budget;
        match self.clean_before(place, budget) {
            Some(clean) if bytes.len() <= LARGEST => {
                self.unpack_unless_clean(format, place, bytes, clean, all);
            }
            _ => match budget.hold(to_hold(format, place, bytes)) {
                Some(_held) => self.unpack(format, place, Source::Bytes(bytes), all),
                None => self.unpack(format, place, Source::Stream(&mut { bytes }), all),
            },
        }
    }

    /// The archives among which to look for the one at `place`, if it may be passed over.
    fn clean_before(&self, place: &Place, budget: &Budget) -> Option<&'s Clean> {
        // Layers are looked at for what they hide, and where the name of a file makes more of what is in it, so may that
        // of an archive. What comes close to a limit has to reach it where it would.
        let is_asked = place.is_inner()
            && !place.may_be_layer()
            && !is_telling(place.origin.own_path())
            && budget.expanded() + LARGEST as u64 <= budget.limits().total_size;
        self.scan.clean.filter(|_| is_asked)
    }

    fn unpack_unless_clean(
        &mut self,
        format: Format,
        place: &Place,
        bytes: &[u8],
        clean: &Clean,
        all: &mut Unpacking<'_>,
    ) {
        let depth = depth_of(place, format);
        let digest = self.digests.of(bytes);
        if self.passes_over(&digest, clean, depth, all) {
            return;
        }
        let budget = all.budget;
        let held_before = budget.held();
        let Some(_held) = budget.hold(to_hold(format, place, bytes)) else {
            return self.unpack(format, place, Source::Stream(&mut { bytes }), all);
        };
        let around = mem::take(&mut all.clean.within);
        let cost = self.unpack_measured(format, place, bytes, held_before, all);
        let mut within = mem::replace(&mut all.clean.within, around);
        if let Some(cost) = cost.filter(|_| within.len() <= MOST_WITHIN) {
            for within in &mut within {
                within.depth = within.depth.map(|inner| inner - depth);
            }
            let archive = Arc::new(Archive { digest, cost, within });
            all.clean.add(&archive, depth);
            clean.add(archive);
        } else {
            for Within { archive, depth } in &within {
                all.clean.lies_within(archive, *depth);
            }
        }
    }

    /// Counts an archive as unpacked that is known to hold nothing; `false` for all others, and if what may be unpacked
    /// does not reach that far.
    fn passes_over(
        &mut self,
        digest: &Digest,
        clean: &Clean,
        depth: u32,
        all: &mut Unpacking<'_>,
    ) -> bool {
        let Limits { depth: limit, total_size, .. } = *all.budget.limits();
        let room = all.budget.memory_left();
        let is_near = |archive: &Arc<Archive>| {
            // Close to the limit of the total, nothing in it would be passed over.
            let most = all.budget.expanded() + archive.cost.expanded + LARGEST as u64;
            let is_within = archive.deepest(depth) <= limit
                || (most <= total_size && all.clean.is_within(limit, archive, depth));
            is_within && archive.cost.held <= room
        };
        let here = all.clean.known.get(digest).map(Arc::clone);
        let Some(archive) = here.or_else(|| clean.get(digest).filter(is_near)) else {
            return false;
        };
        let Cost { members, unpacked, expanded, held, .. } = archive.cost;
        let is_granted = all.budget.spend(expanded);
        if is_granted {
            all.budget.pass_over_held(held);
            all.clean.add(&archive, depth);
            self.members += members;
            self.unpacked += unpacked;
        }
        is_granted
    }

    /// Unpacks an archive. If that went to its end without anything to tell: what it took. `held` is what was held
    /// before.
    fn unpack_measured(
        &mut self,
        format: Format,
        place: &Place,
        bytes: &[u8],
        held: u64,
        all: &mut Unpacking<'_>,
    ) -> Option<Cost> {
        let depth = depth_of(place, format);
        let around = mem::replace(&mut all.deepest, depth);
        let (told, expanded) = (all.told, all.budget.expanded());
        let (members, unpacked) = (self.members, self.unpacked);
        let most_held = all.budget.measure_held();
        self.unpack(format, place, Source::Bytes(bytes), all);
        let held = all.budget.most_held(most_held) - held;
        let own_containers = mem::replace(&mut all.deepest, around) - depth + 1;
        let inner = all.clean.within.iter();
        let inner = inner.filter_map(|within| Some(within.archive.deepest(within.depth?)));
        let containers = inner.fold(own_containers, |most, deepest| most.max(deepest - depth + 1));
        // What is over a limit of the whole file ends without a word once it was said.
        let is_whole = !self.scan.is_cancelled() && !all.budget.is_spent();
        (is_whole && all.told == told).then(|| Cost {
            containers,
            own_containers,
            members: self.members - members,
            unpacked: self.unpacked - unpacked,
            expanded: all.budget.expanded() - expanded,
            held,
        })
    }
}

/// The end of a stream that has failed when it was read ahead. If it was for a limit, that is told where the end is
/// reached, and not of what stands before.
struct Again<'b> {
    hit: Option<Hit>,
    budget: &'b Budget,
    broken: Broken,
}

impl Read for Again<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(hit) = self.hit.take() {
            self.budget.put_back(hit);
        }
        self.broken.read(buffer)
    }
}
