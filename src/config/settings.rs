//! The resolved settings of a run: every choice made, no options left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::schema::Options;
use super::tables::RuleOverride;
use super::values::{Color, FailOn, Format, SizeLimit};
use crate::model::finding::{Confidence, Severity};

/// A pattern of paths that are never opened, in `.gitignore` syntax, and the directory it is relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclude {
    /// The pattern as written.
    pub glob: String,
    /// The directory that a pattern with a slash is relative to: that of the configuration file, or the current one.
    pub base: PathBuf,
}

/// How much is said beside the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Findings and problems.
    Quiet,
    /// Also a summary and notes.
    Normal,
    /// Also which configuration applied and what was left out.
    Verbose,
}

/// How the result of a scan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// The format, where the command line names none.
    pub format: Format,
    /// When to colour.
    pub color: Color,
    /// How much is said beside the findings.
    pub verbosity: Verbosity,
    /// Whether secrets are shown in full. Never set by a configuration file.
    pub show_secrets: bool,
    /// Whether findings that are known and accepted are listed; if nobody says, SARIF reports do.
    pub show_silenced: Option<bool>,
}

/// Whose say-so about findings counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Suppress {
    /// keylint's comments in the scanned text.
    pub inline: bool,
    /// Other tools' comments and files.
    pub foreign: bool,
    /// Whether suppressions that the scanned change itself adds count.
    pub own_additions: bool,
    /// Whether what silences nothing is searched for.
    pub report_unused: bool,
}

/// A file of suppressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// As reports show it.
    pub shown: PathBuf,
    /// From the root of its repository.
    pub scope: PathBuf,
}

/// Whether and how far archives are unpacked. What a limit keeps from being scanned is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archives {
    /// Whether they are unpacked at all, rather than scanned as they lie.
    pub unpack: bool,
    /// Archives within each other that are unpacked, the outermost included.
    pub depth: u32,
    /// Members of one archive.
    pub members: u64,
    /// Bytes that one member may expand to.
    pub member_size: u64,
    /// Bytes that all members of a file may expand to, at all depths together.
    pub total_size: u64,
    /// How many times its compressed size a stream may expand to.
    pub ratio: u64,
    /// Bytes that a stream may expand to before that counts. No option sets it.
    pub ratio_free: u64,
    /// Bytes that a thread holds of archives within others, and for one dictionary of a decoder.
    pub memory: u64,
    /// Seconds that one file and all within it may take.
    pub seconds: u64,
}

impl Default for Archives {
    /// Sizes are those of large images of containers. Deflate expands up to 1,032 times, and text hardly ever 100 times.
    fn default() -> Self {
        Self {
            unpack: true,
            depth: 4,
            members: 200_000,
            member_size: 4 << 30,
            total_size: 16 << 30,
            ratio: 500,
            ratio_free: 64 << 20,
            memory: 256 << 20,
            seconds: 300,
        }
    }
}

/// Everything a scan needs to know, resolved from defaults, configuration file and command line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    /// Worker threads; 0 picks as many as there are processors.
    pub threads: usize,
    /// Whether `.gitignore`, `.ignore` and global excludes are honoured.
    pub ignore_files: bool,
    /// Whether entries whose name starts with a dot are scanned.
    pub hidden: bool,
    /// Whether symbolic links are followed.
    pub follow: bool,
    /// Whether what is escaped, encoded or written in pieces is looked into.
    pub decode: bool,
    /// Paths never opened.
    pub exclude: Vec<Exclude>,
    /// Files larger than this many bytes are not scanned, and named as such.
    pub max_file_size: Option<u64>,
    /// Findings below this confidence are counted and not shown.
    pub min_confidence: Confidence,
    /// Whether documentation examples and placeholders are shown.
    pub include_examples: bool,
    /// The threshold for exit status 1.
    pub fail_on: FailOn,
    /// Whose say-so about findings counts.
    pub suppress: Suppress,
    /// Files of suppressions that are in use, whose changes are told.
    pub watched: Vec<Watched>,
    /// What is said of single rules, by their identifiers.
    pub rules: BTreeMap<String, RuleOverride>,
    /// The accounts that are the user's own, 12 digits each.
    pub own_accounts: BTreeSet<String>,
    /// The severity of findings in other accounts, if there are own ones.
    pub others: Option<Severity>,
    /// Whether input that cannot be scanned by its own making (encrypted, of an unsupported format, cut off by a
    /// shallow clone) is noted and leaves the run complete.
    pub allow_incomplete: bool,
    /// Whether and how far archives are unpacked.
    pub archives: Archives,
    /// How the result is shown; no business of the scan itself.
    pub presentation: Presentation,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 0,
            ignore_files: true,
            hidden: true,
            follow: false,
            decode: true,
            exclude: Vec::new(),
            max_file_size: None,
            min_confidence: Confidence::Medium,
            include_examples: false,
            fail_on: FailOn::Severity(Severity::Medium),
            suppress: Suppress {
                inline: true,
                foreign: true,
                own_additions: true,
                report_unused: false,
            },
            allow_incomplete: false,
            archives: Archives::default(),
            watched: Vec::new(),
            rules: BTreeMap::new(),
            own_accounts: BTreeSet::new(),
            others: None,
            presentation: Presentation {
                format: Format::Text,
                color: Color::Auto,
                verbosity: Verbosity::Normal,
                show_secrets: false,
                show_silenced: None,
            },
        }
    }
}

