//! The keylint command: reads the command line, calls the library, and turns what comes back into text and a status.
//!
//! The only place that knows clap, the standard streams, colour and exit statuses. Whatever goes wrong below arrives
//! here as an error and leaves as one message and one [`Status`]; nothing ends the process on its way.

mod args;
mod commands;
mod entries;
mod exit;
mod interrupt;
mod job;
mod known;
mod outputs;
mod progress;
mod settings;
mod terminal;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Command};
use crate::exit::Status;

fn main() -> ExitCode {
    terminal::hush_panics();
    // The hook has said what there is to say.
    std::panic::catch_unwind(run).unwrap_or(Status::Incomplete).into()
}

fn run() -> Status {
    let parsed = Cli::command()
        .try_get_matches()
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return explain_usage(&error),
    };
    let matches = |name| matches.subcommand_matches(name).expect("clap parsed this command");
    let outcome = match &cli.command {
        Command::Scan(args) => commands::scan::run(args, matches("scan")),
        Command::Staged(args) => commands::staged::run(args, matches("staged")),
        Command::Diff(args) => commands::diff::run(args, matches("diff")),
        Command::History(args) => commands::history::run(args, matches("history")),
        Command::PreReceive(args) => commands::push::received(args, matches("pre-receive")),
        Command::PrePush(args) => commands::push::sent(args, matches("pre-push")),
        Command::Baseline(args) => to_stdout(|out| commands::baseline::run(&args.action, out)),
        Command::Triage(args) => to_stdout(|out| commands::triage::run(args, out)),
        Command::Hook(hook) => to_stdout(|out| commands::hook::run(&hook.action, out)),
        Command::Migrate(args) => to_stdout(|out| commands::migrate::run(args, out)),
        Command::Rules(rules) => to_stdout(|out| commands::rules::run(rules, out)),
        Command::Explain(explain) => to_stdout(|out| commands::explain::run(explain, out)),
        Command::Generate(generate) => to_stdout(|out| commands::generate::run(generate, out)),
    };
    outcome.unwrap_or_else(|error| {
        terminal::error(&format!("{error:#}"));
        Status::Incomplete
    })
}

/// Runs a command whose only result is text. A reader that goes away early has read what it wanted.
fn to_stdout(
    command: impl FnOnce(&mut dyn Write) -> anyhow::Result<Status>,
) -> anyhow::Result<Status> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = command(&mut out).and_then(|status| Ok(out.flush().map(|()| status)?));
    match written {
        Err(error) if terminal::is_closed_pipe(&error) => Ok(Status::Clean),
        other => other,
    }
}

/// Prints what clap has to say: help and version as asked for, or what is wrong with the command line.
fn explain_usage(error: &clap::Error) -> Status {
    if error.use_stderr() {
        // Not clap's own way of printing: it would pass on whatever characters an argument holds.
        terminal::lines(&error.render().to_string());
        return Status::Incomplete;
    }
    match error.print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Status::Incomplete,
        _ => Status::Clean,
    }
}
