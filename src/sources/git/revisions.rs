//! Which commits are meant: as typed for `keylint diff`, or as git tells its hooks.

use std::fmt;

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::GitError;

/// A set of commits, as someone names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revisions {
    /// `A..B`: those reachable from B and not from A. `A...B`: the same, if A and B have an ancestor in common; as for
    /// `git diff`, it is what B adds since they parted. `A`: those of `A..HEAD`. A side left out is HEAD.
    Typed(String),
    /// Those that a push brings, and the tags, seen from the repository that receives it: `pre-receive`.
    Received(Vec<RefUpdate>),
    /// Those that a push would bring, seen from the repository that sends it: `pre-push`.
    Sent {
        /// The name of the remote, or its address where it has none.
        remote: String,
        /// The references that are to change.
        updates: Vec<RefUpdate>,
    },
}

impl fmt::Display for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed(range) => f.write_str(range),
            Self::Received(_) | Self::Sent { .. } => f.write_str("the push"),
        }
    }
}

/// One reference that a push changes, creates or deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    old: Oid,
    new: Oid,
    name: String,
}

impl RefUpdate {
    /// Reads what git gives a `pre-receive` hook on standard input, one `OLD NEW REF` a line. There is at least one.
    pub fn received(input: &[u8]) -> Result<Vec<Self>, GitError> {
        if input.is_empty() {
            return Err(GitError::NoUpdate);
        }
        lines(input, "OLD NEW REF", |line| {
            let [old, new, name] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
            Self::of(old, new, name)
        })
    }

    /// Reads what git gives a `pre-push` hook on standard input, one `LOCAL-REF NEW REMOTE-REF OLD` a line. There
    /// is none if the remote has everything.
    pub fn sent(input: &[u8]) -> Result<Vec<Self>, GitError> {
        lines(input, "LOCAL-REF NEW REMOTE-REF OLD", |line| {
            // A local reference may be any expression, with spaces, too.
            let [old, name, new, _local] =
                line.rsplitn(4, ' ').collect::<Vec<_>>().try_into().ok()?;
            Self::of(old, new, name)
        })
    }

    fn of(old: &str, new: &str, name: &str) -> Option<Self> {
        Some(Self { old: id(old)?, new: id(new)?, name: (!name.is_empty()).then(|| name.into())? })
    }
}

fn lines(
    input: &[u8],
    form: &'static str,
    parse: impl Fn(&str) -> Option<RefUpdate>,
) -> Result<Vec<RefUpdate>, GitError> {
    let text = String::from_utf8_lossy(input);
    let parse = |(line, number)| parse(line).ok_or(GitError::Update { line: number, form });
    text.lines().zip(1..).map(parse).collect()
}

/// An object id in full: a shortened one is none.
fn id(hex: &str) -> Option<Oid> {
    Oid::from_str(hex).ok().filter(|id| id.to_string() == hex)
}

/// [`Revisions`] as a repository understands them.
#[derive(Default)]
pub(super) struct Selection {
    /// Commits that are wanted, with all that can be reached from them...
    pub(super) wanted: Vec<Oid>,
    /// ...and not from these...
    pub(super) known: Vec<Oid>,
    /// ...or these, as globs below `refs/`.
    pub(super) known_references: Vec<String>,
    /// Annotated tags.
    pub(super) tags: Vec<Oid>,
    /// What is meant, too, but cannot be scanned, and why.
    pub(super) left: Vec<String>,
}

impl Revisions {
    /// Whether it is fine if there is no such commit: a branch may be pushed that holds none of its own.
    pub(super) fn may_be_empty(&self) -> bool {
        !matches!(self, Self::Typed(_))
    }

    pub(super) fn resolve(&self, repository: &Repository) -> Result<Selection, GitError> {
        match self {
            Self::Typed(range) => typed(repository, range),
            Self::Received(updates) => {
                let known_references = vec!["*".to_owned()];
                updated(repository, updates, known_references)
            }
            Self::Sent { remote, updates } => {
                let is_name = repository.find_remote(remote).is_ok();
                let known_references =
                    is_name.then(|| format!("remotes/{remote}/*")).into_iter().collect();
                updated(repository, updates, known_references)
            }
        }
    }
}

