//! The command line as it is typed. Nothing here decides what it means: see `settings` and `outputs`. What all
//! scanning commands take is in `run`.
//!
//! Help, man page and completions are all made from these definitions. A setting that a configuration file may hold
//! has no default here, only its name in the help, so that "not given" can be told from "given".

mod known;
mod run;
mod suppress;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use keylint::config::schema::Options;

pub(crate) use self::known::{BaselineAction, BaselineArgs, BaselineFile, KnownArgs, TriageArgs};
pub(crate) use self::run::{ConfigArgs, ReportArgs, RunArgs, WalkArgs};
pub(crate) use self::suppress::SuppressArgs;

const EXIT_STATUS: &str = "\
Exit status:
  0  nothing found at or above --fail-on
  1  something found
  2  not done whole: bad usage or configuration, input not scanned, report not written, interrupted";

const STAGED_NOTES: &str = "\
Compares the index with HEAD and reads staged content only, never the files of the working tree. Files are searched \
whole, so that a new secret is joined with a key ID that was there before; a finding is reported when a part of it \
stands on an added line.";

const DIFF_NOTES: &str = "\
A..B   the commits that are reachable from B and not from A
A...B  the same; A and B must have an ancestor in common
A      the commits of A..HEAD

Every commit is compared with its parents, merges with all of them, so a key that one commit adds and a later one \
removes is reported for the first. Files are searched whole; a finding is reported when a part of it stands on an \
added line. Commit messages are searched, too. A range without a commit, and a commit whose parents are cut off by a \
shallow clone, give exit status 2.";

const HISTORY_NOTES: &str = "\
Reads every object of the repository once: blobs, commit messages and the messages of annotated tags, of all packs, \
loose objects and alternates, whether or not a reference still leads to them. A credential is one finding, with all \
the paths at which it stands, the first commit that has it there, whether it is still at HEAD, and what keeps it: a \
reference, a stash, notes, the index, a reflog, or nothing.

DATE is a date or time (2026-11-22, 2026-11-22T12:00:00Z), or a span such as `2 weeks ago`. Objects that no commit \
has are without a date: --since keeps them, --branch does not.

Where a shallow or partial clone lacks a part of the history, the report says so, and the exit status is 2 unless \
--allow-incomplete is given.";

const PRE_RECEIVE_NOTES: &str = "\
To be run by git as, or from, the pre-receive hook of a repository that is pushed to. Reads `OLD NEW REF` lines from \
standard input and scans, as `keylint diff` does, the commits that no reference of the repository has yet, and the \
messages of annotated tags. Any exit status but 0 makes git refuse the push, and shows the report to whoever pushes.";

const HOOK_NOTES: &str = "\
Writes into the directory that git takes its hooks from, be it another one by core.hooksPath. A hook that is there \
already is kept, under another name, and runs first.";

const MIGRATE_NOTES: &str = "\
Reads .gitleaksignore, .gitleaks.toml, .betterleaksignore, .secrets.baseline, .gitallowed, .secretsignore and \
.gitguardian.yaml at the root of the repository, scans it, and adds `[[allow]]` entries to the keylint.toml there: for \
paths and simple patterns as they are, for all else one for each finding that an entry silences. What cannot be carried \
over is listed with the reason. The files themselves and comments in the text stay as they are, and keylint goes on \
reading them.";

const SCAN_NOTES: &str = "\
Several reports: the n-th --format goes with the n-th --output. With fewer --output than --format, each --output goes \
with the --format before it, and what is left goes to standard output.

Configuration: the nearest keylint.toml above the first path, up to the root of its repository, may set the same, such \
as `fail-on = \"high\"` or `hidden = false`. Every switch has an opposite that wins over the file: --ignore, --hidden, \
--no-follow, --decode, --archives, --no-allow-incomplete, --no-include-examples, --no-quiet, --no-verbose.

Environment: NO_COLOR, CLICOLOR and CLICOLOR_FORCE are respected.";

/// Find leaked and hard-coded access keys.
#[derive(Debug, Parser)]
#[command(
    name = "keylint",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = EXIT_STATUS
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan files, directories and standard input
    Scan(Box<ScanArgs>),
    /// Scan what is staged for the next commit
    Staged(Box<StagedArgs>),
    /// Scan what the commits of a range add, one by one
    Diff(Box<DiffArgs>),
    /// Scan every object of a repository, whatever hangs on it
    History(Box<HistoryArgs>),
    /// Scan what a push brings, on the side that receives it
    PreReceive(Box<PreReceiveArgs>),
    /// Scan what a push would bring, on the side that sends it
    #[command(hide = true)]
    PrePush(Box<PrePushArgs>),
    /// Write down which findings are known, so that only new ones are reported
    Baseline(Box<BaselineArgs>),
    /// Go through the findings one by one, and say what each is
    Triage(Box<TriageArgs>),
    /// Install or remove the hooks of this repository
    Hook(HookArgs),
    /// Carry other tools' ignore files and baselines over into keylint.toml
    Migrate(Box<MigrateArgs>),
    /// List what is looked for
    Rules(RulesArgs),
    /// Explain a rule: what it finds, why that is bad, an example, what to do instead
    Explain(ExplainArgs),
    /// Print the man page, shell completions or a JSON Schema of the reports
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = SCAN_NOTES)]
pub(crate) struct ScanArgs {
    /// Files and directories to scan; `-` is standard input [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Report standard input under this name
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin_filename: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) run: RunArgs,

    /// List comments and entries that silence nothing, or have expired
    #[arg(long, help_heading = "Known findings")]
    pub(crate) report_unused: bool,

    #[command(flatten)]
    pub(crate) walk: WalkArgs,
}

