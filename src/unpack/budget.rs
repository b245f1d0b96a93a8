//! What unpacking one file may cost, and the reader that keeps decoders to it.
//!
//! All that a file holds, however deep, is charged to one budget. A limit that is hit ends the reading with an error;
//! whoever was reading says which input it was.

use std::cell::{Cell, OnceCell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Sink;
use crate::model::coverage::ProblemKind;

/// Bytes of members that are unpacked into memory at once, those within each other taken together. Larger ones are read
/// as streams.
const AT_ONCE: u64 = 16 << 20;

/// Bounds on unpacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Containers within each other, the outermost included. A compressed archive counts once.
    pub depth: u32,
    /// Members of one container.
    pub members: u64,
    /// Bytes that one member may expand to.
    pub member_size: u64,
    /// Bytes that all members of a file may expand to, at all depths together.
    pub total_size: u64,
    /// How many times its compressed size a stream may expand to, once it has expanded to `ratio_free` bytes.
    pub ratio: u64,
    /// Bytes that a stream may expand to at whatever ratio: zeros and the like compress to nothing, and do no harm yet.
    pub ratio_free: u64,
    /// Bytes held at once: archives within streams that can only be read at random, and dictionaries of decoders.
    pub memory: u64,
    /// Time for all within one file, from when the first archive in it is begun.
    pub time: Duration,
}

/// What was spent of the limits for one file.
pub struct Budget {
    limits: Limits,
    /// Time that was spent before.
    used: Duration,
    /// When the first archive was begun.
    started: OnceCell<Instant>,
    expanded: Cell<u64>,
    held: Cell<u64>,
    most_held: Cell<u64>,
    /// Bytes of members that are in memory.
    at_once: Cell<u64>,
    hit: RefCell<Option<Hit>>,
    /// Whether somebody was told that time or the total is used up.
    told: Cell<bool>,
}

/// A limit that was hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What it was, in words.
    pub message: String,
    /// Whether nothing more of the whole file is unpacked.
    pub is_final: bool,
    /// Whether the same was told before: that of the whole file is told once.
    pub is_told: bool,
}

