//! What the commands take that write down which findings are known.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keylint::config::schema::Options;

use super::run::{ScanningArgs, WalkArgs};

/// What is scanned by them, and how: all of the tree, from the root of the repository on.
#[derive(Debug, Args)]
pub(crate) struct KnownArgs {
    #[command(flatten)]
    pub(crate) scanning: ScanningArgs,

    #[command(flatten)]
    walk: WalkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    pub(crate) action: BaselineAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineAction {
    /// Write down all findings of the tree as known
    Create(BaselineFile),
    /// Add the findings that are not known yet, and follow renamed files
    Update(BaselineFile),
    /// Drop the entries that no finding fits any more
    Prune(BaselineFile),
}

#[derive(Debug, Args)]
pub(crate) struct BaselineFile {
    /// The baseline [default: .keylint-baseline.json at the root of the repository]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Scan the history of the repository, too
    #[arg(long)]
    pub(crate) history: bool,

    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TriageArgs {
    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

impl KnownArgs {
    /// What was typed, in the terms of a configuration file.
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        self.scanning.add_to(&mut options);
        self.walk.add_to(&mut options);
        options
    }
}
