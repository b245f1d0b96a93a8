//! The JSON Lines format: one finding a line, then what else was asked for, then one line that sums up the scan. A report without that last line is
//! cut off.

use std::io::{self, Write};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;

use super::escape::escape_json;
use super::json::{Finding, SCHEMA, Scan, Silenced, Tool};
use super::redact::Redactor;
use super::silenced::Unused;
use super::{Listing, Options, Report};

/// Writes the report as JSON Lines.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let redactor = Redactor::new(options.secrets, report.all());
    for finding in report.findings {
        let finding = Finding::of(finding, report, &redactor);
        write_line(&Line::Finding(Box::new(finding)), out)?;
    }
    if options.silenced == Listing::Listed {
        for silenced in report.silenced {
            let silenced = Silenced::of(silenced, report, &redactor);
            write_line(&Line::Silenced(Box::new(silenced)), out)?;
        }
    }
    for unused in report.unused.unwrap_or_default() {
        write_line(&Line::Unused(Unused::of(unused, &redactor)), out)?;
    }
    let scan = Scan::of(report, &redactor);
    let summary = Summary { schema: SCHEMA, tool: Tool::default(), scan };
    write_line(&Line::Summary(summary), out)
}

/// The JSON Schema (draft 2020-12) of one line of what [`write()`] writes.
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Line>()
}

/// One line of a report of keylint in JSON Lines; `type` says which.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schemars(title = "line of a keylint report")]
enum Line<'a> {
    /// A finding, with the fields it has in the JSON format.
    Finding(Box<Finding<'a>>),
    /// A finding that is known and accepted. Only with `--show-silenced`.
    Silenced(Box<Silenced<'a>>),
    /// A suppression that silenced nothing, or has expired. Only with `--report-unused`.
    Unused(Unused),
    /// The last line.
    Summary(Summary<'a>),
}

/// What the JSON format says beside the findings.
#[derive(Serialize, JsonSchema)]
struct Summary<'a> {
    /// The version of this format: `keylint-report-1`.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// What wrote the report.
    tool: Tool,
    /// What was scanned, and whether that was all that was asked for.
    scan: Scan<'a>,
}

fn write_line(line: &Line, out: &mut dyn Write) -> io::Result<()> {
    let json = serde_json::to_string(line)?;
    writeln!(out, "{}", escape_json(&json))
}
