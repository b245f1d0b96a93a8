//! The TOML shape of `keylint.toml`, every field optional, and what is said about a file that does not have it.
//!
//! The keys are the long options of `keylint scan`, written as settings: `--no-hidden` is `hidden = false`. Errors
//! name file, line, column and key; they never quote a value, since `--config` can be pointed at any file, and a
//! credentials file is one.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::allow;
use super::tables::{TABLES, Tables};
use super::values::{Color, FailOn, Format, Glob, SizeLimit};
use crate::model::allow::Allow;
use crate::model::finding::Confidence;
use crate::model::span::{LineCursor, Position};

/// What was typed, or written in a file: the keys of `keylint.toml`, none of which must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The report's format, where the command line names none.
    pub format: Option<Format>,
    /// The threshold for exit status 1.
    pub fail_on: Option<FailOn>,
    /// Findings below this confidence are not shown.
    pub min_confidence: Option<Confidence>,
    /// Whether documentation examples and placeholders are shown.
    pub include_examples: Option<bool>,
    /// Worker threads; 0 picks as many as there are processors.
    pub threads: Option<usize>,
    /// Whether `.gitignore`, `.ignore` and global excludes are honoured.
    pub ignore: Option<bool>,
    /// Whether entries whose name starts with a dot are scanned.
    pub hidden: Option<bool>,
    /// Whether symbolic links are followed.
    pub follow: Option<bool>,
    /// Whether what is escaped, encoded or written in pieces is looked into.
    pub decode: Option<bool>,
    /// Paths never opened, in `.gitignore` syntax; relative to the directory of the file they stand in.
    pub exclude: Vec<Glob>,
    /// Larger files are named as not scanned.
    pub max_file_size: Option<SizeLimit>,
    /// Whether keylint's comments in the scanned text silence findings.
    pub inline: Option<bool>,
    /// Whether other tools' comments and files do.
    pub foreign: Option<bool>,
    /// Whether findings that are silenced are listed.
    pub show_silenced: Option<bool>,
    /// Whether input that cannot be scanned by its own making leaves the run complete.
    pub allow_incomplete: Option<bool>,
    /// Whether archives are unpacked.
    pub archives: Option<bool>,
    /// Archives within each other that are unpacked.
    pub archive_depth: Option<u32>,
    /// Members of one archive that are scanned.
    pub archive_members: Option<u64>,
    /// Bytes that a member may expand to.
    pub archive_member_size: Option<SizeLimit>,
    /// Bytes that all members of a file together may expand to.
    pub archive_total_size: Option<SizeLimit>,
    /// How many times its compressed size a stream may expand to.
    pub archive_ratio: Option<u64>,
    /// Bytes held of archives within others, and for a decoder's dictionary.
    pub archive_memory: Option<SizeLimit>,
    /// Seconds that one file and all within it may take.
    pub archive_time: Option<u64>,
    /// When to colour.
    pub color: Option<Color>,
    /// Whether only findings and problems are printed.
    pub quiet: Option<bool>,
    /// Whether the configuration in force and everything left out are named.
    pub verbose: Option<bool>,
    /// Whether secrets are shown in full. Typed only: a file in the tree that is scanned has no say in this.
    #[serde(skip)]
    pub show_secrets: Option<bool>,
    /// Whether what silences nothing is listed. Typed only: it concerns one run.
    #[serde(skip)]
    pub report_unused: Option<bool>,
    /// What the tables say.
    #[serde(skip)]
    pub tables: Tables,
}

/// Every key of the file, and what its value must be. A test holds this against the fields of [`Options`].
const KEYS: [(&str, &str); 26] = [
    ("format", "must be \"text\", \"json\", \"jsonl\" or \"sarif\""),
    ("fail-on", "must be \"info\", \"low\", \"medium\", \"high\", \"critical\" or \"never\""),
    ("min-confidence", "must be \"low\", \"medium\" or \"high\""),
    ("include-examples", TRUE_OR_FALSE),
    ("threads", WHOLE_NUMBER),
    ("ignore", TRUE_OR_FALSE),
    ("hidden", TRUE_OR_FALSE),
    ("follow", TRUE_OR_FALSE),
    ("decode", TRUE_OR_FALSE),
    ("exclude", "must be a list of strings, each a pattern in .gitignore syntax"),
    ("max-file-size", SIZE),
    ("inline", TRUE_OR_FALSE),
    ("foreign", TRUE_OR_FALSE),
    ("show-silenced", TRUE_OR_FALSE),
    ("allow-incomplete", TRUE_OR_FALSE),
    ("archives", TRUE_OR_FALSE),
    ("archive-depth", WHOLE_NUMBER),
    ("archive-members", WHOLE_NUMBER),
    ("archive-member-size", SIZE),
    ("archive-total-size", SIZE),
    ("archive-ratio", WHOLE_NUMBER),
    ("archive-memory", SIZE),
    ("archive-time", WHOLE_NUMBER),
    ("color", "must be \"auto\", \"always\" or \"never\""),
    ("quiet", TRUE_OR_FALSE),
    ("verbose", TRUE_OR_FALSE),
];

