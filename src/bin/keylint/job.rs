//! A scan from settings to status, whatever its inputs: what the scanning commands share.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use clap::ArgMatches;
use keylint::config::schema::Options;
use keylint::config::settings::{Settings, Verbosity};
use keylint::config::values::Format;
use keylint::detect::Detector;
use keylint::model::coverage::Coverage;
use keylint::model::finding::Class;
use keylint::report::{self, Report};
use keylint::rules::load::RuleSet;
use keylint::scan::{self, Input, Outcome, silence};
use keylint::sources::git::revisions::Revisions;

use crate::args::RunArgs;
use crate::exit::Status;
use crate::outputs::{self, Place, Readers, Target};
use crate::progress::Display;
use crate::{interrupt, settings, terminal};

/// Scans `inputs` as typed and configured, and writes the reports. The search for a configuration file starts at
/// `first`. An error is something that kept it from scanning at all.
pub(crate) fn run(
    inputs: &[Input],
    first: &Path,
    typed: &Options,
    args: &RunArgs,
    matches: &ArgMatches,
) -> anyhow::Result<Status> {
    let rules = Arc::new(RuleSet::builtin()?);
    let mut resolved = settings::resolve(typed, &args.scanning.config, first, &rules)?;
    terminal::install_logger(resolved.settings.presentation.verbosity);
    match &resolved.file {
        Some(file) => log::debug!("configuration: {}", file.display()),
        None => log::debug!("configuration: none"),
    }
    let targets = outputs::targets(&args.report, matches, resolved.settings.presentation.format)?;
    for target in &targets {
        if let Place::File(path) = &target.place {
            outputs::probe(path)?;
        }
    }
    let baseline = resolved.baseline(&args.scanning.suppress);
    if let Some(file) = &baseline {
        log::debug!("baseline: {}", file.display());
    }
    let interrupted = interrupt::flag().context("Ctrl-C cannot be caught")?;
    let mut loading = resolved.suppressions(baseline.as_deref(), &interrupted)?;
    // Nothing but its end ends the reading of standard input: who types there is to hear of a broken baseline before.
    if inputs.iter().any(|input| matches!(input, Input::Stdin { .. })) {
        loading.wait()?;
    }
    let settings = resolved.settings;
    let detector = detector(rules, &settings);
    let progress = Arc::default();
    let display = Display::start(&progress, settings.presentation.verbosity != Verbosity::Quiet);
    let outcome = scan::run_watched(inputs, &settings, &detector, &interrupted, &progress);
    drop(display);
    let mut suppressions = loading.finish()?;
    let mut outcome = outcome?;
    silence::apply(&mut outcome, &mut suppressions, &settings);
    let written = write_reports(&targets, &settings, &outcome, detector.rules());
    say_beside(&targets, &settings, inputs, &outcome.coverage);
    Ok(written.max(status(&settings, &outcome)))
}

/// The detector of a run that starts now.
pub(crate) fn detector(rules: Arc<RuleSet>, settings: &Settings) -> Detector {
    let detector = Detector::new(rules).at(SystemTime::now());
    if settings.decode { detector } else { detector.without_decoding() }
}

fn status(settings: &Settings, outcome: &Outcome) -> Status {
    if !outcome.coverage.is_complete() {
        return Status::Incomplete;
    }
    // Examples are shown on request, as what was judged to be none of the user's secrets.
    let fails = outcome.findings.iter().any(|finding| {
        finding.class != Class::Example && settings.fail_on.is_reached_by(finding.severity)
    });
    if fails { Status::Findings } else { Status::Clean }
}

/// Writes every report, also when one of them cannot be written.
fn write_reports(
    targets: &[Target],
    settings: &Settings,
    outcome: &Outcome,
    rules: &RuleSet,
) -> Status {
    let report = Report {
        findings: &outcome.findings,
        silenced: &outcome.silenced,
        unused: settings.suppress.report_unused.then_some(&*outcome.unused),
        coverage: &outcome.coverage,
        rules,
    };
    let readers = if settings.presentation.show_secrets { Readers::Owner } else { Readers::Anyone };
    let mut status = Status::Clean;
    for target in targets {
        let write = |out: &mut dyn Write| write_report(target, settings, &report, out);
        let written = match &target.place {
            Place::Stdout => to_stdout(write).context("the report cannot be written"),
            Place::File(path) => outputs::write(path, readers, write),
        };
        if let Err(error) = written {
            terminal::error(&format!("{error:#}"));
            status = Status::Incomplete;
        }
    }
    status
}

/// A reader that goes away early (`| head -1`) changes nothing: what was found was found.
fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write_report(
    target: &Target,
    settings: &Settings,
    report: &Report,
    out: &mut dyn Write,
) -> io::Result<()> {
    let presentation = &settings.presentation;
    let to_stdout = target.place == Place::Stdout;
    let options = report::Options {
        secrets: if presentation.show_secrets {
            report::Secrets::Shown
        } else {
            report::Secrets::Redacted
        },
        // What reads SARIF knows what suppressions are.
        silenced: if presentation.show_silenced.unwrap_or(target.format == Format::Sarif) {
            report::Listing::Listed
        } else {
            report::Listing::Counted
        },
        color: if terminal::use_color(presentation.color, to_stdout) {
            report::Color::Ansi
        } else {
            report::Color::Plain
        },
        width: terminal::width(to_stdout),
        verbosity: match presentation.verbosity {
            Verbosity::Quiet => report::Verbosity::Quiet,
            Verbosity::Normal | Verbosity::Verbose => report::Verbosity::Normal,
        },
    };
    match target.format {
        Format::Text => report::text::write(report, &options, out),
        Format::Json => report::json::write(report, &options, out),
        Format::Jsonl => report::jsonl::write(report, &options, out),
        Format::Sarif => report::sarif::write(report, &options, out),
    }
}

/// Says on standard error what no text report on standard output says, so that the log of a job that collects JSON
/// tells why it failed; and that a run without a finding may be one without a file.
fn say_beside(targets: &[Target], settings: &Settings, inputs: &[Input], coverage: &Coverage) {
    let in_report =
        targets.iter().any(|target| target.format == Format::Text && target.place == Place::Stdout);
    if !in_report {
        for problem in coverage.problems.iter().chain(&coverage.gaps) {
            match &problem.path {
                Some(path) => terminal::note(&format!("{}: {}", path.display(), problem.message)),
                None => terminal::note(&problem.message),
            }
        }
        for warning in &coverage.warnings {
            let at = format!("{}:{}", warning.path.display(), warning.line);
            terminal::warning(&format!("{at}: {}", warning.message));
        }
    }
    let quiet = settings.presentation.verbosity == Verbosity::Quiet;
    // A push that deletes a branch, or names an old commit by another, is nothing to wonder at.
    let is_push = |input: &Input| {
        let Input::Range { revisions, .. } = input else { return false };
        matches!(revisions, Revisions::Received(_) | Revisions::Sent { .. })
    };
    if coverage.files == 0 && coverage.is_complete() && !quiet && !inputs.iter().all(is_push) {
        match coverage.left_out.values().sum::<u64>() {
            0 => terminal::warning("there was no file to scan"),
            entries => terminal::warning(&format!(
                "there was no file to scan: {entries} entries were left out, see --verbose"
            )),
        }
    }
}