impl Budget {
    /// A budget from which nothing is spent.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: Duration::ZERO,
            started: OnceCell::new(),
            expanded: Cell::new(0),
            held: Cell::new(0),
            most_held: Cell::new(0),
            at_once: Cell::new(0),
            hit: RefCell::new(None),
            told: Cell::new(false),
        }
    }

    /// A budget of which `used` of the time is spent.
    pub fn after(limits: Limits, used: Duration) -> Self {
        Self { used, ..Self::new(limits) }
    }

    /// Time is spent from now on, if it was not before.
    pub fn start(&self) -> Instant {
        *self.started.get_or_init(Instant::now)
    }

    /// The time that is spent.
    pub fn elapsed(&self) -> Duration {
        self.used.saturating_add(self.start().elapsed())
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limit that ended the last reading, if one did. Asking takes it: it is told once, by whoever asks first.
    ///
    /// Errors pass through decoders that wrap and reword them, so the hit is kept here rather than in the error.
    pub fn take_hit(&self) -> Option<Hit> {
        let hit = self.hit.borrow_mut().take()?;
        Some(Hit { is_told: hit.is_final && self.told.replace(true), ..hit })
    }

    /// Takes the limit that was hit without having it told: whoever takes it puts it back.
    pub fn withdraw_hit(&self) -> Option<Hit> {
        self.hit.borrow_mut().take()
    }

    /// Has the limit told by whoever asks next.
    pub fn put_back(&self, hit: Hit) {
        self.hit.borrow_mut().get_or_insert(hit);
    }

    /// Whether the next member is not to be unpacked, because time or the total is used up: it may be that nothing was
    /// read since, so that no reading has ended with it. Has the sink say so unless it was told before.
    pub(super) fn ends(&self, sink: &mut dyn Sink) -> bool {
        let Some(message) = self.spent() else { return false };
        if !self.told.replace(true) {
            sink.problem(None, ProblemKind::OverLimit, message);
        }
        true
    }

    /// Bytes that were unpacked so far.
    pub fn expanded(&self) -> u64 {
        self.expanded.get()
    }

    /// Takes `bytes` as unpacked; `false`, and takes none, if not so many may be.
    pub fn spend(&self, bytes: u64) -> bool {
        let expanded = self.expanded.get().saturating_add(bytes);
        let is_granted = expanded <= self.limits.total_size;
        if is_granted {
            self.expanded.set(expanded);
        }
        is_granted
    }

    /// Whether time or the total is used up, so that nothing more is unpacked.
    pub fn is_spent(&self) -> bool {
        self.spent().is_some()
    }

    /// What is used up of what is granted for the whole file, in words.
    fn spent(&self) -> Option<String> {
        let Limits { total_size, time, .. } = self.limits;
        if self.expanded.get() > total_size {
            Some(format!("it expands to more than {total_size} bytes in all: not scanned whole"))
        } else if self.elapsed() > time {
            let seconds = time.as_secs();
            Some(format!("unpacking it takes more than {seconds} s: not scanned whole"))
        } else {
            None
        }
    }

    pub(super) fn stop(&self, message: String, is_final: bool) -> io::Error {
        let error = io::Error::other(message.clone());
        self.hit.borrow_mut().get_or_insert(Hit { message, is_final, is_told: false });
        error
    }

    /// An error where the decoder's dictionary would be too large.
    pub(super) fn too_large_a_dictionary(&self) -> io::Error {
        let limit = self.limits.memory;
        self.stop(format!("its dictionary is larger than {limit} bytes: not unpacked"), false)
    }

    /// Takes `bytes` of memory until what is returned is dropped; `None` if there are not that many left.
    pub fn hold(&self, bytes: u64) -> Option<Held<'_>> {
        let held = self.held.get().checked_add(bytes).filter(|held| *held <= self.limits.memory)?;
        self.held.set(held);
        self.most_held.set(self.most_held.get().max(held));
        Some(Held { budget: self, bytes })
    }

    /// The bytes that [`Self::hold`] still has.
    pub fn memory_left(&self) -> u64 {
        self.limits.memory - self.held.get()
    }

    /// The bytes of memory that are held.
    pub fn held(&self) -> u64 {
        self.held.get()
    }

    /// Begins to measure the most that is held at once; [`Self::most_held`] wants what this returns.
    pub fn measure_held(&self) -> u64 {
        self.most_held.replace(self.held.get())
    }

    /// Measures what would have been held besides if it had been unpacked.
    pub fn pass_over_held(&self, bytes: u64) {
        self.most_held.set(self.most_held.get().max(self.held.get().saturating_add(bytes)));
    }

    /// The most that was held at once since it was measured.
    pub fn most_held(&self, before: u64) -> u64 {
        let most = self.most_held.get();
        self.most_held.set(most.max(before));
        most
    }

    /// Whether a stream of `packed` bytes that expands to `size` bytes does so without reaching a limit on its way, with
    /// half of the total left for what lies within: all of it is charged at once, and not as it is read.
    pub(super) fn is_far_from(&self, packed: u64, size: u64) -> bool {
        let Limits { member_size, total_size, ratio, ratio_free, .. } = self.limits;
        size <= member_size.min(ratio_free)
            && size <= packed.saturating_mul(ratio)
            && self.expanded.get().saturating_add(size) <= total_size / 2
            && !self.is_spent()
    }

    /// Takes room for a stream of `packed` bytes that expands to `size` bytes, all of them at once, until what is
    /// returned is dropped; `None` if there is not that much, or a limit is near.
    ///
    /// This is not what [`Self::hold`] counts: how much may be held of archives must not depend on how they are read.
    pub(super) fn room(&self, packed: u64, size: u64) -> Option<Room<'_>> {
        let at_once = self.at_once.get().checked_add(size)?;
        let is_granted =
            at_once <= AT_ONCE.min(self.limits.memory) && self.is_far_from(packed, size);
        is_granted.then(|| {
            self.at_once.set(at_once);
            Room { budget: self, bytes: size }
        })
    }

    fn charge(&self, bytes: u64) -> io::Result<()> {
        self.expanded.set(self.expanded.get().saturating_add(bytes));
        self.spent().map_or(Ok(()), |message| Err(self.stop(message, true)))
    }
}

/// Memory that is taken from a budget.
pub struct Held<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.held.set(self.budget.held.get() - self.bytes);
    }
}

/// Room for a member that is unpacked at once.
pub(super) struct Room<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.budget.at_once.set(self.budget.at_once.get() - self.bytes);
    }
}

/// The error of a stream that has failed before, and said so then.
#[derive(Debug, thiserror::Error)]
#[error("reading it failed before")]
struct Repeated;

pub(super) fn repeated() -> io::Error {
    io::Error::other(Repeated)
}

/// Whether an error only says again that a stream has failed.
pub fn is_repeated(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Repeated>)
}

/// How a reading went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on, or was given up by the reader.
    Open,
    /// It came to the end.
    Ended,
    /// It failed.
    Failed,
}

/// A decoder's output, counted and bounded.
pub(super) struct Metered<'b, R> {
    decoder: R,
    budget: &'b Budget,
    /// Compressed bytes that the decoder has taken.
    consumed: Rc<Cell<u64>>,
    given: u64,
    progress: Progress,
}

