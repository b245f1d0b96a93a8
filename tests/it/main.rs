//! keylint's one integration target. A line per module says what belongs there.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic; clippy.toml knows only #[test] itself"
)]

mod corpus; // reads and expands fixtures, scans texts in a temporary directory
mod fixtures; // the corpus of shapes and look-alikes, scanned as a user would
mod repository; // what the files of this repository may hold
mod rules; // the texts and examples of the rule files
