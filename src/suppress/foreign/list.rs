//! The suppressions of one foreign file, indexed by what each format tells a finding by.
//!
//! A parser adds entries one by one; everything that can be hashed is (places, values, digests), so that a file of
//! 100,000 entries costs no more per finding than one of ten. Only patterns are tried one after the other.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ignore::gitignore::Gitignore;

use super::carry::Carry;
use super::digest::{Digest, Digested};
use super::pattern::Allow;
use crate::model::finding::PartKind;
use crate::model::secret::Secret;
use crate::model::silenced::{Entry, Form};
use crate::suppress::{List, Subject};

/// Lines of one part that are looked up; no tool names a later line of a value than the last of these.
const MAX_LINES: u64 = 64;

/// Which parts of a credential an entry of another tool is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// Any part.
    Any,
    /// Any part but key IDs: a rule that finds what looks secret, where no rule that knows better does.
    Secrets,
    /// Parts of this kind.
    Only(PartKind),
}

impl Concern {
    pub(super) fn covers(self, kind: PartKind) -> bool {
        match self {
            Self::Any => true,
            Self::Secrets => kind != PartKind::AccessKeyId,
            Self::Only(only) => only == kind,
        }
    }

    /// What a rule of gitleaks or of its relatives is about, by the rule's ID; `None` if it is nothing that keylint
    /// looks for.
    ///
    /// Rules that users wrote themselves are told by the words in their IDs.
    pub(super) fn of_gitleaks_rule(id: &str) -> Option<Self> {
        let id = id.to_ascii_lowercase();
        let id = id.rsplit_once('.').map_or(id.as_str(), |(_, name)| name);
        match id {
            "generic-api-key" => return Some(Self::Secrets),
            "aws-access-token" => return Some(Self::Only(PartKind::AccessKeyId)),
            _ => {}
        }
        let has = |word: &str| id.contains(word);
        match () {
            () if !has("aws") => None,
            () if has("bedrock") => Some(Self::Only(PartKind::Token)),
            () if has("secret") => Some(Self::Only(PartKind::SecretAccessKey)),
            () if has("session") => Some(Self::Only(PartKind::SessionToken)),
            () => Some(Self::Any),
        }
    }
}

/// Where an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everywhere.
    Anywhere,
    /// In the file at this path, seen from the list's base.
    File(Box<str>),
    /// In the file at the path that ends so, or wherever that file went if it is not there any more.
    FileOrMoved(Box<str>),
}

/// One entry as reports name it.
struct Item {
    line: u64,
    what: String,
    reason: Option<String>,
    carry: Carry,
    is_general: bool,
}

/// An entry that is about nothing keylint looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its line.
    pub line: u64,
    /// What it is about, in words.
    pub about: String,
}

/// The entries of one value.
#[derive(Default)]
struct Scoped {
    anywhere: Vec<u32>,
    files: HashMap<Box<str>, Vec<u32>>,
    movable: Vec<(Box<str>, u32)>,
}

/// What names a line of a file besides the line, as `.gitleaksignore` and redacted reports do.
struct Position {
    commit: Option<Box<str>>,
    concern: Concern,
    entry: u32,
}

/// What one file of another tool says. See [`List`].
pub struct ForeignList {
    form: Form,
    path: PathBuf,
    base: PathBuf,
    entries: Vec<Item>,
    passed_over: Vec<PassedOver>,
    positions: HashMap<Box<str>, BTreeMap<u64, Vec<Position>>>,
    values: HashMap<Secret, Scoped>,
    digests: HashMap<Digest, Scoped>,
    digested: Digested,
    allows: Vec<(Allow, u32)>,
    globs: Option<(Gitignore, HashMap<String, u32>)>,
}

