//! What a user said about a finding so that it is not shown: found, but accepted.

use std::path::PathBuf;

use jiff::civil::Date;

use super::finding::Finding;

/// By whose convention, and in which kind of place, a suppression is written. Reports count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Form {
    /// What users know it by: the token of a comment (`keylint:allow`), or the usual name of a file
    /// (`.gitleaksignore`).
    pub name: &'static str,
    /// Where such suppressions stand.
    pub kind: Kind,
}

impl Form {
    /// A comment of keylint's own.
    pub const INLINE: Self = Self { name: "keylint:allow", kind: Kind::InSource };
    /// An `[[allow]]` entry of a configuration file.
    pub const ALLOW: Self = Self { name: "[[allow]]", kind: Kind::External };
    /// An `[[allow]]` entry of the policy that a repository's owner lays down.
    pub const POLICY: Self = Self { name: "policy", kind: Kind::External };
    /// An entry of a baseline of keylint's own.
    pub const BASELINE: Self = Self { name: "baseline", kind: Kind::External };
}

/// Where suppressions of a form stand, in SARIF's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// In the scanned text itself.
    InSource,
    /// In a file beside it.
    External,
}

/// One suppression, as a report names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What it is.
    pub form: Form,
    /// The file it stands in, as a report shows it.
    pub path: PathBuf,
    /// Its line there, from 1.
    pub line: u64,
    /// What it silences, in words or as written: `path = "tests/**"`. Scanned text: escape it before showing it on a
    /// terminal. Never holds a credential's bytes.
    pub what: String,
    /// Why, as its author says.
    pub reason: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// Whether the change that is scanned adds it itself.
    pub is_new: bool,
}

/// A finding that is not shown, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silenced {
    /// The finding.
    pub finding: Finding,
    /// What silences it; the first, where several do.
    pub by: Entry,
}

/// A suppression that is of no use: it silenced nothing, or has expired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unused {
    /// The suppression.
    pub entry: Entry,
    /// Whether it has expired. If not, nothing fits it.
    pub is_expired: bool,
}