const TRUE_OR_FALSE: &str = "must be true or false";
const WHOLE_NUMBER: &str = "must be a whole number, 0 or more";
const SIZE: &str = "must be a number of bytes, a string such as \"10M\", or \"none\"";

/// Options of the command line that a file may not set. The file may come with the tree that is scanned, and such a
/// tree decides neither that secrets are printed nor which files are written.
const TYPED_ONLY: [&str; 6] =
    ["show-secrets", "report-unused", "output", "stdin-filename", "config", "no-config"];

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the configuration cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What stands under the name of a configuration file is none.
    #[error("{}: the configuration cannot be read: {problem}", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file does not say what a configuration says.
    #[error("{}:{}:{}: {problem}", path.display(), at.line, at.column)]
    Content {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: Position,
        /// What is wrong there, with the key.
        problem: String,
    },
}

impl Options {
    /// Reads the text of the file at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let fail = |span: Option<Range<usize>>, problem: String| {
            let mut cursor = LineCursor::default();
            cursor.advance(&text.as_bytes()[..span.map_or(0, |span| span.start)]);
            ConfigError::Content { path: path.into(), at: cursor.position(), problem }
        };
        let (mut table, entries) = document(text)
            .map_err(|error| fail(error.span(), format!("not TOML: {}", error.message())))?;
        let newlines: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        let line = |at: usize| newlines.partition_point(|newline| *newline < at) as u64 + 1;
        let mut tables = Tables::take(table.get_mut(), &line)
            .map_err(|(span, problem)| fail(Some(span), problem))?;
        if !entries.is_empty() {
            tables.allow = entries;
        }
        let mut places: Vec<(String, Range<usize>, Range<usize>)> = table
            .get_ref()
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), key.span(), value.span()))
            .collect();
        places.sort_by_key(|(_, key, _)| key.start);
        let unknown = places.iter().find(|(key, ..)| KEYS.iter().all(|(known, _)| known != key));
        if let Some((key, span, _)) = unknown {
            return Err(fail(Some(span.clone()), unknown_key(key)));
        }
        let options = Self::deserialize(Deserializer::from(table.clone())).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let place = places.iter().find(|(_, key, value)| key.start <= at && at < value.end);
            match place.and_then(|(key, _, value)| {
                KEYS.iter().find(|(known, _)| known == key).map(|rule| (rule, value))
            }) {
                Some(((key, expected), value)) => {
                    let start = bad_pattern(&table, key).unwrap_or(at.max(value.start));
                    fail(Some(start..start), format!("`{key}` {expected}"))
                }
                // Every error concerns the value of a key; if one does not, its text may quote a value.
                None => fail(error.span(), "not a keylint configuration".into()),
            }
        })?;
        Ok(Self { tables, ..options })
    }
}

/// What stands in a file; without the `[[allow]]` entries at its end if these are plain, and those then.
fn document(text: &str) -> Result<(Spanned<DeTable<'_>>, Vec<Allow>), toml::de::Error> {
    if let Some((start, entries)) = allow::plain(text)
        && let Ok(before) = DeTable::parse(&text[..start])
        && !before.get_ref().contains_key("allow")
    {
        return Ok((before, entries));
    }
    Ok((DeTable::parse(text)?, Vec::new()))
}

/// Where the first bad element of the list under `key` stands, if there is one: the error itself points at the list.
fn bad_pattern(table: &Spanned<DeTable<'_>>, key: &str) -> Option<usize> {
    let DeValue::Array(elements) = table.get_ref().get(key)?.get_ref() else { return None };
    let bad = elements.iter().find(|element| match element.get_ref() {
        DeValue::String(text) => text.parse::<Glob>().is_err(),
        _ => true,
    });
    bad.map(|element| element.span().start)
}

fn unknown_key(key: &str) -> String {
    if TYPED_ONLY.contains(&key) {
        return format!("`{key}` can only be given on the command line");
    }
    let positive = key
        .strip_prefix("no-")
        .filter(|name| KEYS.iter().any(|(known, value)| known == name && *value == TRUE_OR_FALSE));
    if let Some(name) = positive {
        return format!("unknown key `{key}`: write `{name} = false`");
    }
    let known: Vec<&str> = KEYS.iter().chain(&TABLES[..3]).map(|(key, _)| *key).collect();
    let known = known.join(", ");
    if is_nameable(key) {
        format!("unknown key `{key}`; known are {known}")
    } else {
        format!("unknown key; known are {known}")
    }
}