impl ForeignList {
    /// No entries yet, of the file at `path`, whose paths are relative to `base` (absolute, links resolved).
    pub(super) fn new(form: Form, path: &Path, base: &Path) -> Self {
        Self {
            form,
            path: path.into(),
            base: base.into(),
            entries: Vec::new(),
            passed_over: Vec::new(),
            positions: HashMap::new(),
            values: HashMap::new(),
            digests: HashMap::new(),
            digested: Digested::default(),
            allows: Vec::new(),
            globs: None,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file itself, as the paths in it are written; `None` where it does not lie below the base.
    pub(super) fn own_path(&self) -> Option<String> {
        let absolute = self.path.canonicalize().ok()?;
        let below = absolute.strip_prefix(&self.base).ok()?;
        Some(normal(&below.to_string_lossy()))
    }

    /// Whether a finding stands in this very file.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        let own = self.path.canonicalize().ok();
        own.is_some_and(|own| subject.place == Some(&*own))
    }

    /// The entries that concern nothing keylint looks for, in the order of the file.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// How an entry goes into keylint's own form.
    pub fn carry(&self, index: usize) -> &Carry {
        &self.entries[index].carry
    }

    pub(super) fn pass_over(&mut self, line: u64, about: impl Into<String>) {
        self.passed_over.push(PassedOver { line, about: about.into() });
    }

    /// Sets the key that [`Digest::Hmac`] entries were made with.
    pub(super) fn set_key(&mut self, key: Secret) {
        self.digested.key = Some(key);
    }

    /// Adds an entry; what it matches is said by the number that this gives.
    pub(super) fn push(
        &mut self,
        line: u64,
        what: impl Into<String>,
        reason: Option<String>,
        carry: Carry,
    ) -> u32 {
        let number =
            u32::try_from(self.entries.len()).expect("files are bounded far below 2^32 lines");
        self.entries.push(Item { line, what: what.into(), reason, carry, is_general: false });
        number
    }

    /// Says that an entry may well be about what keylint does not look for, so that it is not unused when it silences
    /// nothing of keylint's.
    pub(super) fn mark_general(&mut self, entry: u32) {
        self.entries[entry as usize].is_general = true;
    }

    pub(super) fn at_line(
        &mut self,
        entry: u32,
        path: &str,
        line: u64,
        commit: Option<&str>,
        concern: Concern,
    ) {
        let commit = commit.map(|commit| commit.to_ascii_lowercase().into_boxed_str());
        let position = Position { commit, concern, entry };
        let lines = self.positions.entry(normal(path).into()).or_default();
        lines.entry(line).or_default().push(position);
    }

    pub(super) fn of_value(&mut self, entry: u32, value: Secret, scope: Scope) {
        self.values.entry(value).or_default().add(scope, entry);
    }

    pub(super) fn of_digest(&mut self, entry: u32, digest: Digest, scope: Scope) {
        self.digested.want(&digest);
        self.digests.entry(digest).or_default().add(scope, entry);
    }

    pub(super) fn allow(&mut self, entry: u32, allow: Allow) {
        self.allows.push((allow, entry));
    }

    /// Sets the path patterns in `.gitignore` syntax, and which entry each is by its text.
    pub(super) fn set_globs(&mut self, globs: Gitignore, entries: HashMap<String, u32>) {
        self.globs = Some((globs, entries));
    }
}

/// A path as tools on other systems, or other spellings of the root, would write it.
pub(super) fn normal(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.strip_prefix("./").unwrap_or(&path).to_owned()
}

impl Scoped {
    fn add(&mut self, scope: Scope, entry: u32) {
        match scope {
            Scope::Anywhere => self.anywhere.push(entry),
            Scope::File(path) => self.files.entry(path).or_default().push(entry),
            Scope::FileOrMoved(path) => self.movable.push((path, entry)),
        }
    }

