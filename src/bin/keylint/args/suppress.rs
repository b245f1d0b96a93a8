//! What scanning commands take about findings that are known.

use std::path::PathBuf;

use clap::Args;
use keylint::config::schema::Options;

use super::run::switch;

/// What every command takes that goes by what is known.
#[derive(Debug, Args)]
#[command(next_help_heading = "Known findings")]
#[expect(clippy::struct_excessive_bools, reason = "clap has a field for each switch")]
pub(crate) struct SuppressArgs {
    /// Silence the findings that this baseline knows; reports of gitleaks and baselines of detect-secrets and Kingfisher
    /// are taken, too [default: .keylint-baseline.json, if there is one]
    #[arg(long, value_name = "FILE", overrides_with = "no_baseline")]
    pub(crate) baseline: Option<PathBuf>,

    /// Use no baseline
    #[arg(long, overrides_with = "baseline")]
    pub(crate) no_baseline: bool,

    /// Ignore keylint's comments in the scanned text
    #[arg(long, overrides_with = "inline")]
    no_inline: bool,
    #[arg(long, overrides_with = "no_inline", hide = true)]
    inline: bool,

    /// Ignore other tools' comments and ignore files
    #[arg(long, overrides_with = "foreign")]
    no_foreign: bool,
    #[arg(long, overrides_with = "no_foreign", hide = true)]
    foreign: bool,

    /// List the findings that are silenced; SARIF reports do so by default
    #[arg(long, overrides_with = "no_show_silenced")]
    show_silenced: bool,
    #[arg(long, overrides_with = "show_silenced", hide = true)]
    no_show_silenced: bool,
}

impl SuppressArgs {
    /// Adds what was typed to the other options.
    pub(super) fn add_to(&self, options: &mut Options) {
        options.inline = switch(self.inline, self.no_inline);
        options.foreign = switch(self.foreign, self.no_foreign);
        options.show_silenced = switch(self.show_silenced, self.no_show_silenced);
    }
}
