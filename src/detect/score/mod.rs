//! Evidence in a value or beside it, and the confidence that follows.

pub(crate) mod grade;
pub(crate) mod lookalike;
pub(crate) mod placeholder;
pub(crate) mod shape;
pub(crate) mod words;
