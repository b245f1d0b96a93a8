//! The files of `fixtures/` with their placeholders expanded, and a scan over made-up files.
//!
//! A fixture says by itself what has to be found in it: placeholders with the same number are the parts of one
//! credential. What is expected here follows from that alone.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keylint::config::settings::Settings;
use keylint::detect::Detector;
use keylint::model::finding::{Finding, PartKind};
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::{Expansion, Kind};
use keylint::scan::{self, Input};

use crate::encodings::unfold;

/// A file of `fixtures/<provider>/`, not expanded.
pub(crate) struct Fixture {
    /// Its path below the provider's folder, so that no folder's name takes part in what is found.
    pub(crate) path: PathBuf,
    /// Its text, with placeholders and with the directives of [`unfold`].
    pub(crate) text: String,
}

/// How a fixture's text is written to disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    /// As it stands in the repository.
    AsIs,
    /// With `\r\n` at the end of each line.
    Crlf,
    /// As UTF-16, little endian, with a byte order mark.
    Utf16,
}

/// A credential as a test compares it: the rule that names it and where its parts lie.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Credential {
    pub(crate) rule: String,
    pub(crate) parts: Vec<(u64, u64, PartKind)>,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.rule)?;
        self.parts
            .iter()
            .try_for_each(|(start, end, kind)| write!(f, " {} at {start}..{end}", kind.describe()))
    }
}

impl From<&Finding> for Credential {
    fn from(finding: &Finding) -> Self {
        let mut parts: Vec<_> =
            finding.parts.iter().map(|part| (part.span.start, part.span.end, part.kind)).collect();
        parts.sort_unstable();
        Self { rule: finding.rule.to_string(), parts }
    }
}

/// All fixtures of a provider below `folder` of its own.
pub(crate) fn fixtures(provider: &str, folder: &str) -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Fixture { path: path.strip_prefix(&root).unwrap().to_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "there are fixtures in {folder}");
    found
}

impl Fixture {
    /// The bytes to scan and the credentials that have to be found in them.
    ///
    /// `round` is added to each placeholder's number, which fills the shape with other values.
    pub(crate) fn expanded(&self, encoding: Encoding, round: u32) -> (Vec<u8>, Vec<Credential>) {
        let text = match encoding {
            Encoding::Crlf => self.text.replace('\n', "\r\n"),
            Encoding::AsIs | Encoding::Utf16 => self.text.clone(),
        };
        let (text, expansions) = unfold(&renumbered(&text, round));
        let place = |offset: usize| match encoding {
            Encoding::AsIs | Encoding::Crlf => offset as u64,
            Encoding::Utf16 => utf16(&text[..offset]).len() as u64,
        };
        let credentials = credentials(&expansions, place);
        let bytes = match encoding {
            Encoding::AsIs | Encoding::Crlf => text.into_bytes(),
            Encoding::Utf16 => utf16(&text),
        };
        (bytes, credentials)
    }
}

/// Little-endian UTF-16 with one byte order mark.
fn utf16(text: &str) -> Vec<u8> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// `text` with `offset` added to each placeholder's number.
fn renumbered(text: &str, offset: u32) -> String {
    let mut pieces = text.split("{{aws-");
    let mut changed = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (placeholder, rest) = piece.split_once("}}").unwrap();
        let (kind, number) = placeholder.split_once(':').unwrap();
        let number = number.parse::<u32>().unwrap() + offset;
        write!(changed, "{{{{aws-{kind}:{number}}}}}{rest}").unwrap();
    }
    changed
}

/// One credential for each number, with the rule that its kinds of parts ask for.
fn credentials(expansions: &[Expansion], place: impl Fn(usize) -> u64) -> Vec<Credential> {
    let mut by_number: BTreeMap<u32, Vec<&Expansion>> = BTreeMap::new();
    for expansion in expansions {
        by_number.entry(expansion.number).or_default().push(expansion);
    }
    let mut credentials: Vec<Credential> = by_number
        .into_values()
        .map(|expansions| {
            let has = |kind| expansions.iter().any(|expansion| expansion.kind == kind);
            let secret = has(Kind::AwsSecretAccessKey);
            let token = has(Kind::AwsSessionToken);
            let long_term = has(Kind::AwsAccessKeyId) || has(Kind::AwsOldAccessKeyId);
            let rule = match (long_term, has(Kind::AwsTemporaryKeyId)) {
                (true, false) if secret && !token => "aws-long-term-credentials",
                (false, true) if secret || token => "aws-temporary-credentials",
                (true, false) | (false, true) if !secret && !token => "aws-access-key-id",
                (false, false) if secret && !token => "aws-secret-access-key",
                (false, false) if token && !secret => "aws-session-token",
                _ => panic!("these parts make no credential: {expansions:?}"),
            };
            let mut parts: Vec<_> = expansions
                .iter()
                .map(|expansion| {
                    (place(expansion.range.start), place(expansion.range.end), part(expansion.kind))
                })
                .collect();
            parts.sort_unstable();
            Credential { rule: rule.to_owned(), parts }
        })
        .collect();
    credentials.sort();
    credentials
}

fn part(kind: Kind) -> PartKind {
    match kind {
        Kind::AwsAccessKeyId | Kind::AwsOldAccessKeyId | Kind::AwsTemporaryKeyId => {
            PartKind::AccessKeyId
        }
        Kind::AwsSecretAccessKey => PartKind::SecretAccessKey,
        Kind::AwsSessionToken => PartKind::SessionToken,
        _ => panic!("{kind:?} is not known here"),
    }
}

/// Writes `files` to a temporary directory, scans it as a user would, and returns what was found by path.
pub(crate) fn scan(files: &[(PathBuf, Vec<u8>)]) -> BTreeMap<PathBuf, Vec<Credential>> {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    // A developer's global excludes may well name `.env`.
    let settings = Settings { ignore_files: false, ..Settings::default() };
    let inputs = [Input::Path(folder.path().to_owned())];
    let outcome = scan::run(&inputs, &settings, &detector, &AtomicBool::new(false))
        .expect("there is an input");

    assert!(outcome.coverage.is_complete(), "{:?}", outcome.coverage.problems);
    assert_eq!(outcome.coverage.files, files.len() as u64, "all files are scanned");
    let mut found: BTreeMap<PathBuf, Vec<Credential>> = BTreeMap::new();
    for finding in &outcome.findings {
        let path = finding.origin.path().strip_prefix(folder.path()).unwrap();
        found.entry(path.to_owned()).or_default().push(finding.into());
    }
    for credentials in found.values_mut() {
        credentials.sort();
    }
    found
}
