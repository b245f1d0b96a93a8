//! `keylint migrate`: what other tools were told to leave alone, as entries in `keylint.toml`.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use keylint::config::discover;
use keylint::model::silenced::{Kind, Silenced};
use keylint::report::escape::escape;
use keylint::scan::places::Places;
use keylint::scan::silence::at_each_path;
use keylint::suppress::List;
use keylint::suppress::foreign::migrate::{NewEntry, Plan, Planner, Remark, needs_history};
use keylint::suppress::foreign::{self, ForeignList};

use crate::args::MigrateArgs;
use crate::exit::Status;
use crate::settings::foreign_options;
use crate::{entries, known};

/// Runs the command. An error is something that kept it from reading or writing at all.
pub(crate) fn run(args: &MigrateArgs, out: &mut dyn Write) -> anyhow::Result<Status> {
    let (mut resolved, rules) = known::resolve(&args.known)?;
    let root = resolved.root.clone();
    let mut lists = read(&root, &args.files)?;
    let target = root.join(discover::FILE_NAME);
    let config = entries::read(&target)?;
    // What keylint's own entries silence needs no further ones, and what the lists silence is to be seen.
    resolved.foreign_files = false;
    let baseline = resolved.baseline(&args.known.scanning.suppress);
    let history = needs_history(&lists) && root.join(".git").exists();
    let found = known::scan(resolved, rules, baseline.as_deref(), history)?;
    let mut planner = Planner::new(&mut lists, &config);
    let mut places = Places::new(None);
    for finding in &found.outcome.findings {
        at_each_path(finding, &mut places, |subject, _| planner.take(subject));
    }
    let plan = planner.finish();
    let added: String = plan.entries.iter().map(NewEntry::to_toml).collect();
    if !added.is_empty() && !args.dry_run {
        entries::append(&target, &config, &added)?;
    }
    write_summary(&lists, &plan, args.dry_run.then_some(&*added), out)?;
    write_comments(&found.outcome.silenced, out)?;
    write_next(&lists, out)?;
    Ok(Status::Clean)
}

fn read(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<ForeignList>> {
    let options = foreign_options();
    let here = env::current_dir().unwrap_or_default();
    let mut lists = foreign::load(root, &here, &options)?;
    for file in files {
        let list = foreign::read_baseline(file, root, &options)?;
        let expected =
            "not there, or no report of gitleaks and no baseline of detect-secrets or Kingfisher";
        lists.push(list.with_context(|| format!("{}: {expected}", file.display()))?);
    }
    Ok(lists)
}

fn write_summary(
    lists: &[ForeignList],
    plan: &Plan,
    would_add: Option<&str>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if lists.is_empty() {
        writeln!(out, "No file of another tool was found.")?;
    }
    for list in lists {
        let (entries, other) = (list.len(), list.passed_over().len());
        let path = shown(list.path());
        writeln!(out, "{path}: {}, {other} about other things", counted(entries))?;
    }
    if !lists.is_empty() {
        let count = counted(plan.entries.len());
        match would_add {
            Some(text) => {
                writeln!(out, "\nWould add {count} to {}", discover::FILE_NAME)?;
                text.lines().try_for_each(|line| writeln!(out, "{}", escape(line)))?;
            }
            None => writeln!(out, "\nAdded {count} to {}", discover::FILE_NAME)?,
        }
    }
    remarks("Not carried over", &plan.left, out)?;
    remarks("Carried over, but look at these", &plan.doubts, out)
}

fn remarks(title: &str, remarks: &[Remark], out: &mut dyn Write) -> io::Result<()> {
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:")?;
    for Remark { path, line, words } in remarks {
        writeln!(out, "  {}:{line}: {}", shown(path), escape(words))?;
    }
    Ok(())
}

/// Comments are nobody's to rewrite but their authors'.
fn write_comments(silenced: &[Silenced], out: &mut dyn Write) -> io::Result<()> {
    let comments: BTreeSet<(&Path, u64, &str)> = silenced
        .iter()
        .filter(|one| {
            one.by.form.kind == Kind::InSource && !one.by.form.name.starts_with("keylint:")
        })
        .map(|one| (one.by.path.as_path(), one.by.line, one.by.what.as_str()))
        .collect();
    if comments.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nComments that stay as they are; keylint reads them, without --no-foreign:")?;
    for (path, line, what) in comments {
        writeln!(out, "  {}:{line}: {}", shown(path), escape(what))?;
    }
    Ok(())
}

fn write_next(lists: &[ForeignList], out: &mut dyn Write) -> io::Result<()> {
    if lists.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = lists.iter().map(|list| shown(list.path())).collect();
    writeln!(
        out,
        "\nNext: `keylint scan --no-foreign` shows what the entries in {} do not silence. When nothing but what you \
         want is left, these files can go: {}",
        discover::FILE_NAME,
        files.join(", ")
    )
}

fn counted(entries: usize) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}
