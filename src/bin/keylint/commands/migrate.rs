//! `keylint migrate`: what other tools were told to leave alone, as entries in `keylint.toml`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use keylint::config::discover;
use keylint::config::schema::Options;
use keylint::config::settings::Settings;
use keylint::detect::Detector;
use keylint::model::silenced::{Kind, Silenced};
use keylint::report::escape::escape;
use keylint::rules::load::RuleSet;
use keylint::scan::places::Places;
use keylint::scan::silence::at_each_path;
use keylint::scan::{self, Input, Outcome};
use keylint::sources::git::history::Narrowing;
use keylint::suppress::List;
use keylint::suppress::foreign::migrate::{Plan, Planner, Remark, needs_history};
use keylint::suppress::foreign::{self, ForeignList};

use crate::args::MigrateArgs;
use crate::exit::Status;
use crate::outputs::{self, Readers};
use crate::settings::foreign_options;
use crate::{interrupt, terminal};

/// Runs the command. An error is something that kept it from reading or writing at all.
pub(crate) fn run(args: &MigrateArgs, out: &mut dyn Write) -> anyhow::Result<Status> {
    let root =
        root(&args.path).with_context(|| format!("{}: cannot be migrated", args.path.display()))?;
    let mut lists = read(&root, &args.baseline)?;
    let target = root.join(discover::FILE_NAME);
    let config = match fs::read_to_string(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| target.display().to_string())?,
    };
    // Paths are shown, and repositories looked for, from there.
    env::set_current_dir(&root).with_context(|| root.display().to_string())?;
    let outcome = scan(&root, needs_history(&lists))?;
    let mut planner = Planner::new(&mut lists, &config);
    let mut places = Places::new(None);
    for finding in &outcome.findings {
        at_each_path(finding, &mut places, |subject, _| planner.take(subject));
    }
    let plan = planner.finish();
    let added: String = plan.entries.iter().map(foreign::migrate::NewEntry::to_toml).collect();
    if !added.is_empty() && !args.dry_run {
        let text = format!("{config}{}{added}", if config.ends_with('\n') { "" } else { "\n" });
        let text = text.trim_start_matches('\n');
        // An `allow` that is no list of tables, for one, takes no further entry.
        Options::parse(&target, text).context("with the new entries it could not be read")?;
        outputs::write(&target, Readers::Anyone, |file| file.write_all(text.as_bytes()))?;
    }
    write_summary(&lists, &plan, args.dry_run.then_some(&*added), out)?;
    write_comments(&outcome.silenced, out)?;
    write_next(&lists, out)?;
    for problem in &outcome.coverage.problems {
        let path = problem.path.as_deref().unwrap_or(&root);
        terminal::note(&format!("{}: {}", path.display(), problem.message));
    }
    Ok(if outcome.coverage.is_complete() { Status::Clean } else { Status::Incomplete })
}

/// The root of the repository that `path` lies in; outside of one the directory itself.
fn root(path: &Path) -> io::Result<PathBuf> {
    let absolute = path.canonicalize()?;
    let directory = if absolute.is_dir() { Some(&*absolute) } else { absolute.parent() };
    let directory = directory.unwrap_or(&absolute);
    let root = directory.ancestors().find(|ancestor| ancestor.join(".git").exists());
    Ok(root.unwrap_or(directory).to_owned())
}

fn read(root: &Path, baselines: &[PathBuf]) -> anyhow::Result<Vec<ForeignList>> {
    let options = foreign_options();
    let mut lists = foreign::read_all(root, &options)?;
    for baseline in baselines {
        let list = foreign::read_baseline(baseline, root, &options)?;
        let expected =
            "not there, or no report of gitleaks and no baseline of detect-secrets or Kingfisher";
        lists.push(list.with_context(|| format!("{}: {expected}", baseline.display()))?);
    }
    Ok(lists)
}

/// Scans the tree as `keylint scan` would, and the history if entries speak of it.
fn scan(root: &Path, with_history: bool) -> anyhow::Result<Outcome> {
    let mut settings = Settings::default();
    if let Some(file) = discover::find(root)? {
        settings.update(&discover::read(&file)?, root);
    }
    let detector = Detector::new(Arc::new(RuleSet::builtin()?)).at(SystemTime::now());
    let interrupted = interrupt::flag().context("Ctrl-C cannot be caught")?;
    let mut outcome = scan::run(&[Input::Path(".".into())], &settings, &detector, &interrupted)?;
    if with_history && root.join(".git").exists() {
        let history = Input::History { repository: None, narrowing: Narrowing::default() };
        let past = scan::run(&[history], &settings, &detector, &interrupted)?;
        outcome.findings.extend(past.findings);
        outcome.coverage.problems.extend(past.coverage.problems);
    }
    Ok(outcome)
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
        writeln!(out, "{}: {entries} entries, {other} about other things", shown(list.path()))?;
    }
    if !lists.is_empty() {
        let count = plan.entries.len();
        match would_add {
            Some(text) => {
                writeln!(out, "\nWould add {count} entries to {}", discover::FILE_NAME)?;
                text.lines().try_for_each(|line| writeln!(out, "{}", escape(line)))?;
            }
            None => writeln!(out, "\nAdded {count} entries to {}", discover::FILE_NAME)?,
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

fn shown(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}