impl<'b, R: Read> Metered<'b, R> {
    pub(super) fn new(decoder: R, budget: &'b Budget, consumed: Rc<Cell<u64>>) -> Self {
        Self { decoder, budget, consumed, given: 0, progress: Progress::Open }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    pub(super) fn into_inner(self) -> R {
        self.decoder
    }

    fn account(&mut self, bytes: u64) -> io::Result<()> {
        let Limits { member_size, ratio, ratio_free, .. } = *self.budget.limits();
        self.given += bytes;
        self.budget.charge(bytes)?;
        if self.given > member_size {
            let message = format!("it expands to more than {member_size} bytes: not scanned whole");
            return Err(self.budget.stop(message, false));
        }
        let allowed = self.consumed.get().saturating_mul(ratio).max(ratio_free);
        if self.given > allowed {
            let message =
                format!("it expands to more than {ratio} times its size: not scanned whole");
            return Err(self.budget.stop(message, false));
        }
        Ok(())
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress == Progress::Failed {
            return Err(repeated());
        }
        let result = self.decoder.read(buffer).and_then(|read| {
            self.account(read as u64)?;
            Ok(read)
        });
        match &result {
            Ok(0) if !buffer.is_empty() => self.progress = Progress::Ended,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.progress = Progress::Failed;
            }
            _ => {}
        }
        result
    }
}

#[cfg(test)]
pub(super) fn generous() -> Limits {
    Limits {
        depth: 4,
        members: 1000,
        member_size: 1 << 30,
        total_size: 1 << 30,
        ratio: 500,
        ratio_free: 1 << 20,
        memory: 64 << 20,
        time: Duration::from_secs(60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limits: Limits, consumed: u64, bytes: u64) -> (io::Result<u64>, Budget) {
        let budget = Budget::new(limits);
        let mut metered =
            Metered::new(io::repeat(0).take(bytes), &budget, Rc::new(Cell::new(consumed)));
        let result = io::copy(&mut metered, &mut io::sink());
        (result, budget)
    }

    #[test]
    fn each_limit_ends_the_reading_and_says_so() {
        let limits = generous();
        let over = limits.ratio_free + 1;
        let cases = [
            (Limits { member_size: 1000, ..limits }, "more than 1000 bytes: ", false),
            (Limits { total_size: 1000, ..limits }, "more than 1000 bytes in all", true),
            (Limits { time: Duration::ZERO, ..limits }, "more than 0 s", true),
            (Limits { ratio: 3, ..limits }, "more than 3 times its size", false),
        ];
        for (limits, message, is_final) in cases {
            let (result, budget) = read(limits, 1000, over);
            assert!(result.is_err(), "{message}");
            let hit = budget.take_hit().unwrap();
            assert!(hit.message.contains(message), "{}", hit.message);
            assert_eq!(hit.is_final, is_final);
            assert_eq!(budget.take_hit(), None);
        }
        assert_eq!(read(limits, over, over).0.unwrap(), over);
    }

    #[test]
    fn time_goes_on_where_it_was_left() {
        let limits = generous();
        assert!(Budget::after(limits, Duration::from_secs(30)).spent().is_none());
        for used in [limits.time, Duration::MAX] {
            let budget = Budget::after(limits, used);
            assert!(budget.charge(1).is_err() && budget.elapsed() > limits.time);
        }
    }

    #[test]
    fn what_is_unpacked_at_once_is_far_from_every_limit() {
        let limits = Limits { ratio: 10, ..generous() };
        let is_taken = |limits, packed, size| Budget::new(limits).room(packed, size).is_some();
        assert!(is_taken(limits, 100, 1000) && !is_taken(limits, 100, 1001));
        assert!(!is_taken(limits, u64::MAX, limits.ratio_free + 1));
        let free = Limits { ratio_free: u64::MAX, ..limits };
        assert!(is_taken(free, u64::MAX, AT_ONCE) && !is_taken(free, u64::MAX, AT_ONCE + 1));
        for limits in [
            Limits { member_size: 999, ..limits },
            Limits { total_size: 1999, ..limits },
            Limits { memory: 999, ..limits },
            Limits { time: Duration::ZERO, ..limits },
        ] {
            assert!(!is_taken(limits, 1000, 1000), "{limits:?}");
        }
        let budget = Budget::new(limits);
        assert!(budget.spend(limits.total_size / 2 - 999) && budget.room(1000, 1000).is_none());
        let budget = Budget::new(Limits { memory: 10, ..limits });
        let room = budget.room(10, 6);
        assert!(budget.room(10, 5).is_none());
        drop(room);
        assert!(budget.room(10, 10).is_some() && budget.expanded() == 0);
    }

    #[test]
    fn memory_is_given_back() {
        let budget = Budget::new(Limits { memory: 10, ..generous() });
        let held = budget.hold(6);
        assert!(held.is_some() && budget.hold(5).is_none() && budget.hold(u64::MAX).is_none());
        drop(held);
        assert!(budget.hold(10).is_some());
    }
}
