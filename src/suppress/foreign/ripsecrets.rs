//! `.secretsignore` of ripsecrets: path patterns in `.gitignore` syntax and, below `[secrets]`, values in plain text.

use std::collections::HashMap;

use ignore::gitignore::GitignoreBuilder;

use super::Problem;
use super::carry::Carry;
use super::list::{ForeignList, Scope};
use crate::model::secret::Secret;

/// The line between the two parts.
const HEADER: &str = "[secrets]";

/// Path patterns of one file; all of them are compiled into one matcher.
const MAX_GLOBS: usize = 10_000;

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let mut lines = (1u64..).zip(text.lines());
    let mut globs = GitignoreBuilder::new("");
    let mut entries = HashMap::new();
    for (number, line) in lines.by_ref() {
        if line == HEADER {
            break;
        }
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if entries.len() == MAX_GLOBS {
            return Err((number, format!("there are more than {MAX_GLOBS} path patterns")));
        }
        globs
            .add_line(None, line)
            .map_err(|_| (number, "the pattern is no `.gitignore` pattern".to_owned()))?;
        if trimmed.starts_with('!') {
            list.pass_over(number, "paths that are not ignored after all");
            continue;
        }
        let carry = Carry::path(trimmed);
        let entry = list.push(number, format!("paths {trimmed}"), None, carry);
        list.mark_general(entry);
        entries.insert(line.trim_end().to_owned(), entry);
    }
    let globs = globs.build().map_err(|_| (1, "the patterns together are too large".to_owned()))?;
    list.set_globs(globs, entries);
    for (number, line) in lines {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = list.push(number, "a value", None, Carry::credentials());
        list.mark_general(entry);
        list.of_value(entry, Secret::new(line.as_bytes()), Scope::Anywhere);
    }
    Ok(())
}
