//! The shared nouns: spans, secrets, blobs, findings, what silences them, and coverage.
//!
//! Layer 0: nothing here reads a file, matches a pattern or knows a report format, and nothing here imports another
//! module of the crate.

pub mod allow;
pub mod blob;
pub mod coverage;
pub mod finding;
pub mod history;
pub mod layer;
pub mod notebook;
pub mod secret;
pub mod silenced;
pub mod span;
pub mod traces;
