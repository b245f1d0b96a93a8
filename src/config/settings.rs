//! The resolved settings of a run: every choice made, no options left.

use std::path::PathBuf;

use crate::model::finding::{Confidence, Severity};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One versioned object.
    Json,
    /// One finding a line, then the summary.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
}

/// From which severity on a run with findings ends with status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// Findings of this severity and above.
    Severity(Severity),
    /// Findings never change the exit status.
    Never,
}

/// A pattern of paths that are never opened, in `.gitignore` syntax, and the directory it is relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclude {
    /// The pattern as written.
    pub glob: String,
    /// The directory that a pattern with a slash is relative to: that of the configuration file, or the current one.
    pub base: PathBuf,
}

/// Everything a scan needs to know, resolved from defaults, configuration file and command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker threads; 0 picks as many as there are processors.
    pub threads: usize,
    /// Whether `.gitignore`, `.ignore` and global excludes are honoured.
    pub ignore_files: bool,
    /// Whether entries whose name starts with a dot are scanned.
    pub hidden: bool,
    /// Whether symbolic links are followed.
    pub follow: bool,
    /// Paths never opened.
    pub exclude: Vec<Exclude>,
    /// Files larger than this many bytes are not scanned, and named as such.
    pub max_file_size: Option<u64>,
    /// Findings below this confidence are counted and not shown.
    pub min_confidence: Confidence,
    /// Whether documentation examples and placeholders are shown.
    pub include_examples: bool,
    /// The threshold for exit status 1.
    pub fail_on: FailOn,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 0,
            ignore_files: true,
            hidden: true,
            follow: false,
            exclude: Vec::new(),
            max_file_size: None,
            min_confidence: Confidence::Medium,
            include_examples: false,
            fail_on: FailOn::Severity(Severity::Medium),
        }
    }
}
