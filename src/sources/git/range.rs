//! What the commits of a range add, one by one and oldest first.
//!
//! Each commit is compared with its parents: a merge adds what none of them has, a root commit adds all of its tree.
//! Replace references are not looked at, so what they hide is scanned. A commit whose parents are cut off, by a shallow
//! clone or by a graft, cannot be compared and is named as not scanned.

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::{
    Commit as GitCommit, Diff, DiffFindOptions, DiffOptions, Oid, Repository, Signature, Sort, Tree,
};

use super::GitError;
use super::changed::{Changed, Kind, Options, is_change, path_of};
use super::revisions::{Revisions, Selection};
use crate::model::blob::{Commit, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::sources::Visitor;
use crate::sources::filter::Filter;

/// Digits of an object id that people get to see.
const SHORT: usize = 12;

/// Pushes what each of the selected commits adds, and its message. Returns the ids of the commits in the order in which
/// they were pushed.
pub fn push(
    repository: &Repository,
    revisions: &Revisions,
    options: &Options,
    filter: &Filter,
    visitor: &dyn Visitor,
) -> Result<Vec<String>, GitError> {
    let selection = revisions.resolve(repository)?;
    let commits = commits(repository, &selection)?;
    if commits.is_empty() && !revisions.may_be_empty() {
        return Err(GitError::EmptyRange { range: revisions.to_string() });
    }
    let root = repository.workdir().unwrap_or(repository.path());
    let changed = Changed::new(repository, root, options, filter, visitor);
    let mut range = Range { repository, visitor, changed };
    for id in &commits {
        if visitor.is_cancelled() {
            break;
        }
        if let Err(error) = range.commit(*id) {
            range.problem(format!("commit {id} cannot be read whole: {}", error.message()));
        }
    }
    for message in selection.left {
        range.problem(message);
    }
    for id in selection.tags {
        if let Err(error) = range.tag(id) {
            range.problem(format!("tag {id} cannot be read: {}", error.message()));
        }
    }
    Ok(commits.iter().map(Oid::to_string).collect())
}

/// The selected commits, each after its parents.
fn commits(repository: &Repository, selection: &Selection) -> Result<Vec<Oid>, GitError> {
    let walk = || -> Result<Vec<Oid>, git2::Error> {
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
        for id in &selection.wanted {
            walk.push(*id)?;
        }
        for id in &selection.known {
            walk.hide(*id)?;
        }
        for glob in &selection.known_references {
            walk.hide_glob(glob)?;
        }
        walk.collect()
    };
    if selection.wanted.is_empty() {
        return Ok(Vec::new());
    }
    walk().map_err(GitError::while_("the commits cannot be listed"))
}

struct Range<'s> {
    repository: &'s Repository,
    visitor: &'s dyn Visitor,
    changed: Changed<'s>,
}

/// A file that differs from what it was in every parent.
struct File {
    id: Oid,
    /// What it was in each parent; zero where it was not.
    before: Vec<Oid>,
}

