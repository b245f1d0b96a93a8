//! What the command line, the configuration file and the policy together mean, and whose word about findings counts.

use std::env;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use keylint::config::schema::Options;
use keylint::config::settings::{Settings, Watched};
use keylint::config::tables::{May, Repository, Tables};
use keylint::config::{discover, schema};
use keylint::model::allow::Allow;
use keylint::model::secret::Secret;
use keylint::model::silenced::Form;
use keylint::rules::load::RuleSet;
use keylint::suppress::allow::AllowList;
use keylint::suppress::baseline::{self, Baseline};
use keylint::suppress::foreign::{self, ForeignList};
use keylint::suppress::{List, Suppressions};

use crate::args::{ConfigArgs, SuppressArgs};

/// All that a run goes by.
pub(crate) struct Resolved {
    pub(crate) settings: Settings,
    /// The configuration file that had a part in them.
    pub(crate) file: Option<PathBuf>,
    /// The directory in which configuration is looked for last; where files of suppressions lie.
    pub(crate) root: PathBuf,
    allow: Vec<Allowed>,
    may: Repository,
    no_repo_config: bool,
    /// Whether other tools' files have a say, where the settings let their comments have one.
    pub(crate) foreign_files: bool,
}

/// The entries of one file.
struct Allowed {
    form: Form,
    file: PathBuf,
    base: PathBuf,
    entries: Vec<Allow>,
}

/// Resolves the settings of a scan whose first path is `first`: what is typed goes before the policy, and the policy
/// before what the repository brings along.
pub(crate) fn resolve(
    typed: &Options,
    config: &ConfigArgs,
    first: &Path,
    rules: &RuleSet,
) -> anyhow::Result<Resolved> {
    let here = env::current_dir().context("the current directory cannot be found")?;
    let root = discover::root(first).unwrap_or_else(|| here.clone());
    let policy = config.policy.as_deref().map(|file| read(file, rules)).transpose()?;
    let may = match &policy {
        Some(policy) => policy.tables.repository.clone().unwrap_or_default(),
        None => everything(),
    };
    let mut settings = Settings::default();
    let mut allow = Vec::new();
    let file = applicable(config, first)?;
    if let Some(file) = &file {
        let mut written = read(file, rules)?;
        if let Some(repository) = &written.tables.repository {
            let line = repository.line;
            bail!("{}:{line}: `repository` belongs into a policy (--policy)", file.display());
        }
        // A file that is named on the command line is the user's, wherever it lies.
        if config.config.is_none() {
            restrict(&mut written, &may);
        }
        let base = here.join(file).parent().map_or(here.clone(), Path::to_owned);
        settings.update(&written, &base);
        let (file, entries) = (shown(file, &here), written.tables.allow);
        allow.push(Allowed { form: Form::ALLOW, file, base, entries });
    }
    if let (Some(policy), Some(file)) = (policy, &config.policy) {
        settings.suppress.inline = may.may.contains(&May::Inline);
        settings.suppress.foreign = may.may.contains(&May::Foreign);
        settings.suppress.own_additions = may.own_additions;
        settings.update(&policy, &root);
        let (form, file, entries) = (Form::POLICY, shown(file, &here), policy.tables.allow);
        allow.insert(0, Allowed { form, file, base: root.clone(), entries });
    }
    settings.update(typed, &here);
    let enabled = |rule: &keylint::rules::schema::Rule| {
        settings.rules.get(&rule.id).is_none_or(|rule| rule.enabled != Some(false))
    };
    if !rules.rules().iter().any(enabled) {
        bail!("no rule is enabled, so nothing would be found: see [rules] in the configuration");
    }
    let no_repo_config = config.no_repo_config;
    Ok(Resolved { settings, file, root, allow, may, no_repo_config, foreign_files: true })
}

/// Without a policy everything in a repository counts.
fn everything() -> Repository {
    let may = May::ALL.into_iter().map(|(_, may)| may).collect();
    Repository { may, own_additions: true, line: 0 }
}

/// Reads a configuration file and holds the rules that it names against those there are.
fn read(file: &Path, rules: &RuleSet) -> anyhow::Result<Options> {
    let written = discover::read(file)?;
    let Tables { allow, rules: overrides, .. } = &written.tables;
    let allowed = allow.iter().filter_map(|allow| Some((allow.line, allow.rule.as_deref()?)));
    let overridden = overrides.iter().map(|rule| (rule.line, rule.id.as_str()));
    for (line, rule) in allowed.chain(overridden) {
        if rules.get(rule).is_none() {
            bail!(
                "{}:{line}: there is no rule of the name that stands here; `keylint rules` lists them",
                file.display()
            );
        }
    }
    Ok(written)
}

/// Takes out of a repository's configuration what the policy does not let it say.
fn restrict(written: &mut Options, rights: &Repository) {
    let may = |kind| rights.may.contains(&kind);
    // In full, so that no key is added without a right that it falls under.
    let Options {
        format,
        fail_on,
        min_confidence,
        include_examples,
        threads,
        ignore,
        hidden,
        follow,
        decode,
        exclude,
        max_file_size,
        inline,
        foreign,
        show_silenced,
        allow_incomplete,
        archives,
        archive_depth,
        archive_members,
        archive_member_size,
        archive_total_size,
        archive_ratio,
        archive_memory,
        archive_time,
        color,
        quiet,
        verbose,
        show_secrets,
        report_unused,
        tables,
    } = std::mem::take(written);
    if may(May::Settings) {
        *written = Options {
            format,
            fail_on,
            min_confidence,
            include_examples,
            threads,
            follow,
            inline,
            foreign,
            show_silenced,
            color,
            quiet,
            verbose,
            show_secrets,
            report_unused,
            ..Options::default()
        };
    }
    if may(May::Exclude) {
        *written = Options {
            ignore,
            hidden,
            decode,
            exclude,
            max_file_size,
            allow_incomplete,
            archives,
            archive_depth,
            archive_members,
            archive_member_size,
            archive_total_size,
            archive_ratio,
            archive_memory,
            archive_time,
            ..std::mem::take(written)
        };
    }
    written.tables = allowed_tables(tables, rights);
}

