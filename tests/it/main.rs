//! keylint's one integration target. A line per module says what belongs there.

#![allow(clippy::unwrap_used, reason = "what a test cannot set up has failed")]

mod report; // the findings that report tests are made of, and what holds for every format
mod report_json; // JSON and JSON Lines: snapshots, their own schema, read back strictly
mod report_sarif; // SARIF: snapshot, the official schema, what code scanning services insist on
mod report_text; // the text format: snapshots, widths, colour, odd characters
