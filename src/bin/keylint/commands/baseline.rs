//! `keylint baseline`: writes down which findings are known, so that only new ones are reported.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use keylint::report::escape::escape;
use keylint::scan::places::Places;
use keylint::scan::silence::at_each_path;
use keylint::suppress::List;
use keylint::suppress::baseline::{Baseline, FILE_NAME, Settled};

use crate::args::{BaselineAction, BaselineFile};
use crate::exit::Status;
use crate::known;
use crate::outputs::{self, Readers};
use crate::settings::shown;

/// Runs the command. An error is something that kept it from doing all of it.
pub(crate) fn run(action: &BaselineAction, out: &mut dyn Write) -> anyhow::Result<Status> {
    let (BaselineAction::Create(args) | BaselineAction::Update(args) | BaselineAction::Prune(args)) =
        action;
    let (resolved, rules) = known::resolve(&args.known)?;
    let file = file(args, &resolved.root);
    let there = file.symlink_metadata().is_ok();
    let mut baseline = match action {
        BaselineAction::Create(_) if there => {
            bail!("{} is there already: `keylint baseline update` adds to it", file.display())
        }
        BaselineAction::Create(_) => Baseline::new(&file)?,
        _ if !there => {
            bail!("{} is not there: `keylint baseline create` makes one", file.display())
        }
        _ => Baseline::read(&file)?,
    };
    outputs::probe(&file)?;
    let found = known::scan(resolved, rules, None, args.history)?;
    let adds = !matches!(action, BaselineAction::Prune(_));
    let used = compare(&mut baseline, &found.outcome.findings, adds);
    let Settled { dropped, added, is_changed } =
        baseline.settle(|number| adds || used.contains(&number));
    let name = escape(&file.to_string_lossy()).into_owned();
    if there && !is_changed {
        writeln!(out, "{name}: unchanged, {} known", baseline.len())?;
        return Ok(Status::Clean);
    }
    let text = baseline.text();
    outputs::write(&file, Readers::Anyone, |out| out.write_all(text.as_bytes()))?;
    writeln!(out, "{name}: {} known ({added} added, {dropped} dropped)", baseline.len())?;
    Ok(Status::Clean)
}

/// Asks the baseline about each finding; returns the numbers of the entries that fit one. What is not known is added if
/// that is wanted.
fn compare(
    baseline: &mut Baseline,
    findings: &[keylint::model::finding::Finding],
    adds: bool,
) -> HashSet<usize> {
    let mut used = HashSet::new();
    let mut places = Places::new(None);
    for finding in findings {
        at_each_path(finding, &mut places, |subject, _| {
            let mut is_known = false;
            baseline.matches(subject, &mut |number| {
                is_known = true;
                used.insert(number);
            });
            if adds && !is_known {
                baseline.add(subject);
            }
        });
    }
    used
}

fn file(args: &BaselineFile, root: &Path) -> PathBuf {
    let typed = args.file.as_ref().or(args.known.scanning.suppress.baseline.as_ref());
    typed.cloned().unwrap_or_else(|| {
        shown(&root.join(FILE_NAME), &std::env::current_dir().unwrap_or_default())
    })
}
