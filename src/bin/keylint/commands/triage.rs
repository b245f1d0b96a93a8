//! `keylint triage`: walks through the findings one by one, and writes down what its user says of each.
//!
//! It reads lines and writes plain text, so it works over any connection. Each answer is written at once; what was
//! answered is not asked again.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Context;
use keylint::config::discover;
use keylint::model::finding::Finding;
use keylint::model::silenced::{Entry, Form, Silenced};
use keylint::report::escape::escape;
use keylint::report::{self, Color, Report};
use keylint::scan::places::Places;
use keylint::scan::silence::at_each_path;
use keylint::sources::git;
use keylint::suppress::baseline::{Baseline, FILE_NAME};

use crate::args::TriageArgs;
use crate::entries;
use crate::exit::Status;
use crate::known::{self, Known};
use crate::outputs::{self, Readers};
use crate::settings::shown;
use crate::terminal;

/// The fingerprints of findings that were called real, one a line. They stay reported; here they are not asked again.
const SEEN: &str = "keylint-triage";

const QUESTION: &str = "[r]eal, [f]alse positive, [b]aseline (real, known), [l]ater, [q]uit? ";

/// Runs the command. An error is something that kept it from doing all of it.
pub(crate) fn run(args: &TriageArgs, out: &mut dyn Write) -> anyhow::Result<Status> {
    let (resolved, rules) = known::resolve(&args.known)?;
    let config = resolved.file.clone().unwrap_or_else(|| resolved.root.join(discover::FILE_NAME));
    let in_use = resolved.baseline(&args.known.scanning.suppress);
    let baseline = in_use.clone().unwrap_or_else(|| resolved.root.join(FILE_NAME));
    let here = env::current_dir().context("the current directory cannot be found")?;
    let (config, baseline) = (shown(&config, &here), shown(&baseline, &here));
    let found = known::scan(resolved, rules, in_use.as_deref(), false)?;
    let seen = Seen::read()?;
    // Nobody looks at the flag while a question waits for its answer: the first Ctrl-C has to end that.
    found.interrupted.store(true, Ordering::Relaxed);
    let mut session = Session { found, config, baseline, seen, places: Places::new(None) };
    session.walk(&mut io::stdin().lock(), out)
}

enum Answer {
    Real,
    FalsePositive,
    Baseline,
    Later,
    Quit,
}

struct Session {
    found: Known,
    config: PathBuf,
    baseline: PathBuf,
    seen: Seen,
    places: Places,
}

