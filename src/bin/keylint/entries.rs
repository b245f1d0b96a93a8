//! New `[[allow]]` entries at the end of a configuration, for the commands that write some.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use keylint::config::schema::Options;

use crate::outputs::{self, Readers};

/// The text of a configuration, which may not be there yet.
pub(crate) fn read(file: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| file.display().to_string()),
    }
}

/// Writes the configuration `before` with `entries` behind it. One that could not be read any more is not written: an
/// `allow` that is a list of its own, for one, takes no `[[allow]]` besides.
pub(crate) fn append(file: &Path, before: &str, entries: &str) -> anyhow::Result<()> {
    let gap = if before.ends_with('\n') { "" } else { "\n" };
    let text = format!("{before}{gap}{entries}");
    let text = text.trim_start_matches('\n');
    Options::parse(file, text).context("with the new entries it could not be read")?;
    outputs::write(file, Readers::Anyone, |out| out.write_all(text.as_bytes()))
}