impl Settings {
    /// Lays `options` over what is set so far: each option that is given replaces the setting, except that exclude
    /// patterns are added to those there are. Relative patterns are relative to `base`.
    pub fn update(&mut self, options: &Options, base: &Path) {
        fn set<T: Copy>(setting: &mut T, option: Option<T>) {
            if let Some(value) = option {
                *setting = value;
            }
        }
        set(&mut self.threads, options.threads);
        set(&mut self.ignore_files, options.ignore);
        set(&mut self.hidden, options.hidden);
        set(&mut self.follow, options.follow);
        set(&mut self.decode, options.decode);
        set(&mut self.max_file_size, options.max_file_size.map(SizeLimit::bytes));
        set(&mut self.min_confidence, options.min_confidence);
        set(&mut self.include_examples, options.include_examples);
        set(&mut self.fail_on, options.fail_on);
        set(&mut self.suppress.inline, options.inline);
        set(&mut self.suppress.foreign, options.foreign);
        set(&mut self.suppress.report_unused, options.report_unused);
        set(&mut self.allow_incomplete, options.allow_incomplete);
        let bytes = |limit: SizeLimit| limit.bytes().unwrap_or(u64::MAX);
        let archives = &mut self.archives;
        set(&mut archives.unpack, options.archives);
        set(&mut archives.depth, options.archive_depth);
        set(&mut archives.members, options.archive_members);
        set(&mut archives.member_size, options.archive_member_size.map(bytes));
        set(&mut archives.total_size, options.archive_total_size.map(bytes));
        set(&mut archives.ratio, options.archive_ratio);
        set(&mut archives.memory, options.archive_memory.map(bytes));
        set(&mut archives.seconds, options.archive_time);
        set(&mut self.presentation.format, options.format);
        set(&mut self.presentation.color, options.color);
        set(&mut self.presentation.show_secrets, options.show_secrets);
        self.presentation.show_silenced = options.show_silenced.or(self.presentation.show_silenced);
        self.presentation.verbosity = verbosity(self.presentation.verbosity, options);
        for rule in &options.tables.rules {
            self.rules.insert(rule.id.clone(), rule.clone());
        }
        self.own_accounts.extend(options.tables.own_accounts.iter().cloned());
        self.others = options.tables.others.or(self.others);
        self.exclude.extend(
            options
                .exclude
                .iter()
                .map(|glob| Exclude { glob: glob.as_str().to_owned(), base: base.to_path_buf() }),
        );
    }
}

/// `quiet` and `verbose` are two switches for one setting: taking back one of them leads back to normal, and where
/// both are set in one place, `verbose` holds, since it says more.
fn verbosity(current: Verbosity, options: &Options) -> Verbosity {
    match (options.verbose, options.quiet) {
        (Some(true), _) => Verbosity::Verbose,
        (_, Some(true)) => Verbosity::Quiet,
        (Some(false), _) if current == Verbosity::Verbose => Verbosity::Normal,
        (_, Some(false)) if current == Verbosity::Quiet => Verbosity::Normal,
        _ => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Options {
        Options::parse(Path::new("keylint.toml"), text).unwrap()
    }

    #[test]
    fn a_later_layer_wins_and_excludes_add_up() {
        let mut settings = Settings::default();
        settings.update(
            &parsed("threads = 3\nhidden = false\nexclude = [\"/a\"]\nmax-file-size = \"2K\""),
            Path::new("/repo"),
        );
        settings.update(
            &parsed("hidden = true\nexclude = [\"b\"]\nmax-file-size = \"none\""),
            Path::new("/repo/sub"),
        );
        let exclude = |glob: &str, base: &str| Exclude { glob: glob.into(), base: base.into() };
        assert_eq!(
            settings,
            Settings {
                threads: 3,
                exclude: vec![exclude("/a", "/repo"), exclude("b", "/repo/sub")],
                ..Settings::default()
            }
        );
    }

    #[test]
    fn nothing_given_changes_nothing() {
        let mut settings = Settings::default();
        settings.update(&Options::default(), Path::new("/"));
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn quiet_and_verbose_are_taken_back_separately() {
        let after = |layers: &[&str]| {
            let mut settings = Settings::default();
            for layer in layers {
                settings.update(&parsed(layer), Path::new("/"));
            }
            settings.presentation.verbosity
        };
        assert_eq!(after(&["quiet = true"]), Verbosity::Quiet);
        assert_eq!(after(&["quiet = true", "quiet = false"]), Verbosity::Normal);
        assert_eq!(after(&["quiet = true", "verbose = false"]), Verbosity::Quiet);
        assert_eq!(after(&["quiet = true", "verbose = true"]), Verbosity::Verbose);
        assert_eq!(after(&["verbose = true", "quiet = true"]), Verbosity::Quiet);
    }
}
