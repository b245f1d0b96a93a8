//! Other tools' suppressions, read as they are: comments in [`inline`], files here.
//!
//! Each format has a parser of its own, which fills a [`ForeignList`]. A file that cannot be read whole
//! is an error with its line; entries about what keylint does not look for are passed over and counted.

mod betterleaks;
pub mod carry;
mod detect_secrets;
mod dialect;
mod digest;
mod git_secrets;
mod gitguardian;
mod gitleaks_config;
mod gitleaks_ignore;
mod gitleaks_report;
pub mod inline;
mod kingfisher;
mod list;
pub mod migrate;
mod pattern;
mod ripsecrets;
mod yaml;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};

pub use self::betterleaks::KEY_VARIABLE as BETTERLEAKS_KEY_VARIABLE;
pub use self::list::{ForeignList, PassedOver};
use super::SuppressError;
use crate::model::secret::Secret;
use crate::model::silenced::{Form, Kind};

/// A line and what is wrong there.
type Problem = (u64, String);

/// Larger files are none of these; a baseline of 100,000 findings takes 30 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// How many files may extend one another, counted from `.gitleaks.toml`; gitleaks stops there, too.
const MAX_EXTENDED: usize = 2;

/// What is known from elsewhere and needed to read the files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The key of keyed digests in `.betterleaksignore`: see [`BETTERLEAKS_KEY_VARIABLE`].
    pub betterleaks_key: Option<Secret>,
}

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `.gitleaksignore`.
    GitleaksIgnore,
    /// `.betterleaksignore`.
    BetterleaksIgnore,
    /// The allow-lists of `.gitleaks.toml`.
    GitleaksConfig,
    /// A JSON report of gitleaks.
    GitleaksReport,
    /// `.secrets.baseline` of detect-secrets.
    DetectSecrets,
    /// A baseline of Kingfisher.
    Kingfisher,
    /// `.gitallowed` of git-secrets.
    GitSecrets,
    /// `.secretsignore` of ripsecrets.
    Ripsecrets,
    /// `.gitguardian.yaml` of ggshield.
    GitGuardian,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 9] = [
        Self::GitleaksIgnore,
        Self::BetterleaksIgnore,
        Self::GitleaksConfig,
        Self::GitleaksReport,
        Self::DetectSecrets,
        Self::Kingfisher,
        Self::GitSecrets,
        Self::Ripsecrets,
        Self::GitGuardian,
    ];

    /// The names under which such files are looked for; the first that is there counts. Reports and baselines without a
    /// usual name have none: they are given.
    pub fn file_names(self) -> &'static [&'static str] {
        match self {
            Self::GitleaksIgnore => &[".gitleaksignore"],
            Self::BetterleaksIgnore => &[".betterleaksignore"],
            Self::GitleaksConfig => &[".gitleaks.toml"],
            Self::GitleaksReport | Self::Kingfisher => &[],
            Self::DetectSecrets => &[".secrets.baseline"],
            Self::GitSecrets => &[".gitallowed"],
            Self::Ripsecrets => &[".secretsignore"],
            Self::GitGuardian => &[".gitguardian.yaml", ".gitguardian.yml", ".gitguardian"],
        }
    }

    /// How reports name it.
    fn form(self) -> Form {
        let name = match self {
            Self::GitleaksReport => "gitleaks report",
            Self::Kingfisher => "Kingfisher baseline",
            _ => self.file_names()[0],
        };
        Form { name, kind: Kind::External }
    }

    /// Reads `text` as a file of this format at `path` (as reports show it), whose paths are relative to `base`
    /// (absolute, links resolved).
    pub fn parse(
        self,
        text: &str,
        path: &Path,
        base: &Path,
        options: &Options,
    ) -> Result<ForeignList, SuppressError> {
        let mut filled = ForeignList::new(self.form(), path, base);
        let list = &mut filled;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = match self {
            Self::GitleaksIgnore => gitleaks_ignore::parse(text, list),
            Self::BetterleaksIgnore => {
                betterleaks::parse(text, options.betterleaks_key.as_ref(), list)
            }
            Self::GitleaksConfig => {
                extended(text, path, base, list)?;
                Ok(())
            }
            Self::GitleaksReport => gitleaks_report::parse(text, list),
            Self::DetectSecrets => detect_secrets::parse(text, list),
            Self::Kingfisher => kingfisher::parse(text, list),
            Self::GitSecrets => git_secrets::parse(text, list),
            Self::Ripsecrets => ripsecrets::parse(text, list),
            Self::GitGuardian => gitguardian::parse(text, list),
        };
        parsed.map_err(|(line, problem)| SuppressError::Content {
            path: path.into(),
            line,
            problem,
        })?;
        Ok(filled)
    }
}

/// The suppressions in files of other tools that lie at `root`, the directory in which `keylint.toml` is looked for
/// last (absolute, links resolved). Paths are shown from `here`, if they lie below.
pub fn load(
    root: &Path,
    here: &Path,
    options: &Options,
) -> Result<Vec<ForeignList>, SuppressError> {
    let mut lists = Vec::new();
    for format in Format::ALL {
        for name in format.file_names() {
            let path = root.join(name);
            let shown = path.strip_prefix(here).unwrap_or(&path);
            if let Some(text) = read(&path, shown)? {
                lists.push(format.parse(&text, shown, root, options)?);
                break;
            }
        }
    }
    Ok(lists)
}