/// Whether a key may be named in a message: if it can be a slip of the pen; what has digits in it may be a credential.
pub(super) fn is_nameable(key: &str) -> bool {
    key.len() <= 32 && key.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Options::parse(Path::new("dir/keylint.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn the_list_of_keys_is_that_of_the_fields() {
        let listed: Vec<String> = KEYS.iter().map(|(key, _)| format!("`{key}`")).collect();
        let said = toml::from_str::<Options>("nonsense = 1").unwrap_err().message().to_owned();
        assert!(said.ends_with(&format!("expected one of {}", listed.join(", "))), "{said}");
    }

    #[test]
    fn every_key_is_read() {
        let options = Options::parse(
            Path::new("keylint.toml"),
            "format = 'sarif'\nfail-on = 'never'\nmin-confidence = 'high'\ninclude-examples = true\nthreads = 0\n\
             ignore = false\nhidden = false\nfollow = true\ndecode = false\nexclude = ['*.lock', '/vendor/']\n\
             max-file-size = '3M'\nallow-incomplete = true\narchives = false\narchive-depth = 2\n\
             archive-members = 3\narchive-member-size = '1K'\narchive-total-size = '2K'\narchive-ratio = 4\n\
             archive-memory = 'none'\narchive-time = 5\ninline = false\nforeign = false\nshow-silenced = true\n\
             color = 'never'\nquiet = true\nverbose = false\n",
        )
        .unwrap();
        let globs: Vec<&str> = options.exclude.iter().map(Glob::as_str).collect();
        assert_eq!(globs, ["*.lock", "/vendor/"]);
        let rest = Options { exclude: Vec::new(), ..options };
        let expected = Options {
            format: Some(Format::Sarif),
            fail_on: Some(FailOn::Never),
            min_confidence: Some(Confidence::High),
            include_examples: Some(true),
            threads: Some(0),
            ignore: Some(false),
            hidden: Some(false),
            follow: Some(true),
            decode: Some(false),
            exclude: Vec::new(),
            max_file_size: Some(SizeLimit::Bytes(3 << 20)),
            inline: Some(false),
            foreign: Some(false),
            show_silenced: Some(true),
            allow_incomplete: Some(true),
            archives: Some(false),
            archive_depth: Some(2),
            archive_members: Some(3),
            archive_member_size: Some(SizeLimit::Bytes(1 << 10)),
            archive_total_size: Some(SizeLimit::Bytes(2 << 10)),
            archive_ratio: Some(4),
            archive_memory: Some(SizeLimit::None),
            archive_time: Some(5),
            color: Some(Color::Never),
            quiet: Some(true),
            verbose: Some(false),
            show_secrets: None,
            report_unused: None,
            tables: Tables::default(),
        };
        assert_eq!(rest, expected);
    }

    #[test]
    fn unknown_keys_are_named_with_their_place() {
        let said = error("threads = 1\n\n  hiden = true\n");
        assert!(
            said.starts_with("dir/keylint.toml:3:3: unknown key `hiden`; known are "),
            "{said}"
        );
        assert!(said.contains("hidden"), "{said}");
        assert!(error("[scan]\nthreads = 1\n").contains(":1:2: unknown key `scan`"));
        assert!(error("no-hidden = true").ends_with("write `hidden = false`"));
        assert!(error("show-secrets = true").contains("command line"));
        assert!(error("output = 'x'").contains("command line"));
    }

    #[test]
    fn bad_values_are_told_with_key_and_place() {
        for (text, expected) in [
            ("\nthreads = -1", ":2:11: `threads` must be a whole number, 0 or more"),
            ("threads = '4'", ":1:11: `threads` must be a whole number"),
            ("hidden = 1", ":1:10: `hidden` must be true or false"),
            ("fail-on = 'severe'", ":1:11: `fail-on` must be \"info\""),
            ("min-confidence = 'none'", ":1:18: `min-confidence` must be"),
            ("max-file-size = '10Q'", ":1:17: `max-file-size` must be"),
            ("max-file-size = -1", ":1:17: `max-file-size` must be"),
            ("exclude = 'x'", ":1:11: `exclude` must be a list"),
            ("exclude = ['a', 'b[']", ":1:17: `exclude` must be a list"),
            ("exclude = [\n'x', 7]", ":2:6: `exclude` must be"),
            ("exclude = ['']", ":1:12: `exclude` must be a list"),
            ("hidden = { a = 1 }", ":1:10: `hidden` must be"),
            ("hidden.x = true", "`hidden` must be"),
        ] {
            let said = error(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_place() {
        assert!(error("threads = 1\nhidden =\n").contains("keylint.toml:2:9: not TOML: "));
        assert!(
            error("threads = 1\nthreads = 2\n").contains("keylint.toml:2:1: not TOML: duplicate")
        );
    }

    #[test]
    fn no_error_quotes_a_value() {
        for text in [
            "format = 'hunter2'",
            "threads = 'hunter2'",
            "exclude = 'hunter2'",
            "exclude = ['[hunter2']",
            "max-file-size = 'hunter2'",
            "[default]\naws_secret_access_key = hunter2\n",
            "hunter2 = 1",
            "color = \"hunter2",
        ] {
            let said = error(text);
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
