//! What stands below the findings: what to do, what was scanned, and what was not.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use super::paint::{Paint, Role};
use super::wrap::wrap;
use super::{Credential, Printer};
use crate::model::coverage::{Coverage, Problem};
use crate::model::finding::{Class, Finding, Severity};
use crate::model::silenced::Silenced;
use crate::report::escape::escape;
use crate::report::silenced::{by_change, by_form};
use crate::report::{Report, Verbosity};

/// What to do about leaked keys, each list of steps once with the rules it is for.
pub(super) fn steps(
    findings: &[Finding],
    paint: Paint,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut lists: Vec<(&[String], BTreeSet<&str>)> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.class == Class::Leak) {
        let steps = finding.advice.steps.as_slice();
        match lists.iter_mut().find(|(known, _)| *known == steps) {
            Some((_, rules)) => {
                rules.insert(finding.rule.as_str());
            }
            None if steps.is_empty() => {}
            None => lists.push((steps, BTreeSet::from([finding.rule.as_str()]))),
        }
    }
    if lists.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", paint.paint(Role::Strong, "What to do about leaked keys"))?;
    let several = lists.len() > 1;
    for (steps, rules) in lists {
        if several {
            let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
            for line in wrap(&format!("{rules}:"), width) {
                writeln!(out, "{}", paint.paint(Role::Strong, &line))?;
            }
        }
        for (step, number) in steps.iter().zip(1..) {
            let mut before = format!("{number:>3}. ");
            for line in wrap(&escape(step), width - before.len()) {
                writeln!(out, "{before}{line}")?;
                before = " ".repeat(before.len());
            }
        }
    }
    writeln!(out)
}

/// How much was found, scanned and left out.
pub(super) fn totals(
    report: &Report,
    credentials: &[Credential],
    paint: Paint,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let coverage = report.coverage;
    let worst = credentials.iter().map(|credential| credential.shown.severity).max();
    let found = paint.paint(worst.map_or(Role::Calm, Role::Severity), &found(credentials));
    let places = report.findings.len();
    let places =
        if places > credentials.len() { format!(", in {places} places") } else { String::new() };
    writeln!(out, "{found}{}{places}", by_severity(credentials))?;
    let members = match coverage.members {
        0 => String::new(),
        members => {
            format!(", {}, {}", counted(members, "archive member"), size(coverage.unpacked))
        }
    };
    writeln!(
        out,
        "scanned {}, {}{members}, in {}",
        counted(coverage.files, "file"),
        size(coverage.bytes),
        time(coverage.elapsed)
    )?;
    let left_out: Vec<String> = coverage
        .left_out
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, &count)| format!("{} ({})", reason.describe(), grouped(count)))
        .collect();
    let mut before = "left out: ";
    for line in wrap(&left_out.join(", "), width - before.len()) {
        writeln!(out, "{before}{line}")?;
        before = "          ";
    }

    let mut label = "not shown: ";
    let mut not_shown = |what: String| {
        writeln!(out, "{label}{what}")?;
        label = "           ";
        io::Result::Ok(())
    };
    if !report.silenced.is_empty() {
        not_shown(known(report.silenced))?;
    }
    if coverage.disabled > 0 {
        let findings = counted(coverage.disabled, "finding");
        not_shown(format!("{findings} of rules that the configuration disables"))?;
    }
    if coverage.below_confidence > 0 {
        let findings = counted(coverage.below_confidence, "finding");
        not_shown(format!("{findings} of lower confidence (--min-confidence low)"))?;
    }
    if coverage.examples > 0 {
        let examples = counted(coverage.examples, "example");
        not_shown(format!("{examples} or the like (--include-examples)"))?;
    }
    Ok(())
}

/// How many findings are known and accepted, and by what.
fn known(silenced: &[Silenced]) -> String {
    let forms: Vec<String> = by_form(silenced)
        .into_iter()
        .map(|(form, count)| format!("{form} ({})", grouped(count)))
        .collect();
    let findings = counted(silenced.len() as u64, "known finding");
    let change = match by_change(silenced) {
        0 => String::new(),
        count => format!("; {} by what this change adds itself", grouped(count)),
    };
    format!("{findings}: {}{change} (--show-silenced)", forms.join(", "))
}

/// Comments that were to silence something and are not understood.
pub(super) fn warnings(
    coverage: &Coverage,
    printer: &Printer<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for warning in &coverage.warnings {
        let path = escape(&warning.path.to_string_lossy()).into_owned();
        let message = printer.redactor.words(&warning.message).into_owned();
        let label = printer.paint.paint(Role::Strong, "warning:");
        writeln!(out, "{label} {path}:{}: {}", warning.line, escape(&message))?;
    }
    Ok(())
}

/// Every input that was not scanned whole; first those that were allowed to be, unless `verbosity` is quiet. Empty when
/// all were.
pub(super) fn problems(
    coverage: &Coverage,
    verbosity: Verbosity,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Coverage { problems, gaps, .. } = coverage;
    if verbosity == Verbosity::Normal && !gaps.is_empty() {
        let count = counted(gaps.len() as u64, "gap");
        writeln!(
            out,
            "\n{}",
            paint.paint(Role::Strong, &format!("not scanned, as allowed: {count}"))
        )?;
        list(gaps, out)?;
    }
    if problems.is_empty() {
        return Ok(());
    }
    let count = counted(problems.len() as u64, "problem");
    if verbosity == Verbosity::Normal {
        writeln!(out)?;
    }
    writeln!(out, "{}", paint.paint(Role::Alarm, &format!("NOT SCANNED WHOLE: {count}")))?;
    list(problems, out)
}

fn list(problems: &[Problem], out: &mut dyn Write) -> io::Result<()> {
    for problem in problems {
        let message = escape(&problem.message);
        match &problem.path {
            Some(path) => writeln!(out, "  {}: {message}", escape(&path.to_string_lossy()))?,
            None => writeln!(out, "  {message}")?,
        }
    }
    Ok(())
}

fn found(credentials: &[Credential]) -> String {
    match credentials.len() {
        0 => "no credentials found".into(),
        count => format!("{} found", counted(count as u64, "credential")),
    }
}

fn by_severity(credentials: &[Credential]) -> String {
    let counts: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .map(|severity| {
            let of_it = |credential: &&Credential| credential.shown.severity == *severity;
            (credentials.iter().filter(of_it).count(), severity)
        })
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{} {severity}", grouped(count as u64)))
        .collect();
    if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) }
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in decimal units, three digits or so.
fn size(bytes: u64) -> String {
    let mut scaled = bytes as f64;
    let mut unit = "bytes";
    for larger in ["kB", "MB", "GB", "TB"] {
        if scaled < 999.5 {
            break;
        }
        scaled /= 1000.0;
        unit = larger;
    }
    match unit {
        "bytes" => counted(bytes, "byte"),
        _ if scaled >= 99.95 => format!("{scaled:.0} {unit}"),
        _ => format!("{scaled:.1} {unit}"),
    }
}

fn time(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => format!("{} ms", elapsed.as_millis()),
        1..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_204_000), "1,204,000");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(12_345_678), "12.3 MB");
        assert_eq!(size(999_999), "1.0 MB");
        assert_eq!(size(262_000_000), "262 MB");
        assert_eq!(time(Duration::from_micros(1_900)), "1 ms");
        assert_eq!(time(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(time(Duration::from_secs(125)), "2 min 5 s");
    }
}