impl Session {
    fn walk(&mut self, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<Status> {
        let findings = std::mem::take(&mut self.found.outcome.findings);
        let all: Vec<Silenced> = findings.iter().cloned().map(unlisted).collect();
        let open: Vec<&Finding> =
            findings.iter().filter(|finding| !self.seen.has(finding)).collect();
        let known = findings.len() - open.len();
        writeln!(out, "{} to go through, {known} called real before", open.len())?;
        for (number, finding) in (1..).zip(&open) {
            writeln!(out, "\n--- {number} of {}", open.len())?;
            self.show(finding, &all, out)?;
            match ask(input, out)? {
                Answer::Real => {
                    self.seen.add(finding)?;
                    writeln!(out, "revoke it; it stays reported")?;
                }
                Answer::FalsePositive => {
                    let Some(reason) = line(input, out, "why is it none? ")? else { break };
                    self.allow(finding, &reason)?;
                    writeln!(out, "written to {}", escape(&self.config.to_string_lossy()))?;
                }
                Answer::Baseline => {
                    self.accept(finding)?;
                    writeln!(out, "written to {}", escape(&self.baseline.to_string_lossy()))?;
                }
                Answer::Later => {}
                Answer::Quit => break,
            }
        }
        Ok(Status::Clean)
    }

    /// The finding as a report has it. All others are known to the report, too: their values are covered.
    fn show(&self, finding: &Finding, all: &[Silenced], out: &mut dyn Write) -> anyhow::Result<()> {
        let report = Report {
            findings: std::slice::from_ref(finding),
            silenced: all,
            unused: None,
            coverage: &keylint::model::coverage::Coverage::default(),
            rules: &self.found.rules,
        };
        let color = terminal::use_color(self.found.settings.presentation.color, true);
        let options = report::Options {
            color: if color { Color::Ansi } else { Color::Plain },
            width: terminal::width(true),
            verbosity: report::Verbosity::Quiet,
            ..report::Options::default()
        };
        Ok(report::text::write(&report, &options, out)?)
    }

    /// Adds an entry to the configuration.
    fn allow(&self, finding: &Finding, reason: &str) -> anyhow::Result<()> {
        let text = |text: &str| toml::Value::from(text).to_string();
        let path = escape(&finding.origin.scope().to_string_lossy()).into_owned();
        let entry = format!(
            "\n# {} in {path}\n[[allow]]\nfingerprint = \"{}\"\nreason = {}\n",
            finding.rule,
            finding.fingerprint,
            text(reason)
        );
        entries::append(&self.config, &entries::read(&self.config)?, &entry)
    }

    /// Adds the finding to the baseline.
    fn accept(&mut self, finding: &Finding) -> anyhow::Result<()> {
        let mut baseline = if self.baseline.symlink_metadata().is_ok() {
            Baseline::read(&self.baseline)?
        } else {
            Baseline::new(&self.baseline)?
        };
        at_each_path(finding, &mut self.places, |subject, _| baseline.add(subject));
        baseline.settle(|_| true);
        let text = baseline.text();
        outputs::write(&self.baseline, Readers::Anyone, |out| out.write_all(text.as_bytes()))
    }
}

/// A finding that a report does not show, but knows.
fn unlisted(finding: Finding) -> Silenced {
    let by = Entry {
        form: Form::ALLOW,
        path: PathBuf::new(),
        line: 0,
        what: String::new(),
        reason: None,
        owner: None,
        expires: None,
        is_new: false,
    };
    Silenced { finding, by }
}

fn ask(input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<Answer> {
    loop {
        let Some(typed) = line(input, out, QUESTION)? else { return Ok(Answer::Quit) };
        match typed.to_ascii_lowercase().as_str() {
            "r" | "real" => return Ok(Answer::Real),
            "f" | "false" => return Ok(Answer::FalsePositive),
            "b" | "baseline" => return Ok(Answer::Baseline),
            "l" | "later" => return Ok(Answer::Later),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}

/// A line that is not empty; `None` at the end of the input. What arrow keys leave in a line is not taken.
fn line(
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    question: &str,
) -> anyhow::Result<Option<String>> {
    loop {
        write!(out, "{question}")?;
        out.flush()?;
        let mut typed = Vec::new();
        if input.read_until(b'\n', &mut typed).context("standard input cannot be read")? == 0 {
            writeln!(out)?;
            return Ok(None);
        }
        let text = String::from_utf8(typed).ok();
        match text.as_deref().map(str::trim).filter(|text| !text.contains(char::is_control)) {
            None => writeln!(out, "that holds more than text: once more, please")?,
            Some("") => {}
            Some(text) => return Ok(Some(text.to_owned())),
        }
    }
}

/// What was called real, kept in the repository's own directory; outside a repository it is not kept.
struct Seen {
    file: Option<PathBuf>,
    fingerprints: BTreeSet<String>,
}

impl Seen {
    fn read() -> anyhow::Result<Self> {
        let here = env::current_dir().context("the current directory cannot be found")?;
        let file = git::open_at(&here).ok().map(|repository| repository.path().join(SEEN));
        let read = |file: &Path| match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read.with_context(|| file.display().to_string()),
        };
        let text = file.as_deref().map(read).transpose()?.unwrap_or_default();
        Ok(Self { file, fingerprints: text.lines().map(str::to_owned).collect() })
    }

    fn has(&self, finding: &Finding) -> bool {
        self.fingerprints.contains(&finding.fingerprint.to_string())
    }

    fn add(&mut self, finding: &Finding) -> anyhow::Result<()> {
        let fingerprint = finding.fingerprint.to_string();
        if let Some(file) = &self.file {
            let mut appended = OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .with_context(|| file.display().to_string())?;
            writeln!(appended, "{fingerprint}")?;
        }
        self.fingerprints.insert(fingerprint);
        Ok(())
    }
}
