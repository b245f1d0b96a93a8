//! Findings → bytes on a writer. One file a format; none of them knows a terminal, a file or an exit status.
//!
//! Every format is one function, `write(&Report, &Options, &mut dyn Write) -> io::Result<()>`, which fails only where
//! its writer does. [`json`] and [`jsonl`] specify their wire format on the types that write it and can print it as a
//! JSON Schema. Every byte of a credential that reaches a report, and every line of scanned text, goes through
//! [`redact`]; scanned text that is meant for a terminal also goes through [`escape`].

mod commit;
pub mod escape;
mod history;
pub mod json;
pub mod jsonl;
pub mod redact;
pub mod sarif;
mod silenced;
pub mod text;

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::silenced::{Silenced, Unused};
use crate::rules::load::RuleSet;

/// What there is to report.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// Findings at or above the confidence asked for, sorted by path and place.
    pub findings: &'a [Finding],
    /// Findings that are known and accepted, in the same order.
    pub silenced: &'a [Silenced],
    /// What silenced nothing, if that was asked for.
    pub unused: Option<&'a [Unused]>,
    /// What was scanned and what was not.
    pub coverage: &'a Coverage,
    /// The rules that were looked for.
    pub rules: &'a RuleSet,
}

impl<'a> Report<'a> {
    /// All findings, shown or not: what a redactor has to know.
    fn all(&self) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().chain(self.silenced.iter().map(|silenced| &silenced.finding))
    }
}

/// How a report is written. `secrets` and `silenced` concern every format, the rest is for [`text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether credentials are redacted.
    pub secrets: Secrets,
    /// Whether findings that are known and accepted are listed.
    pub silenced: Listing,
    /// Whether the text format uses colour.
    pub color: Color,
    /// Columns that the text format may use; less than 40 counts as 40.
    pub width: usize,
    /// How much the text format says beside the findings.
    pub verbosity: Verbosity,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            secrets: Secrets::Redacted,
            silenced: Listing::Counted,
            color: Color::Plain,
            width: 80,
            verbosity: Verbosity::Normal,
        }
    }
}

/// Whether a report holds credentials in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Values are cut to a few characters, and lines are masked.
    Redacted,
    /// Values and lines are shown as they are, because the user asked for it.
    Shown,
}

/// Whether a report lists something, or says only how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Their number is given.
    Counted,
    /// Each of them is told.
    Listed,
}

/// Whether text is coloured. The words are the same either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// No escape sequences.
    Plain,
    /// ANSI escape sequences.
    Ansi,
}

/// How much the text format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Findings, and inputs that were not scanned.
    Quiet,
    /// Also what to do about leaked keys, and a summary.
    Normal,
}

/// Bytes of a path that stand as they are in a URI; `!` leads into archives, as in `jar:` URIs.
const PATH_IN_URI: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'!').remove(b'/');

/// A path as the path of a URI: its bytes percent-encoded, `/` between components.
fn percent_encoded(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if std::path::MAIN_SEPARATOR == '/' {
        return percent_encode(bytes, PATH_IN_URI).to_string();
    }
    let slashed: Vec<u8> =
        bytes.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
    percent_encode(&slashed, PATH_IN_URI).to_string()
}
