//! Pack files, read in the order in which they lie, each entry inflated once.
//!
//! An entry is a whole object or a delta on another one. Read one by one, the same bases are rebuilt again and again;
//! here every delta chain is walked depth first from its root, with the base at hand. What this reader cannot take (an
//! index of another version, a base outside the pack, a corrupt entry) is handed back by object id.

mod delta;
mod entry;
mod index;
mod walk;

pub(crate) use index::{Id, Index};
pub(crate) use walk::{Object, Pack};

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// Why a pack or one of its entries cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    /// A file cannot be opened or mapped.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Not a pack or an index of a known version.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Something in it contradicts itself or lies outside of it.
    #[error("corrupt: {0}")]
    Corrupt(&'static str),
    /// An object is larger than what is rebuilt in memory.
    #[error("an object of {0} bytes is more than what is rebuilt in memory")]
    TooLarge(u64),
}
