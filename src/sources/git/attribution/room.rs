//! How much all threads together may keep of trees: there can be any number of packs, and of trees within trees.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is kept together at most, in units of four bytes: four gigabytes. The history of Linux has some 60 million edges,
/// one unit each.
const MOST: usize = 1 << 30;

/// Units that a thread asks for at once.
const GRANT: usize = 1 << 16;

/// What is left, in units.
pub(super) struct Room(AtomicUsize);

impl Room {
    pub(super) fn new(units: usize) -> Self {
        Self(AtomicUsize::new(units))
    }

    /// Takes so many units, or what is left.
    fn take(&self, units: usize) -> usize {
        let less = |left: usize| Some(left.saturating_sub(units));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before.unwrap_or_default().min(units)
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(MOST)
    }
}

/// What one thread has of it. When it ends, what it did not use is for others.
#[derive(Default)]
pub(super) struct Share {
    room: Arc<Room>,
    left: usize,
}

impl Share {
    pub(super) fn of(room: &Arc<Room>) -> Self {
        Self { room: Arc::clone(room), left: 0 }
    }

    /// Whether so many units more may be kept.
    pub(super) fn grants(&mut self, units: usize) -> bool {
        if self.left < units {
            self.left += self.room.take(units.max(GRANT));
        }
        let left = self.left.checked_sub(units);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.left, Ordering::Relaxed);
    }
}
