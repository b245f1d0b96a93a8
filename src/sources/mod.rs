//! Where bytes come from. The sources are the only readers of disk.
//!
//! A source pushes each [`Blob`] into a [`Visitor`], from as many threads as it likes. Pushing rather than pulling lets
//! a source keep its buffers and its threads to itself: the directory walk visits inside the walker's own threads.

pub mod beside;
pub mod filter;
pub mod git;
mod patient;
mod regular;
mod roots;
pub mod stdin;
pub mod walk;

use std::path::Path;

use crate::model::blob::Blob;
use crate::model::coverage::{LeftOut, Problem, ProblemKind};

/// Takes what sources push.
pub trait Visitor: Sync {
    /// A worker for one thread.
    fn worker(&self) -> Box<dyn Worker + '_>;

    /// Says that `count` entries were left out on purpose. `path` names the entry when there is just one.
    fn left_out(&self, reason: LeftOut, count: u64, path: Option<&Path>);

    /// Says that an input was not scanned, or not scanned whole.
    fn problem(&self, problem: Problem);

    /// Whether the source should stop pushing.
    fn is_cancelled(&self) -> bool;
}

/// Takes the blobs of one thread.
pub trait Worker: Send {
    /// Scans one blob and returns how many bytes it held. A stream that fails midway is reported by the worker as a
    /// problem of this blob.
    fn visit(&mut self, blob: Blob<'_>) -> u64;
}

/// What is said of an input that is larger than was allowed.
fn over_limit(path: &Path, limit: u64, scanned: u64) -> Problem {
    let scanned = match scanned {
        0 => "not scanned".to_owned(),
        bytes => format!("only the first {bytes} bytes were scanned"),
    };
    Problem {
        path: Some(path.to_path_buf()),
        kind: ProblemKind::OverLimit,
        message: format!("larger than the limit of {limit} bytes: {scanned}"),
    }
}
