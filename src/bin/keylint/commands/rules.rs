//! `keylint rules`: what is looked for, and whether the rules do what they say.

use std::io::Write;
use std::sync::Arc;

use keylint::detect::check::{Failure, check};
use keylint::rules::load::RuleSet;
use keylint::rules::schema::Rule;

use crate::args::{ListFormat, RulesArgs};
use crate::exit::Status;
use crate::terminal;

/// The list as JSON. `schema` names this version of the format; each rule has the keys of a rule file.
#[derive(serde::Serialize)]
struct List<'a> {
    schema: &'static str,
    rules: &'a [Rule],
}

/// Runs the command.
pub(crate) fn run(args: &RulesArgs, out: &mut dyn Write) -> anyhow::Result<Status> {
    let set = Arc::new(RuleSet::builtin()?);
    if args.check {
        return hold_against_examples(&set, out);
    }
    match args.format {
        ListFormat::Text => {
            let longest = set.rules().iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            for Rule { id, severity, title, .. } in set.rules() {
                writeln!(out, "{id:longest$}  {severity:8}  {title}")?;
            }
        }
        ListFormat::Json => {
            let list = List { schema: "keylint-rules-1", rules: set.rules() };
            serde_json::to_writer_pretty(&mut *out, &list).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(Status::Clean)
}

fn hold_against_examples(set: &Arc<RuleSet>, out: &mut dyn Write) -> anyhow::Result<Status> {
    let failures = check(set);
    for Failure { rule, example, problem } in &failures {
        terminal::error(&format!("rule `{rule}`: {problem}, in the example: {example}"));
    }
    if !failures.is_empty() {
        return Ok(Status::Incomplete);
    }
    let count = |examples: fn(&Rule) -> &[String]| -> usize {
        set.rules().iter().map(|rule| examples(rule).len()).sum()
    };
    let (hits, misses) = (count(|rule| &rule.hits), count(|rule| &rule.misses));
    writeln!(
        out,
        "{} rules, {hits} hits and {misses} misses as they should be",
        set.rules().len()
    )?;
    Ok(Status::Clean)
}
