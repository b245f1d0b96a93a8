//! What the command line and the configuration file together mean.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use keylint::config::settings::Settings;
use keylint::config::{discover, schema};

use crate::args::ConfigArgs;

/// The settings of a scan whose first path is `first`, and the configuration file that had a part in them.
pub(crate) fn resolve(
    typed: &schema::Options,
    config: &ConfigArgs,
    first: &Path,
) -> anyhow::Result<(Settings, Option<PathBuf>)> {
    let here = env::current_dir().context("the current directory cannot be found")?;
    let mut settings = Settings::default();
    let file = applicable(config, first)?;
    if let Some(file) = &file {
        let written = discover::read(file)?;
        let absolute = here.join(file);
        settings.update(&written, absolute.parent().unwrap_or(&here));
    }
    settings.update(typed, &here);
    Ok((settings, file))
}

fn applicable(args: &ConfigArgs, first: &Path) -> Result<Option<PathBuf>, schema::ConfigError> {
    match &args.config {
        Some(file) => Ok(Some(file.clone())),
        None if args.no_config => Ok(None),
        None => discover::find(first),
    }
}