    /// The entries that hold at `path`.
    fn at(&self, path: Option<&str>, subject: &Subject<'_>) -> impl Iterator<Item = u32> {
        let in_file = path.and_then(|path| self.files.get(path)).into_iter().flatten();
        let movable = self.movable.iter().filter(move |(file, _)| {
            path.is_some_and(|path| is_same_file(file, path) || came_from(file, subject))
        });
        self.anywhere.iter().chain(in_file).copied().chain(movable.map(|(_, entry)| *entry))
    }
}

/// Whether a path seen from some directory above or below the base may be that of the file at `path`.
fn is_same_file(file: &str, path: &str) -> bool {
    let ends_with = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    ends_with(path, file) || ends_with(file, path)
}

/// Whether the file at this path, which may start with the name of the repository, was moved to where the finding is.
fn came_from(file: &str, subject: &Subject<'_>) -> bool {
    let inner = file.split_once('/').map(|(_, inner)| inner);
    let came_from = |path: &str| (subject.came_from)(Path::new(path));
    came_from(file) && inner.is_none_or(came_from)
}

impl ForeignList {
    /// Entries about single parts, if there is one for each copy of the credential: the tools tell copies apart.
    fn look_up(&self, subject: &Subject<'_>, path: Option<&str>) -> Vec<u32> {
        let commit = subject.finding.origin.commit().map(|commit| commit.id.as_str());
        let mut hits = Vec::new();
        let mut bare = subject.finding.copies();
        // At the further paths of a credential in a history it may stand in other lines.
        let is_own = subject.scope == subject.finding.origin.scope();
        let at_path = path.filter(|_| is_own).and_then(|path| self.positions.get(path));
        for part in &subject.finding.parts {
            let before = hits.len();
            let last = part.end.line.clamp(part.start.line, part.start.line + MAX_LINES);
            let on_lines = at_path
                .into_iter()
                .flat_map(|lines| lines.range(part.start.line..=last))
                .flat_map(|(_, positions)| positions);
            hits.extend(on_lines.filter_map(|position| {
                let fits = position.concern.covers(part.kind)
                    && position.commit.as_deref().is_none_or(|wanted| commit == Some(wanted));
                fits.then_some(position.entry)
            }));
            let by_value = self.values.get(&part.value).into_iter();
            let digests = self.digested.of(part);
            let by_digest = digests.iter().filter_map(|digest| self.digests.get(digest));
            for scoped in by_value.chain(by_digest) {
                hits.extend(scoped.at(path, subject));
            }
            let fitting = self.allows.iter().filter(|(allow, _)| allow.fits(part, path, commit));
            hits.extend(fitting.map(|(_, entry)| *entry));
            if let (Some(copy), true) = (part.copy, hits.len() > before) {
                bare.remove(&copy);
            }
        }
        if bare.is_empty() { hits } else { Vec::new() }
    }

    /// Entries that name a whole credential, as GitGuardian's do.
    fn look_up_whole(&self, subject: &Subject<'_>) -> Vec<u32> {
        if !self.digested.is_wanted(&Digest::GitGuardian([0; 32])) {
            return Vec::new();
        }
        let digests = super::gitguardian::digests(&subject.finding.parts);
        let listed = digests.iter().filter_map(|digest| self.digests.get(digest));
        listed.flat_map(|scoped| scoped.anywhere.iter().copied()).collect()
    }

    fn look_up_path(&self, path: &str) -> Option<u32> {
        let (globs, entries) = self.globs.as_ref()?;
        match globs.matched_path_or_any_parents(path, false) {
            ignore::Match::Ignore(glob) => entries.get(glob.original()).copied(),
            _ => None,
        }
    }
}

impl List for ForeignList {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn entry(&self, index: usize) -> Entry {
        let Item { line, what, reason, .. } = &self.entries[index];
        Entry {
            form: self.form,
            path: self.path.clone(),
            line: *line,
            what: what.clone(),
            reason: reason.clone(),
            owner: None,
            expires: None,
            is_new: false,
        }
    }

    fn is_general(&self, index: usize) -> bool {
        self.entries[index].is_general
    }

    fn matches(&mut self, subject: &Subject<'_>, hit: &mut dyn FnMut(usize)) {
        let path = subject.path_below(&self.base);
        let mut hits = self.look_up(subject, path.as_deref());
        hits.extend(self.look_up_whole(subject));
        hits.extend(path.as_deref().and_then(|path| self.look_up_path(path)));
        hits.sort_unstable();
        hits.dedup();
        for entry in hits {
            hit(entry as usize);
        }
    }
}
