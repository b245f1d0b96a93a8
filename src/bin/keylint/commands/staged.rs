//! `keylint staged`: what the next commit would add.

use std::path::Path;

use clap::ArgMatches;
use keylint::scan::Input;

use crate::args::StagedArgs;
use crate::exit::Status;
use crate::job;

/// Runs the command. An error is something that kept it from scanning at all.
pub(crate) fn run(args: &StagedArgs, matches: &ArgMatches) -> anyhow::Result<Status> {
    let inputs = [Input::Staged { whole_files: args.whole_files }];
    job::run(&inputs, Path::new("."), &args.run.options(), &args.run, matches)
}
