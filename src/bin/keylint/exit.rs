//! The exit status: three outcomes, the same for every command and format.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// Everything asked for was done, and nothing found at or above the threshold. 0.
    Clean,
    /// Everything asked for was done, and something was found. 1.
    Findings,
    /// Not everything asked for could be done: bad usage or configuration, input not scanned, report not written,
    /// interrupted. 2, whether or not something was found.
    Incomplete,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Clean => 0,
            Status::Findings => 1,
            Status::Incomplete => 2,
        })
    }
}
