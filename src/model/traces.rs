//! What the first look at a blob leaves for those that were made of it by copying and inserting.

/// A place in a blob at which something may stand that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// The offset, in bytes.
    pub(crate) at: u32,
    /// What may stand there: a number of the one who looked.
    pub(crate) sign: u32,
}

/// All such places of a blob, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces(pub(crate) Vec<Trace>);

/// A stretch that an object has in common with the one that it was made of. All in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it stands in the other object.
    pub(crate) from: usize,
    /// Where it stands in this one.
    pub(crate) to: usize,
    /// How long it is.
    pub(crate) len: usize,
}

/// What a blob has from another one, and what it leaves.
pub struct Inherited<'a> {
    /// The traces of the blob that it was made of, if they are known, and what was copied of that, in this one's order.
    pub(crate) base: Option<(&'a Traces, &'a [Copied])>,
    /// Where its own traces go, if other blobs are made of it. They are not noted if they are too many, or do not come
    /// from its bytes as they are.
    pub(crate) own: Option<&'a mut Option<Traces>>,
}
