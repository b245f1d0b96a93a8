//! `keylint diff`: what the commits of a range add.

use std::path::Path;

use clap::ArgMatches;
use keylint::scan::Input;
use keylint::sources::git::revisions::Revisions;

use crate::args::DiffArgs;
use crate::exit::Status;
use crate::job;

/// Runs the command. An error is something that kept it from scanning at all.
pub(crate) fn run(args: &DiffArgs, matches: &ArgMatches) -> anyhow::Result<Status> {
    let revisions = Revisions::Typed(args.range.clone());
    let inputs = [Input::Range { revisions, whole_files: args.whole_files }];
    job::run(&inputs, Path::new("."), &args.run.options(), &args.run, matches)
}
