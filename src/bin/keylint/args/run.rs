//! What scanning commands take besides what they scan.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use keylint::config::schema::Options;
use keylint::config::values::{Color, FailOn, Format, Glob, SizeLimit};
use keylint::model::finding::Confidence;

use super::suppress::SuppressArgs;

/// What every command takes that scans and reports.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) report: ReportArgs,

    #[command(flatten)]
    pub(crate) scanning: ScanningArgs,
}

/// What every command takes that scans, whatever comes of it.
#[derive(Debug, Args)]
pub(crate) struct ScanningArgs {
    #[command(flatten)]
    findings: FindingArgs,

    #[command(flatten)]
    pub(crate) suppress: SuppressArgs,

    #[command(flatten)]
    paths: PathArgs,

    #[command(flatten)]
    archives: ArchiveArgs,

    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
#[expect(clippy::struct_excessive_bools, reason = "clap has a field for each switch")]
pub(crate) struct ReportArgs {
    /// Format of the report [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = choice(Format::ALL, Format::as_str))]
    pub(crate) format: Vec<Format>,

    /// Write the report to FILE, replacing it at the end; `-` is standard output. Without --format, a name that ends
    /// in .json, .jsonl or .sarif decides the format
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,

    /// Colour the text report [default: auto]
    #[arg(long, value_name = "WHEN", value_parser = choice(Color::ALL, Color::as_str))]
    color: Option<Color>,

    /// Print secrets in full instead of masked
    #[arg(long, overrides_with = "no_show_secrets")]
    show_secrets: bool,
    #[arg(long, overrides_with = "show_secrets", hide = true)]
    no_show_secrets: bool,

    /// Print findings and problems only: no summary, no notes
    #[arg(long, short, overrides_with_all = ["no_quiet", "verbose"])]
    quiet: bool,
    #[arg(long, overrides_with = "quiet", hide = true)]
    no_quiet: bool,

    /// Say which configuration applies and what is left out
    #[arg(long, short, overrides_with_all = ["no_verbose", "quiet"])]
    verbose: bool,
    #[arg(long, overrides_with = "verbose", hide = true)]
    no_verbose: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Findings")]
struct FindingArgs {
    /// Severity from which on findings give exit status 1 [default: medium]
    #[arg(long, value_name = "SEVERITY", value_parser = choice(FailOn::ALL, FailOn::as_str))]
    fail_on: Option<FailOn>,

    /// Confidence from which on findings are shown [default: medium]
    #[arg(
        long,
        value_name = "CONFIDENCE",
        value_parser = choice(Confidence::ALL, Confidence::as_str)
    )]
    min_confidence: Option<Confidence>,

    /// Also show documentation examples and placeholders
    #[arg(long, overrides_with = "no_include_examples")]
    include_examples: bool,
    #[arg(long, overrides_with = "include_examples", hide = true)]
    no_include_examples: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is scanned")]
#[expect(clippy::struct_excessive_bools, reason = "clap has a field for each switch")]
struct PathArgs {
    /// Leave out paths that match GLOB, in .gitignore syntax; may be repeated
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Glob>,

    /// Leave out files and directories whose name starts with a dot
    #[arg(long, overrides_with = "hidden")]
    no_hidden: bool,
    #[arg(long, overrides_with = "no_hidden", hide = true)]
    hidden: bool,

    /// Do not scan larger files: bytes, or with K, M or G [default: none]
    #[arg(long, value_name = "SIZE")]
    max_file_size: Option<SizeLimit>,

    /// Take texts as they stand: look into nothing that is escaped, encoded or written in pieces
    #[arg(long, overrides_with = "decode")]
    no_decode: bool,
    #[arg(long, overrides_with = "no_decode", hide = true)]
    decode: bool,

    /// Note what no scan can read, such as encrypted archive members, instead of ending with exit status 2
    #[arg(long, overrides_with = "no_allow_incomplete")]
    allow_incomplete: bool,
    #[arg(long, overrides_with = "allow_incomplete", hide = true)]
    no_allow_incomplete: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is scanned")]
#[expect(clippy::struct_excessive_bools, reason = "clap has a field for each switch")]
pub(crate) struct WalkArgs {
    /// Scan what .gitignore, .ignore and global excludes name, too
    #[arg(long, overrides_with = "ignore")]
    no_ignore: bool,
    #[arg(long, overrides_with = "no_ignore", hide = true)]
    ignore: bool,

    /// Follow symbolic links
    #[arg(long, overrides_with = "no_follow")]
    follow: bool,
    #[arg(long, overrides_with = "follow", hide = true)]
    no_follow: bool,

