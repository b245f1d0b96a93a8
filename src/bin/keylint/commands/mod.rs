//! One file a command.

pub(crate) mod baseline;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod history;
pub(crate) mod hook;
pub(crate) mod migrate;
pub(crate) mod push;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod staged;
pub(crate) mod triage;
