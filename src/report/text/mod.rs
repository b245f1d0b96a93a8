//! The text format: one block a credential, in the manner of a compiler, then what to do and a summary.
//!
//! A credential that stands in several files is one block; where else it stands is listed below its source lines.

mod paint;
mod silenced;
mod source;
mod summary;
mod wrap;

use std::collections::BTreeMap;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use self::paint::{Paint, Role};
use super::commit;
use super::escape::escape;
use super::redact::Redactor;
use super::{Listing, Options, Report, Secrets, Verbosity, history};
use crate::model::finding::{Class, Finding, Part};
use crate::rules::load::RuleSet;

/// Narrower reports are not worth reading.
const NARROWEST: usize = 40;

/// Further places of a credential that are listed; a key in a log may stand there thousands of times.
const MOST_PLACES: usize = 20;

/// Writes the report as text for people.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let printer = Printer {
        rules: report.rules,
        redactor: Redactor::new(options.secrets, report.all()),
        paint: Paint::new(options.color),
        width: options.width.max(NARROWEST),
    };
    let credentials = credentials(report.findings);
    for credential in &credentials {
        printer.block(credential, out)?;
        writeln!(out)?;
    }
    if options.silenced == Listing::Listed {
        silenced::list(report.silenced, &printer, out)?;
    }
    if let Some(unused) = report.unused {
        silenced::unused(unused, &printer, out)?;
    }
    if options.verbosity == Verbosity::Normal {
        summary::steps(report.findings, printer.paint, printer.width, out)?;
        summary::totals(report, &credentials, printer.paint, printer.width, out)?;
    }
    summary::warnings(report.coverage, &printer, out)?;
    summary::problems(report.coverage, options.verbosity, printer.paint, out)
}

/// One credential, wherever it stands.
struct Credential<'a> {
    /// The finding that is shown: the most severe one, the first of these.
    shown: &'a Finding,
    /// The others.
    copies: Vec<&'a Finding>,
}

/// Findings of the same credential brought together, in order of first appearance.
fn credentials(findings: &[Finding]) -> Vec<Credential<'_>> {
    let mut index = BTreeMap::new();
    let mut credentials: Vec<Credential> = Vec::new();
    for finding in findings {
        let at = *index.entry(finding.credential).or_insert(credentials.len());
        match credentials.get_mut(at) {
            None => credentials.push(Credential { shown: finding, copies: Vec::new() }),
            Some(known) if finding.severity > known.shown.severity => {
                known.copies.insert(0, std::mem::replace(&mut known.shown, finding));
            }
            Some(known) => known.copies.push(finding),
        }
    }
    credentials
}

struct Printer<'a> {
    rules: &'a RuleSet,
    redactor: Redactor,
    paint: Paint,
    width: usize,
}