impl Range<'_> {
    fn problem(&self, message: String) {
        self.visitor.problem(Problem { path: None, kind: ProblemKind::Unreadable, message });
    }

    fn commit(&mut self, id: Oid) -> Result<(), git2::Error> {
        let commit = self.repository.find_commit(id)?;
        let named = Arc::new(named(id, &commit.author()));
        let name = format!("<message of commit {:.SHORT$}>", named.id);
        let origin = Origin::Message { name: name.into(), commit: Arc::clone(&named) };
        self.changed.message(origin, commit.message_raw_bytes());
        if is_cut_off(&commit) {
            let message = format!(
                "commit {:.SHORT$} was not scanned: its parents are cut off, as in a shallow clone; `git fetch \
                 --unshallow` gets them",
                named.id
            );
            self.visitor.problem(Problem { path: None, kind: ProblemKind::Shallow, message });
            return Ok(());
        }
        let tree = commit.tree()?;
        for (path, file) in self.files(&commit, &tree)? {
            if self.visitor.is_cancelled() {
                break;
            }
            let path = path_of(&path);
            let mode = tree.get_path(&path).map_or(0, |entry| entry.filemode().cast_unsigned());
            let origin = Origin::Committed { path, commit: Arc::clone(&named) };
            self.changed.file(origin, Kind::of_mode(mode), file.id, &file.before);
        }
        Ok(())
    }

    /// The files of a commit that differ from those of every parent, by path.
    fn files(
        &self,
        commit: &GitCommit<'_>,
        tree: &Tree<'_>,
    ) -> Result<BTreeMap<Vec<u8>, File>, git2::Error> {
        let mut diffs = if commit.parent_count() == 0 {
            vec![self.diff(None, tree)?]
        } else {
            let parents = commit.parents().map(|parent| self.diff(Some(&parent.tree()?), tree));
            parents.collect::<Result<Vec<_>, _>>()?
        };
        let files = in_all(&diffs);
        // A file that is new in a merge may be an old one that was renamed there. The search is slow where branches
        // that differ much are merged, so it is left out where it changes nothing.
        let is_new = files.values().any(|file| file.before.iter().any(Oid::is_zero));
        if commit.parent_count() == 0 || !is_new {
            return Ok(files);
        }
        let mut find = DiffFindOptions::new();
        find.renames(true);
        for diff in &mut diffs {
            diff.find_similar(Some(&mut find))?;
        }
        Ok(in_all(&diffs))
    }

    fn diff(&self, old: Option<&Tree<'_>>, new: &Tree<'_>) -> Result<Diff<'_>, git2::Error> {
        let mut options = DiffOptions::new();
        options.include_typechange(true);
        self.repository.diff_tree_to_tree(old, Some(new), Some(&mut options))
    }

    /// Pushes the message of an annotated tag of a commit.
    fn tag(&mut self, id: Oid) -> Result<(), git2::Error> {
        let tag = self.repository.find_tag(id)?;
        let Ok(commit) = tag.peel()?.into_commit() else { return Ok(()) };
        let name = format!("<message of tag {}>", String::from_utf8_lossy(tag.name_bytes()));
        let commit = Arc::new(named(commit.id(), &commit.author()));
        let origin = Origin::Message { name: name.into(), commit };
        self.changed.message(origin, tag.message_bytes().unwrap_or_default());
        Ok(())
    }
}

/// The files that every one of the differences, which end in the same tree, leaves changed.
fn in_all(diffs: &[Diff<'_>]) -> BTreeMap<Vec<u8>, File> {
    let mut files: BTreeMap<Vec<u8>, File> = BTreeMap::new();
    for (already, diff) in diffs.iter().enumerate() {
        for delta in diff.deltas().filter(is_change) {
            let new = delta.new_file();
            let path = new.path_bytes().unwrap_or_default();
            if already == 0 {
                let file = File { id: new.id(), before: Vec::new() };
                files.insert(path.to_owned(), file);
            }
            if let Some(file) = files.get_mut(path) {
                file.before.push(delta.old_file().id());
            }
        }
        files.retain(|_, file| file.before.len() > already);
    }
    files
}

/// Whether the parents that the commit itself names are not those that the repository goes by.
fn is_cut_off(commit: &GitCommit<'_>) -> bool {
    let lines = commit.raw_header_bytes().split(|byte| *byte == b'\n');
    let written = lines.filter_map(|line| line.strip_prefix(b"parent "));
    let parents: Vec<String> = commit.parent_ids().map(|id| id.to_string()).collect();
    !written.eq(parents.iter().map(String::as_bytes))
}

pub(super) fn named(id: Oid, author: &Signature<'_>) -> Commit {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Commit {
        id: id.to_string(),
        author: format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes())),
        seconds: author.when().seconds(),
        offset: author.when().offset_minutes(),
    }
}
