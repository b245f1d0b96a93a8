//! Lists of what is known and accepted, and of suppressions that are of no use: two lines each.

use std::io::{self, Write};

use super::paint::Role;
use super::{Printer, place};
use crate::model::silenced::{Entry, Silenced, Unused};
use crate::report::escape::escape;
use crate::report::silenced::{named, uselessness};

/// Findings that are not shown, each with what silences it.
pub(super) fn list(
    silenced: &[Silenced],
    printer: &Printer<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if silenced.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", printer.paint.paint(Role::Strong, "Known and accepted"))?;
    for Silenced { finding, by } in silenced {
        let part = finding.primary();
        let value = printer.redactor.value(part.kind, &part.value);
        let rule = &finding.rule;
        writeln!(out, "  {}: {rule} {}", place(finding, part), escape(&value))?;
        let words = printer.redactor.words(&said(by)).into_owned();
        writeln!(out, "    by {}: {}", at(by), escape(&words))?;
    }
    writeln!(out)
}

/// Suppressions that silenced nothing, or have expired.
pub(super) fn unused(
    unused: &[Unused],
    printer: &Printer<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let title = if unused.is_empty() { "No unused suppressions" } else { "Unused suppressions" };
    writeln!(out, "{}", printer.paint.paint(Role::Strong, title))?;
    for one in unused {
        let words = printer.redactor.words(&uselessness(one)).into_owned();
        writeln!(out, "  {}: {}", at(&one.entry), escape(&words))?;
    }
    writeln!(out)
}

fn at(entry: &Entry) -> String {
    format!("{}:{}", escape(&entry.path.to_string_lossy()), entry.line)
}

fn said(entry: &Entry) -> String {
    let mut said = named(entry);
    let reason = entry.reason.iter().map(|reason| format!("reason: {reason}"));
    let owner = entry.owner.iter().map(|owner| format!("owner: {owner}"));
    let expires = entry.expires.iter().map(|date| format!("until {date}"));
    let new = entry.is_new.then(|| "this change adds it".to_owned());
    for more in reason.chain(owner).chain(expires).chain(new) {
        said.push_str("; ");
        said.push_str(&more);
    }
    said
}