#[derive(Debug, Args)]
#[command(after_help = STAGED_NOTES)]
pub(crate) struct StagedArgs {
    /// Report findings anywhere in the changed files, not only those on lines that the commit adds
    #[arg(long)]
    pub(crate) whole_files: bool,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(after_help = DIFF_NOTES)]
pub(crate) struct DiffArgs {
    /// Which commits: A..B, A...B, or A for A..HEAD
    #[arg(value_name = "RANGE")]
    pub(crate) range: String,

    /// Report findings anywhere in the changed files, not only those on lines that a commit adds
    #[arg(long)]
    pub(crate) whole_files: bool,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(after_help = HISTORY_NOTES)]
pub(crate) struct HistoryArgs {
    /// The repository: a working tree, a .git directory or a bare repository [default: .]
    #[arg(value_name = "REPO")]
    pub(crate) repository: Option<PathBuf>,

    /// Only what a branch, a tag or another reference still leads to
    #[arg(long)]
    pub(crate) reachable_only: bool,

    /// Only what commits bring since DATE, or commits that are not in the history of REV
    #[arg(long, value_name = "DATE|REV")]
    pub(crate) since: Option<String>,

    /// Only what the commits of REF have
    #[arg(long, value_name = "REF")]
    pub(crate) branch: Option<String>,

    /// Worker threads; 0 is one for each processor [default: 0]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(after_help = PRE_RECEIVE_NOTES)]
pub(crate) struct PreReceiveArgs {
    /// Report findings anywhere in the changed files, not only those on lines that a commit adds
    #[arg(long)]
    pub(crate) whole_files: bool,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What git gives a pre-push hook.
#[derive(Debug, Args)]
pub(crate) struct PrePushArgs {
    /// The remote's name, or its address if it has none
    pub(crate) remote: String,

    /// The remote's address
    #[arg(value_name = "URL")]
    _address: Option<String>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
#[command(after_help = HOOK_NOTES)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    pub(crate) action: HookAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookAction {
    /// Scan what is staged before each commit
    Install {
        /// Also scan commits before they are pushed
        #[arg(long)]
        pre_push: bool,
    },
    /// Remove keylint's hooks and bring back those that were there before
    Uninstall,
}

#[derive(Debug, Args)]
#[command(after_help = MIGRATE_NOTES)]
pub(crate) struct MigrateArgs {
    /// Also read these reports of gitleaks and baselines of detect-secrets or Kingfisher
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Print what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// How to list them
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,

    /// Hold every rule against its own examples instead
    #[arg(long, conflicts_with = "format")]
    pub(crate) check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The rule's identifier, as `keylint rules` lists it
    pub(crate) rule: String,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(subcommand)]
    pub(crate) artifact: Artifact,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Artifact {
    /// Print the man page, with every subcommand
    Man,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the JSON Schema of a report
    Schema {
        /// The report's format
        #[arg(value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemaFormat {
    Json,
    Jsonl,
}

impl HistoryArgs {
    /// What was typed, in the terms of a configuration file.
    pub(crate) fn options(&self) -> Options {
        Options { threads: self.threads, ..self.run.options() }
    }
}

impl ScanArgs {
    /// What was typed, in the terms of a configuration file.
    pub(crate) fn options(&self) -> Options {
        let report_unused = self.report_unused.then_some(true);
        let mut options = Options { report_unused, ..self.run.options() };
        self.walk.add_to(&mut options);
        options
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn scan(typed: &[&str]) -> ScanArgs {
        let line = ["keylint", "scan"].iter().chain(typed);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Scan(scan) => *scan,
            other => panic!("not a scan: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_typed_is_nothing_given() {
        assert_eq!(scan(&[]).options(), Options::default());
    }

    #[test]
    fn of_a_switch_and_its_opposite_the_last_counts() {
        assert_eq!(scan(&["--no-hidden", "--hidden"]).options().hidden, Some(true));
        assert_eq!(scan(&["--hidden", "--no-hidden"]).options().hidden, Some(false));
        assert_eq!(scan(&["--no-ignore"]).options().ignore, Some(false));
        assert_eq!(scan(&["--ignore"]).options().ignore, Some(true));
        let options = scan(&["--verbose", "--quiet"]).options();
        assert_eq!((options.verbose, options.quiet), (None, Some(true)));
    }
}
