//! Pack files, read in the order in which they lie, each entry inflated once.
//!
//! An entry is a whole object or a delta on another one. Read one by one, the same bases are rebuilt again and again;
//! here every family of deltas is walked depth first from its root, with the base at hand.
//!
//! Whatever a pack and its index hold, each object of the index is handed over, left out because of its kind or as a
//! copy, or named as failed. Sizes are bounded before anything is allocated, and nothing recurses.

pub(super) mod delta;
pub(super) mod entry;
mod family;
mod index;
mod offsets;
mod single;
mod walk;

pub(crate) use family::{Families, Pack};
pub(crate) use index::{Frame, Id, Index};
pub(crate) use single::Single;

use crate::model::blob::Content;
use crate::model::traces::Copied;

/// The largest object that is rebuilt in memory, in bytes.
pub(crate) const MAX_OBJECT: u64 = 256 << 20;

/// Blobs above this many bytes are handed over as a stream if no other object is a delta on them.
pub(crate) const STREAMED: u64 = 32 << 20;

/// The bytes that every pack ends with: a checksum.
const TRAILER: usize = 20;

/// An object, as long as it is at hand. `N` is what a worker may note of it.
pub(crate) struct Object<'a, N = ()> {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    /// Its bytes, as declared: a stream that ends before is an error.
    pub(crate) size: u64,
    /// What it holds. Only blobs are ever streams. A stream that fails is named as unread by whoever handed it over,
    /// too.
    pub(crate) data: Content<'a>,
    /// The worker's note of the object that this one was rebuilt from, if it made one, and what was copied of that, in
    /// the order of this one.
    pub(crate) base: Option<(&'a N, &'a [Copied])>,
    /// For the worker to note what will help with the objects that are rebuilt from this one, if there are any.
    pub(crate) note: Option<&'a mut Option<N>>,
}

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// Why a pack or one of its entries cannot be read; what it says is the rest of a sentence about an object.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum PackError {
    /// Nothing that is known.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Something in it contradicts itself or lies outside of it.
    #[error("corrupt: {0}")]
    Corrupt(&'static str),
    /// A stream that ended before its time.
    #[error("corrupt: {0}")]
    Stream(String),
    /// An object is larger than what is rebuilt in memory.
    #[error("its {0} bytes are more than is rebuilt in memory")]
    TooLarge(u64),
    /// All objects that have to be held at once are.
    #[error("its {0} bytes and the objects that it is a delta on are more than is held in memory")]
    TooLargeTogether(u64),
}