fn allowed_tables(mut tables: Tables, rights: &Repository) -> Tables {
    let allow = std::mem::take(&mut tables.allow);
    let tables = if rights.may.contains(&May::Rules) { tables } else { Tables::default() };
    let allow = if rights.may.contains(&May::Allow) { allow } else { Vec::new() };
    Tables { allow, ..tables }
}

fn applicable(args: &ConfigArgs, first: &Path) -> Result<Option<PathBuf>, schema::ConfigError> {
    match &args.config {
        Some(file) => Ok(Some(file.clone())),
        None if args.no_config || args.no_repo_config => Ok(None),
        None => discover::find(first),
    }
}

/// A path as a report shows it: from the current directory, if it lies below that.
pub(crate) fn shown(path: &Path, here: &Path) -> PathBuf {
    let here = here.canonicalize().unwrap_or_else(|_| here.to_owned());
    let absolute = path.canonicalize().unwrap_or_else(|_| here.join(path));
    absolute.strip_prefix(&here).map_or_else(|_| path.to_owned(), Path::to_owned)
}

/// What other tools' files need besides themselves: betterleaks takes the key of its digests from the environment.
pub(crate) fn foreign_options() -> foreign::Options {
    let key = env::var_os(foreign::BETTERLEAKS_KEY_VARIABLE);
    foreign::Options { betterleaks_key: key.map(|key| Secret::new(key.into_encoded_bytes())) }
}

impl Resolved {
    /// The file of the baseline that is in use, if one is.
    pub(crate) fn baseline(&self, suppress: &SuppressArgs) -> Option<PathBuf> {
        if suppress.no_baseline {
            return None;
        }
        if let Some(file) = &suppress.baseline {
            return Some(file.clone());
        }
        if self.no_repo_config || !self.may.may.contains(&May::Baseline) {
            return None;
        }
        let file = self.root.join(baseline::FILE_NAME);
        // A link that leads nowhere is an entry: whoever set it meant a file.
        file.symlink_metadata().is_ok().then_some(file)
    }

    /// What stands in files about findings: the policy's word first, then that of the configuration, the baseline, and
    /// other tools' files. Notes down which files these are. If the baseline turns out to be no such file later on, that
    /// sets `interrupted`.
    pub(crate) fn suppressions(
        &mut self,
        baseline: Option<&Path>,
        interrupted: &Arc<AtomicBool>,
    ) -> anyhow::Result<Loading> {
        let here = env::current_dir().unwrap_or_default();
        let mut files = Vec::new();
        let mut allow = Vec::new();
        for Allowed { form, file, base, entries } in std::mem::take(&mut self.allow) {
            allow.push(AllowList::new(form, &file, &base, entries));
            files.push(file);
        }
        let reading = baseline.map(|file| {
            let file = shown(file, &here);
            files.push(file.clone());
            let (root, interrupted) = (self.root.clone(), Arc::clone(interrupted));
            thread::spawn(move || {
                let read = read_baseline(&file, &root);
                if read.is_err() {
                    interrupted.store(true, Ordering::Relaxed);
                }
                read
            })
        });
        let mut foreign = Vec::new();
        if self.settings.suppress.foreign && self.foreign_files && !self.no_repo_config {
            foreign = foreign::load(&self.root, &here, &foreign_options())?;
            files.extend(foreign.iter().map(|list| list.path().to_owned()));
        }
        self.settings.watched = files.into_iter().filter_map(|file| self.watched(file)).collect();
        Ok(Loading { allow, reading, baseline: None, foreign })
    }

    fn watched(&self, shown: PathBuf) -> Option<Watched> {
        let absolute = shown.canonicalize().ok()?;
        let scope = absolute.strip_prefix(&self.root).ok()?.to_owned();
        Some(Watched { shown, scope })
    }
}

/// Lists, one of which may still be read: a baseline can have 100,000 entries, and nobody asks for one before the scan
/// is over.
pub(crate) struct Loading {
    allow: Vec<AllowList>,
    reading: Option<JoinHandle<anyhow::Result<Box<dyn List + Send>>>>,
    baseline: Option<Box<dyn List + Send>>,
    foreign: Vec<ForeignList>,
}

impl Loading {
    /// Waits until all are read.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(reading) = self.reading.take() {
            self.baseline = Some(reading.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(())
    }

    /// The lists, once all are read.
    pub(crate) fn finish(mut self) -> anyhow::Result<Suppressions> {
        self.wait()?;
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let mut suppressions = Suppressions::new(today);
        self.allow.into_iter().for_each(|list| suppressions.add(Box::new(list)));
        if let Some(baseline) = self.baseline {
            suppressions.add(baseline);
        }
        self.foreign.into_iter().for_each(|list| suppressions.add(Box::new(list)));
        Ok(suppressions)
    }
}

/// Reads a baseline of keylint's or of another tool's.
fn read_baseline(file: &Path, root: &Path) -> anyhow::Result<Box<dyn List + Send>> {
    if let Some(plain) = Baseline::read_plain(file)? {
        return Ok(Box::new(plain));
    }
    Ok(match foreign::read_baseline(file, root, &foreign_options())? {
        Some(foreign) => Box::new(foreign),
        None => Box::new(Baseline::read(file)?),
    })
}
