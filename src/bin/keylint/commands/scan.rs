//! `keylint scan`: files, directories and standard input.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ArgMatches;
use keylint::scan::Input;

use crate::args::ScanArgs;
use crate::exit::Status;
use crate::job;

/// The name of standard input where `--stdin-filename` gives none.
const STDIN_NAME: &str = "<stdin>";

/// Runs the command. An error is something that kept it from scanning at all.
pub(crate) fn run(args: &ScanArgs, matches: &ArgMatches) -> anyhow::Result<Status> {
    let inputs = inputs(args)?;
    job::run(&inputs, first_path(&inputs), &args.options(), &args.run, matches)
}

fn inputs(args: &ScanArgs) -> anyhow::Result<Vec<Input>> {
    // After `--` there are paths, or a glob that matched none; that is not a request to scan everything here.
    if args.paths.is_empty() && env::args_os().next_back().is_some_and(|last| last == "--") {
        bail!("no input: no path follows `--`");
    }
    let is_stdin = |path: &PathBuf| path == Path::new("-");
    let stdins = args.paths.iter().filter(|path| is_stdin(path)).count();
    if stdins > 1 {
        bail!("standard input (`-`) can be scanned once only");
    }
    if args.stdin_filename.is_some() && stdins == 0 {
        bail!("--stdin-filename is of no use without `-` among the paths");
    }
    if args.paths.is_empty() {
        return Ok(vec![Input::Path(".".into())]);
    }
    let name = || args.stdin_filename.clone().unwrap_or_else(|| STDIN_NAME.into());
    let input = |path: &PathBuf| {
        if is_stdin(path) { Input::Stdin { name: name() } } else { Input::Path(path.clone()) }
    };
    Ok(args.paths.iter().map(input).collect())
}

/// Where the search for a configuration file starts.
fn first_path(inputs: &[Input]) -> &Path {
    let path = inputs.iter().find_map(|input| match input {
        Input::Path(path) => Some(path.as_path()),
        _ => None,
    });
    path.unwrap_or(Path::new("."))
}
