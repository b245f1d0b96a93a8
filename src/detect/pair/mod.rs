//! Key ID, secret and session token that belong together → one credential.
//!
//! Two steps. [`link`] looks at the text between candidates, while it is at hand, and says what it would cost to join
//! each two of them: lines apart, brackets closed, sections crossed, names that do not go together. [`assign`] then joins
//! them so that the sum of costs is smallest: one secret belongs to one ID, never a cross product.

pub(crate) mod assign;
pub(crate) mod join;
pub(crate) mod link;
