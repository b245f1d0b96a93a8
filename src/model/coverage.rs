//! What a run scanned, what it left out on purpose, and what it could not scan.
//!
//! A run that holds a [`Problem`] is not done whole and never ends as clean. The one exception is asked for: with
//! `--allow-incomplete`, problems of kinds that [lie in the input itself](ProblemKind::lies_in_input) are set apart as
//! gaps, which are named and change nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// Why something was left out on purpose. Counted, and not an error.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOut {
    /// Directory entries matched by `.gitignore`, `.ignore` or a global exclude; a directory counts once.
    Ignored,
    /// Entries matched by `--exclude` or the configuration's `exclude`; a directory counts once.
    Excluded,
    /// Entries whose name starts with a dot, with `--no-hidden`; a directory counts once.
    Hidden,
    /// `.git` directories, which hold a repository's own data.
    GitDirectory,
    /// Symbolic links, without `--follow`.
    SymbolicLink,
    /// FIFOs, sockets and devices met in a directory.
    SpecialFile,
    /// Submodules: their content is another repository's.
    Submodule,
}

impl LeftOut {
    /// What such entries are, in words that go with any number of them: "symbolic links (1)".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Ignored => "matched by ignore files",
            Self::Excluded => "excluded",
            Self::Hidden => "hidden",
            Self::GitDirectory => ".git directories",
            Self::SymbolicLink => "symbolic links",
            Self::SpecialFile => "special files",
            Self::Submodule => "submodules",
        }
    }
}

/// What kind of input could not be scanned whole.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// A file or directory could not be opened or read.
    Unreadable,
    /// A path that was asked for does not exist, or vanished before it was read.
    Missing,
    /// A file became shorter while it was read.
    Changed,
    /// A limit was reached: a size given with `--max-file-size`, or a built-in bound.
    OverLimit,
    /// It is encrypted: a member of an archive.
    Encrypted,
    /// It is compressed or packed in a way that keylint does not read.
    Unsupported,
    /// The commits it is to be compared with, or that led to it, are not in the repository: a shallow clone.
    Shallow,
    /// Objects were left out of the repository: a partial clone.
    Partial,
    /// keylint itself failed on this input.
    Internal,
    /// The run was interrupted.
    Interrupted,
}

impl ProblemKind {
    /// Whether an input of this kind cannot be scanned by its own making, however often one tries. These are what
    /// `--allow-incomplete` lets pass; a limit, a failure or an interruption may be over the next time, and is not.
    pub fn lies_in_input(self) -> bool {
        match self {
            Self::Encrypted | Self::Unsupported | Self::Shallow | Self::Partial => true,
            Self::Unreadable
            | Self::Missing
            | Self::Changed
            | Self::OverLimit
            | Self::Internal
            | Self::Interrupted => false,
        }
    }
}

/// One input that was not scanned, or not scanned whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The path that was not scanned; `None` when the whole run is concerned.
    pub path: Option<PathBuf>,
    /// What went wrong, for machines.
    pub kind: ProblemKind,
    /// What went wrong, for people. Never holds scanned content.
    pub message: String,
}

/// Something in the scanned text that does not do what its author meant it to. Not an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The path it stands in.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong, for people. May hold scanned text, but never a credential.
    pub message: String,
}

/// What one run covered.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Blobs scanned (files, or standard input).
    pub files: u64,
    /// Bytes scanned.
    pub bytes: u64,
    /// Members of archives scanned, and contents of compressed files.
    pub members: u64,
    /// Bytes of members scanned.
    pub unpacked: u64,
    /// Wall time of the scan.
    pub elapsed: Duration,
    /// How many entries were left out on purpose, by reason.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Inputs not scanned whole, sorted by path.
    pub problems: Vec<Problem>,
    /// What is wrong with comments that were to silence something, sorted by place.
    pub warnings: Vec<Warning>,
    /// Inputs not scanned whole that were allowed to be (`--allow-incomplete`), sorted by path.
    pub gaps: Vec<Problem>,
    /// Findings that are documentation examples or placeholders and were not asked for.
    pub examples: u64,
    /// Findings of rules that the configuration disables.
    pub disabled: u64,
    /// Findings below the confidence asked for.
    pub below_confidence: u64,
}

impl Coverage {
    /// Adds what another part of the run covered; of the wall time the longer one counts.
    pub fn add(&mut self, other: Self) {
        let Self {
            files,
            bytes,
            elapsed,
            left_out,
            problems,
            gaps,
            members,
            unpacked,
            warnings,
            examples,
            disabled,
            below_confidence,
        } = other;
        self.files += files;
        self.bytes += bytes;
        self.members += members;
        self.unpacked += unpacked;
        self.elapsed = self.elapsed.max(elapsed);
        for (reason, count) in left_out {
            *self.left_out.entry(reason).or_default() += count;
        }
        self.problems.extend(problems);
        self.gaps.extend(gaps);
        self.warnings.extend(warnings);
        self.examples += examples;
        self.disabled += disabled;
        self.below_confidence += below_confidence;
    }

    /// Whether everything that was asked for was scanned whole, but for the gaps that were allowed.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }
}
