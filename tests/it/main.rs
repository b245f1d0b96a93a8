//! keylint's one integration target. A line per module says what belongs there.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic; clippy.toml knows only #[test] itself"
)]

#[cfg(unix)]
mod action; // the scan of `action.yml`, as GitHub runs it
mod allow; // what a configuration and a policy say of findings
mod bad_input; // input that cannot be read, or not whole, or should not be
mod baseline; // what baselines know, and what their file looks like
mod cli; // the command line: usage, help, configuration, where reports go, exit statuses
mod containers; // containers of every format, made at test time
mod corpus; // reads and expands fixtures, scans texts in a temporary directory
mod encodings; // encoders to wrap texts with
mod fixtures; // the corpus of shapes and look-alikes, scanned as a user would
mod foreign; // other tools' comments, ignore files and baselines: what they silence, and what not
mod formats; // from bytes on disk to places in reports, in every encoding, through the binary
mod grading; // severity, confidence, notes, and which run an ID is joined with
mod harness; // runs the binary in a sandbox
mod history; // what `keylint history` reports, in repositories made by git itself
mod hook; // hooks that keylint installs, in real commits and pushes
mod images; // images of containers: what later layers hide
mod index; // indexes of every kind, as the own reader of them sees them and as libgit2 does
mod inline; // comments that silence: extents, reports, windows, encodings, changes
mod layering; // who may import whom in src/, as ARCHITECTURE.md has it
mod migrate; // other tools' files carried over into keylint.toml
mod missing; // what a history lacks, and what `keylint history` says of it
mod notebooks; // cells, their lines, and their images
mod objects; // every object of repositories of every kind, against what git lists
mod pack; // packs and indexes that contradict themselves, are cut off, or have wrong bits
mod pre_receive; // what `keylint pre-receive` lets through, in real pushes
mod range; // what `keylint diff` reports of commits, in repositories made by git itself
mod report; // the findings that report tests are made of, and what holds for every format
mod report_json; // JSON and JSON Lines: snapshots, their own schema, read back strictly
mod report_sarif; // SARIF: snapshot, the official schema, what code scanning services insist on
mod report_text; // the text format: snapshots, widths, colour, odd characters
mod repository; // what the files of this repository may hold
mod rules; // the texts and examples of the rule files
mod staged; // what `keylint staged` reports of an index, in repositories made by git itself
mod triage; // findings gone through one by one, with answers from a pipe
mod unpack;
mod unpack_again; // archives known to hold nothing: passed over, and nobody can tell
mod unpack_at_once; // in one piece or as a stream: the same members, problems and charges
mod unpack_limits; // bombs, and what cannot be read: bounded, named, and the run goes on
mod windows; // windows and threads make no difference
mod wrapped; // credentials that do not stand in clear
