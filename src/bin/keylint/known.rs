//! A scan of all of the tree for the commands that write down what is known.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};
use keylint::config::settings::Settings;
use keylint::rules::load::RuleSet;
use keylint::scan::{self, Input, Outcome, silence};
use keylint::sources::git::history::Narrowing;

use crate::args::KnownArgs;
use crate::settings::Resolved;
use crate::{interrupt, job, settings, terminal};

/// What was found.
pub(crate) struct Known {
    pub(crate) outcome: Outcome,
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) settings: Settings,
    /// Whether the next Ctrl-C ends the process at once: a command that asks its user something sets it.
    pub(crate) interrupted: Arc<AtomicBool>,
}

/// Resolves the settings of a scan of the tree around the current directory.
pub(crate) fn resolve(args: &KnownArgs) -> anyhow::Result<(Resolved, Arc<RuleSet>)> {
    let rules = Arc::new(RuleSet::builtin()?);
    let resolved =
        settings::resolve(&args.options(), &args.scanning.config, Path::new("."), &rules)?;
    terminal::install_logger(resolved.settings.presentation.verbosity);
    Ok((resolved, rules))
}

/// Scans the tree, and the history if that is wanted. A finding that is known by `baseline`, or by anything else, is
/// among the silenced ones. What is not whole is an error: a list of what is known must not depend on chance.
pub(crate) fn scan(
    mut resolved: Resolved,
    rules: Arc<RuleSet>,
    baseline: Option<&Path>,
    history: bool,
) -> anyhow::Result<Known> {
    let interrupted = interrupt::flag().context("Ctrl-C cannot be caught")?;
    let loading = resolved.suppressions(baseline, &interrupted)?;
    let Resolved { settings, root, .. } = resolved;
    let detector = job::detector(Arc::clone(&rules), &settings);
    let mut inputs = vec![Input::Path(from_here(root))];
    if history {
        let narrowing = Narrowing::default();
        inputs.push(Input::History { repository: None, narrowing });
    }
    let outcome = scan::run(&inputs, &settings, &detector, &interrupted);
    let mut suppressions = loading.finish()?;
    let mut outcome = outcome?;
    for problem in outcome.coverage.problems.iter().chain(&outcome.coverage.gaps) {
        let path = problem.path.as_ref().map(|path| format!("{}: ", path.display()));
        terminal::note(&format!("{}{}", path.unwrap_or_default(), problem.message));
    }
    if !outcome.coverage.is_complete() {
        bail!("not everything was scanned, so nothing was written (see --allow-incomplete)");
    }
    silence::apply(&mut outcome, &mut suppressions, &settings);
    Ok(Known { outcome, rules, settings, interrupted })
}

/// The root as a user standing here would write it.
fn from_here(root: PathBuf) -> PathBuf {
    let here = env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    if root == here { PathBuf::from(".") } else { root }
}
