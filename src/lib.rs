//! keylint finds leaked and hard-coded access keys: AWS key IDs, secret access keys and session tokens, joined to whole
//! credentials, with advice for the place where they were found. It never contacts a network and never writes to what
//! it scans.
//!
//! # How it works
//!
//! One way, one noun per arrow:
//!
//! ```text
//! Source ──► Blob ──► View ──► Candidate ──► Finding ──► Report
//! walk,      bytes    text     a value of    parts       text, JSON,
//! stdin,     with an  with a   the right     joined,     JSON Lines,
//! git        Origin   way back form, with    graded,     SARIF
//!                     to the   what stands   advised
//!                     original beside it
//! ```
//!
//! | module | what it is for | may import |
//! |---|---|---|
//! | [`model`] | the shared nouns: spans, secrets, blobs, findings, coverage | nothing |
//! | [`rules`] | what is looked for, as data | model |
//! | [`config`] | the user's settings, as data | model |
//! | [`sources`] | where bytes come from: trees, standard input, indexes, commits | model |
//! | [`decode`] | bytes → searchable text | model |
//! | [`unpack`] | containers → their members, bounded | model |
//! | [`suppress`] | the user's say-so about findings | model |
//! | [`report`] | findings → bytes on a writer | model, rules |
//! | [`detect`] | views → findings, pure and deterministic | model, rules, decode |
//! | [`scan`] | the pipeline over all of them, but reports | all but report |
//!
//! The command in `src/bin/keylint` uses this public API and nothing else. A test holds the table.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::AtomicBool;
//!
//! use keylint::config::settings::Settings;
//! use keylint::detect::Detector;
//! use keylint::report::{self, Report};
//! use keylint::rules::load::RuleSet;
//! use keylint::rules::placeholder::expand;
//! use keylint::scan::{self, Input};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let (text, _) = expand(
//!     "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n",
//! );
//! std::fs::write(folder.path().join("credentials"), text)?;
//!
//! let detector = Detector::new(Arc::new(RuleSet::builtin()?));
//! let inputs = [Input::Path(folder.path().to_owned())];
//! let outcome = scan::run(&inputs, &Settings::default(), &detector, &AtomicBool::new(false))?;
//!
//! assert!(outcome.coverage.is_complete());
//! assert_eq!(outcome.findings.len(), 1);
//! assert_eq!(outcome.findings[0].rule.as_str(), "aws-long-term-credentials");
//!
//! let report = Report {
//!     findings: &outcome.findings,
//!     silenced: &outcome.silenced,
//!     unused: None,
//!     coverage: &outcome.coverage,
//!     rules: detector.rules(),
//! };
//! report::text::write(&report, &report::Options::default(), &mut std::io::stdout())?;
//! # Ok(())
//! # }
//! ```

pub mod config;
pub mod decode;
pub mod detect;
pub mod model;
pub mod report;
pub mod rules;
pub mod scan;
pub mod sources;
pub mod suppress;
pub mod unpack;