    /// Worker threads; 0 is one for each processor [default: 0]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Archives")]
struct ArchiveArgs {
    /// Do not unpack archives and compressed files: scan them as they lie
    #[arg(long, overrides_with = "archives")]
    no_archives: bool,
    #[arg(long, overrides_with = "no_archives", hide = true)]
    archives: bool,

    /// Archives within each other that are unpacked [default: 4]
    #[arg(long, value_name = "N")]
    archive_depth: Option<u32>,

    /// Members of one archive that are scanned [default: 200000]
    #[arg(long, value_name = "N")]
    archive_members: Option<u64>,

    /// Size that a member may expand to [default: 4G]
    #[arg(long, value_name = "SIZE")]
    archive_member_size: Option<SizeLimit>,

    /// Size that all of a file may expand to [default: 16G]
    #[arg(long, value_name = "SIZE")]
    archive_total_size: Option<SizeLimit>,

    /// How many times its compressed size a stream may expand to, from 64M on [default: 500]
    #[arg(long, value_name = "N")]
    archive_ratio: Option<u64>,

    /// Memory for archives within archives, and for a dictionary [default: 256M]
    #[arg(long, value_name = "SIZE")]
    archive_memory: Option<SizeLimit>,

    /// Seconds that unpacking one file may take [default: 300]
    #[arg(long, value_name = "SECONDS")]
    archive_time: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// Read this file instead of the nearest keylint.toml
    #[arg(long, value_name = "FILE", overrides_with = "no_config")]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, overrides_with = "config")]
    pub(crate) no_config: bool,

    /// A configuration that goes before the repository's own, and says what that one may silence
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Use no configuration, baseline or ignore file that lies in the scanned tree
    #[arg(long)]
    pub(crate) no_repo_config: bool,
}

impl RunArgs {
    /// What was typed, in the terms of a configuration file.
    pub(crate) fn options(&self) -> Options {
        let report = &self.report;
        let mut options = Options {
            // Each report has its own: see `outputs`.
            format: None,
            color: report.color,
            quiet: switch(report.quiet, report.no_quiet),
            verbose: switch(report.verbose, report.no_verbose),
            show_secrets: switch(report.show_secrets, report.no_show_secrets),
            ..Options::default()
        };
        self.scanning.add_to(&mut options);
        options
    }
}

impl ScanningArgs {
    /// Adds what was typed to the other options.
    pub(super) fn add_to(&self, options: &mut Options) {
        self.findings.add_to(options);
        self.paths.add_to(options);
        self.archives.add_to(options);
        self.suppress.add_to(options);
    }
}

impl FindingArgs {
    /// Adds what was typed to the other options.
    fn add_to(&self, options: &mut Options) {
        options.fail_on = self.fail_on;
        options.min_confidence = self.min_confidence;
        options.include_examples = switch(self.include_examples, self.no_include_examples);
    }
}

impl ArchiveArgs {
    /// Adds what was typed to the other options.
    fn add_to(&self, options: &mut Options) {
        options.archives = switch(self.archives, self.no_archives);
        options.archive_depth = self.archive_depth;
        options.archive_members = self.archive_members;
        options.archive_member_size = self.archive_member_size;
        options.archive_total_size = self.archive_total_size;
        options.archive_ratio = self.archive_ratio;
        options.archive_memory = self.archive_memory;
        options.archive_time = self.archive_time;
    }
}

impl PathArgs {
    /// Adds what was typed to the other options.
    fn add_to(&self, options: &mut Options) {
        options.hidden = switch(self.hidden, self.no_hidden);
        options.exclude.clone_from(&self.exclude);
        options.max_file_size = self.max_file_size;
        options.decode = switch(self.decode, self.no_decode);
        options.allow_incomplete = switch(self.allow_incomplete, self.no_allow_incomplete);
    }
}

impl WalkArgs {
    /// Adds what was typed to the other options.
    pub(super) fn add_to(&self, options: &mut Options) {
        options.ignore = switch(self.ignore, self.no_ignore);
        options.follow = switch(self.follow, self.no_follow);
        options.threads = self.threads;
    }
}

/// Of a switch and its opposite clap leaves the one that was typed last.
pub(super) fn switch(on: bool, off: bool) -> Option<bool> {
    (on || off).then_some(on)
}

/// Takes one of `all` by its name, and lists the names in help and completions.
fn choice<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(name)).map(move |typed| {
        let chosen = all.into_iter().find(|&value| name(value) == typed);
        chosen.expect("clap lets only listed names through")
    })
}