fn typed(repository: &Repository, range: &str) -> Result<Selection, GitError> {
    let of = |known, wanted| {
        Ok(Selection { known: vec![known], wanted: vec![wanted], ..Selection::default() })
    };
    if let Some((one, other)) = range.split_once("...") {
        let (known, wanted) = (commit(repository, one)?, commit(repository, other)?);
        return match repository.merge_base(known, wanted) {
            Ok(_) => of(known, wanted),
            Err(error) if error.code() == ErrorCode::NotFound => {
                Err(GitError::NoMergeBase { range: range.to_owned(), hint: hint(repository) })
            }
            Err(error) => Err(GitError::while_("the merge base cannot be found")(error)),
        };
    }
    let (known, wanted) = range.split_once("..").unwrap_or((range, ""));
    of(commit(repository, known)?, commit(repository, wanted)?)
}

pub(super) fn commit(repository: &Repository, revision: &str) -> Result<Oid, GitError> {
    let revision = if revision.is_empty() { "HEAD" } else { revision };
    let commit = repository.revparse_single(revision).and_then(|object| object.peel_to_commit());
    commit.map(|commit| commit.id()).map_err(|error| match error.code() {
        ErrorCode::NotFound => {
            GitError::UnknownRevision { revision: revision.to_owned(), hint: hint(repository) }
        }
        _ => GitError::Revision { revision: revision.to_owned(), error },
    })
}

/// What may help where something is not found.
fn hint(repository: &Repository) -> &'static str {
    if repository.is_shallow() {
        "; this is a shallow clone, and `git fetch --unshallow` gets what is missing"
    } else {
        ""
    }
}

fn updated(
    repository: &Repository,
    updates: &[RefUpdate],
    known_references: Vec<String>,
) -> Result<Selection, GitError> {
    let mut selection = Selection { known_references, ..Selection::default() };
    for update in updates.iter().filter(|update| !update.new.is_zero()) {
        selection.add(repository, update).map_err(|error| GitError::Revision {
            revision: format!("{} {}", update.name, update.new),
            error,
        })?;
    }
    Ok(selection)
}

impl Selection {
    fn add(&mut self, repository: &Repository, update: &RefUpdate) -> Result<(), git2::Error> {
        // Who sends may not have what the remote has.
        if let Ok(old) =
            repository.find_object(update.old, None).and_then(|old| old.peel_to_commit())
        {
            self.known.push(old.id());
        }
        let mut object = repository.find_object(update.new, None)?;
        while let Some(tag) = object.as_tag() {
            self.tags.push(tag.id());
            object = tag.target()?;
        }
        match object.kind() {
            Some(ObjectType::Commit) => self.wanted.push(object.id()),
            kind => self.left.push(format!(
                "{} was not scanned: it names a {}, which no commit holds",
                update.name,
                kind.map_or("thing", |kind| kind.str())
            )),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const NONE: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn updates_are_read_as_git_writes_them() {
        let received = RefUpdate::received(format!("{NONE} {ONE} refs/heads/a b\n").as_bytes());
        let [update] = &received.unwrap()[..] else { panic!("one line is one update") };
        assert!(update.old.is_zero());
        assert_eq!(
            (update.new.to_string().as_str(), update.name.as_str()),
            (ONE, "refs/heads/a b")
        );

        let sent = RefUpdate::sent(format!("HEAD~1 {ONE} refs/heads/a {NONE}\n").as_bytes());
        assert_eq!(sent.unwrap()[0].name, "refs/heads/a");
        let sent =
            RefUpdate::sent(format!("HEAD@{{1 day ago}} {ONE} refs/heads/a {NONE}").as_bytes());
        assert_eq!(sent.unwrap()[0].new.to_string(), ONE);
    }

    #[test]
    fn a_line_of_another_form_is_an_error_with_its_number() {
        for line in
            ["x", "", &format!("{ONE} {ONE}"), &format!("{ONE} {} refs/heads/a", &ONE[..39])]
        {
            let input = format!("{NONE} {ONE} refs/heads/a\n{line}\n");
            let error = RefUpdate::received(input.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{line}: {error}");
        }
    }
}