impl Printer<'_> {
    fn block(&self, credential: &Credential, out: &mut dyn Write) -> io::Result<()> {
        let finding = credential.shown;
        let (parts, repeated) = finding.places();
        self.heading(finding, out)?;

        let last_line = parts.iter().map(|part| part.start.line).max().unwrap_or(1);
        let gutter = last_line.to_string().len();
        let frame = |sign: &str| self.paint.paint(Role::Frame, sign);
        let arrow = frame(&format!("{:gutter$}-->", ""));
        writeln!(out, "{arrow} {}", place(finding, finding.primary()))?;
        let ruler = frame(&format!("{:gutter$} |", ""));
        writeln!(out, "{ruler}")?;

        let room = self.width - (gutter + 3);
        let caret = Role::Severity(finding.severity);
        let mut reached = None;
        for row in source::rows(&parts, &self.redactor, room) {
            if reached.is_some_and(|reached| row.number > reached + 1) {
                writeln!(out, "{}", frame("..."))?;
            }
            reached = Some(row.number);
            let number = frame(&format!("{:>gutter$} |", row.number));
            writeln!(out, "{}", format!("{number} {}", row.text()).trim_end())?;
            for line in row.underlines(room, self.paint, caret) {
                writeln!(out, "{ruler} {line}")?;
            }
        }
        writeln!(out, "{ruler}")?;
        self.notes(credential, &parts, &repeated, gutter, out)
    }

    fn heading(&self, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
        const INDENT: usize = 4;
        let rule = finding.rule.as_str();
        let title = self.rules.get(rule).map_or(rule, |rule| &rule.title);
        let class = match finding.class {
            Class::Leak => "",
            Class::Example => " (example or placeholder)",
        };
        let name = format!("{}[{rule}]", finding.severity);
        let heading = format!("{name}: {}{class}", escape(title));
        let room = if heading.width() > self.width { self.width - INDENT } else { self.width };
        for line in wrap::wrap(&heading, room) {
            match line.strip_prefix(&name) {
                Some(title) => writeln!(
                    out,
                    "{}{}",
                    self.paint.paint(Role::Severity(finding.severity), &name),
                    self.paint.paint(Role::Strong, title)
                )?,
                None => writeln!(out, "{:INDENT$}{}", "", self.paint.paint(Role::Strong, &line))?,
            }
        }
        Ok(())
    }

    fn notes(
        &self,
        credential: &Credential,
        parts: &[&Part],
        repeated: &[&Part],
        gutter: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let finding = credential.shown;
        match (&finding.history, finding.origin.commit()) {
            (Some(told), _) => {
                let lines = history::lines(told, MOST_PLACES, &self.redactor);
                self.lines("in history", &lines, gutter, out)?;
            }
            (None, Some(commit)) => {
                let described = commit::described(commit, &self.redactor);
                self.note("commit", &described, gutter, out)?;
            }
            (None, None) => {}
        }
        let confidence = format!("{}{}", finding.confidence, self.evidence(finding));
        self.note("confidence", &confidence, gutter, out)?;
        if let Some(account) = &finding.account {
            self.note("account", &escape(account), gutter, out)?;
        }
        for note in &finding.notes {
            let words = self.redactor.words(note.as_str());
            self.note("note", &escape(&words), gutter, out)?;
        }
        if self.redactor.secrets() == Secrets::Shown {
            for part in parts.iter().filter(|part| source::is_shortened(part)) {
                let value = self.redactor.value(part.kind, &part.value);
                self.note(part.kind.describe(), &escape(&value), gutter, out)?;
            }
        }
        let mut places: Vec<String> = repeated
            .iter()
            .map(|part| place(finding, part))
            .chain(credential.copies.iter().copied().map(copied))
            .collect();
        if places.len() > MOST_PLACES {
            let more = places.len() - MOST_PLACES;
            places.truncate(MOST_PLACES);
            places.push(format!("and {more} more places (--format json lists all)"));
        }
        self.lines("also at", &places, gutter, out)?;
        self.note("instead", &escape(&finding.advice.instead), gutter, out)?;
        self.note("see", &escape(&finding.advice.link), gutter, out)
    }

    /// What speaks for and against the parts, each reason once.
    fn evidence(&self, finding: &Finding) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        for evidence in finding.parts.iter().flat_map(|part| &part.evidence) {
            if !reasons.contains(&evidence.as_str()) {
                reasons.push(evidence.as_str());
            }
        }
        let reasons = reasons.join("; ");
        let reasons = escape(&self.redactor.words(&reasons)).into_owned();
        if reasons.is_empty() { reasons } else { format!(": {reasons}") }
    }

    /// `= label: ...`, broken at spaces; nothing for an empty text.
    fn note(&self, label: &str, text: &str, gutter: usize, out: &mut dyn Write) -> io::Result<()> {
        let room = self.width.saturating_sub(note_indent(label, gutter));
        self.lines(label, &wrap::wrap(text, room), gutter, out)
    }

    /// `= label: ...`, these lines as they are; nothing for no lines.
    fn lines(
        &self,
        label: &str,
        lines: &[String],
        gutter: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let sign = self.paint.paint(Role::Frame, "=");
        let mut before =
            format!("{:gutter$} {sign} {}: ", "", self.paint.paint(Role::Strong, label));
        for line in lines {
            writeln!(out, "{before}{line}")?;
            before = " ".repeat(note_indent(label, gutter));
        }
        Ok(())
    }
}

/// The column at which the text of a note starts: after ` = label: `.
fn note_indent(label: &str, gutter: usize) -> usize {
    gutter + label.len() + 5
}

/// `path:line:column`, as terminals and editors link it.
fn place(finding: &Finding, part: &Part) -> String {
    let path = finding.origin.path().to_string_lossy();
    format!("{}:{}:{}", escape(&path), part.start.line, part.start.column)
}

/// The place of a finding that is not shown, with its commit.
fn copied(copy: &Finding) -> String {
    let place = place(copy, copy.primary());
    match copy.origin.commit() {
        Some(commit) => format!("{place} in {}", commit::short(commit)),
        None => place,
    }
}