/// Reads the file at `path`, given as a baseline, if it is one of another tool; its paths are relative to `base`.
pub fn read_baseline(
    path: &Path,
    base: &Path,
    options: &Options,
) -> Result<Option<ForeignList>, SuppressError> {
    let Some(text) = read(path, path)? else { return Ok(None) };
    recognize(&text).map(|format| format.parse(&text, path, base, options)).transpose()
}

/// Which of the formats that are given as baselines a text is in.
fn recognize(text: &str) -> Option<Format> {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    match text {
        _ if gitleaks_report::is_one(text) => Some(Format::GitleaksReport),
        _ if text.starts_with('{') => {
            text.contains("\"plugins_used\"").then_some(Format::DetectSecrets)
        }
        _ => kingfisher::is_one(text).then_some(Format::Kingfisher),
    }
}

/// A `.gitleaks.toml` and the file that it extends, if that lies below `base`: a path from the scanned tree is not to
/// lead out of it.
fn extended(
    text: &str,
    path: &Path,
    base: &Path,
    list: &mut ForeignList,
) -> Result<(), SuppressError> {
    let (mut text, mut path) = (text.to_owned(), path.to_owned());
    for _ in 0..=MAX_EXTENDED {
        let fail = |(line, problem)| SuppressError::Content { path: path.clone(), line, problem };
        let Some((line, next)) = gitleaks_config::parse(&text, list).map_err(fail)? else { break };
        let stays =
            next.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let below =
            base.join(&next).canonicalize().ok().filter(|file| stays && file.starts_with(base));
        let Some(below) = below else {
            let problem = "`extend.path` leads to no file of the scanned tree".to_owned();
            return Err(fail((line, problem)));
        };
        let Some(next_text) = read(&below, &next)? else { break };
        (text, path) = (next_text, next);
    }
    Ok(())
}

/// The text of the file at `path`, which errors name as `shown`; `None` if there is no entry of that name.
fn read(path: &Path, shown: &Path) -> Result<Option<String>, SuppressError> {
    let fail = |source| SuppressError::Unreadable { path: shown.into(), source };
    match fs::metadata(path) {
        // A link that leads nowhere is an entry: whoever set it meant a file.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() =>
        {
            return Ok(None);
        }
        Err(error) => return Err(fail(error)),
        // Reading a FIFO of this name would wait for ever.
        Ok(metadata) if !metadata.is_file() => return Err(fail(io::Error::other("it is no file"))),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(io::Error::other("it is larger than 64 MiB")));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', before).count() as u64 + 1;
        SuppressError::Content { path: shown.into(), line, problem: "not UTF-8".into() }
    })
}

/// `N` bytes written as hexadecimal digits, and nothing else.
fn hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// Where a JSON text does not say what it should. serde's own words may quote a value.
fn json_problem(error: &serde_json::Error, what: &str) -> Problem {
    let problem = match error.classify() {
        serde_json::error::Category::Data => format!("not {what}"),
        _ => "not JSON".to_owned(),
    };
    (error.line().max(1) as u64, problem)
}

/// Finds the lines of a JSON text's entries, which its parser does not tell, by a key that each of them has. They are
/// asked for in their order, so the text is searched once.
struct Lines<'t> {
    text: &'t str,
    reached: usize,
    line: u64,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, reached: 0, line: 1 }
    }

    /// The line of the next occurrence of `needle`, which holds no line end; where there is none, the last line.
    fn of_next(&mut self, needle: &str) -> u64 {
        let rest = &self.text.as_bytes()[self.reached..];
        let at = memchr::memmem::find(rest, needle.as_bytes()).unwrap_or(rest.len());
        self.line += memchr::memchr_iter(b'\n', &rest[..at]).count() as u64;
        self.reached += (at + 1).min(rest.len());
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn list() -> ForeignList {
        ForeignList::new(Format::GitSecrets.form(), Path::new("file"), Path::new("/base"))
    }

    #[test]
    fn baselines_are_told_apart() {
        for (text, expected) in [
            ("[]", Some(Format::GitleaksReport)),
            ("\u{feff}\n [ {} ]", Some(Format::GitleaksReport)),
            ("{\"version\": \"1.5.0\", \"plugins_used\": []}", Some(Format::DetectSecrets)),
            ("{\"version\": 1}", None),
            ("# c\nversion: 2\nfingerprint_algorithm: x\n", Some(Format::Kingfisher)),
            ("ExactFindings:\n", Some(Format::Kingfisher)),
            ("", None),
        ] {
            assert_eq!(recognize(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_found_in_their_order() {
        let mut lines = Lines::new("a\nb\n\nc\nb\n");
        assert_eq!(["b", "b", "c", "b"].map(|needle| lines.of_next(needle)), [2, 5, 6, 6]);
    }

    #[test]
    fn only_whole_digests_are_read() {
        assert_eq!(hex::<2>("0aFf"), Some([0x0a, 0xff]));
        assert_eq!(hex::<2>("0aFg"), None);
        assert_eq!(hex::<2>("0aF"), None);
        assert_eq!(hex::<2>("+a+f"), None);
    }
}
