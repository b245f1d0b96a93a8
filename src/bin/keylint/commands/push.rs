//! `keylint pre-receive` and `keylint pre-push`: what a push brings, seen from either side.

use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use clap::ArgMatches;
use keylint::scan::Input;
use keylint::sources::git::revisions::{RefUpdate, Revisions};

use crate::args::{PrePushArgs, PreReceiveArgs};
use crate::exit::Status;
use crate::job;

/// Runs `keylint pre-receive`. An error is something that kept it from scanning at all.
pub(crate) fn received(args: &PreReceiveArgs, matches: &ArgMatches) -> anyhow::Result<Status> {
    let revisions = Revisions::Received(RefUpdate::received(&stdin()?)?);
    let inputs = [Input::Range { revisions, whole_files: args.whole_files }];
    job::run(&inputs, Path::new("."), &args.run.options(), &args.run, matches)
}

/// Runs `keylint pre-push`. An error is something that kept it from scanning at all.
pub(crate) fn sent(args: &PrePushArgs, matches: &ArgMatches) -> anyhow::Result<Status> {
    let updates = RefUpdate::sent(&stdin()?)?;
    let revisions = Revisions::Sent { remote: args.remote.clone(), updates };
    let inputs = [Input::Range { revisions, whole_files: false }];
    job::run(&inputs, Path::new("."), &args.run.options(), &args.run, matches)
}

fn stdin() -> anyhow::Result<Vec<u8>> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input).context("standard input cannot be read")?;
    Ok(input)
}
