//! Who made the commits that findings name, and when.
//!
//! Few commits are asked about, and for the first one libgit2 would map all packs of a repository, which are mapped
//! already. So it is only given what a commit holds, and reads that.

use std::collections::HashMap;
use std::sync::Arc;

use git2::{ObjectType, Odb, Oid, Repository};

use super::objects::Store;
use super::pack::{Id, Single};
use super::range::named;
use crate::model::blob::{Commit, ObjectId};
use crate::model::coverage::{Problem, ProblemKind};
use crate::sources::Visitor;

/// Commits as reports name them.
pub(super) struct Authors<'h> {
    store: &'h Store,
    repository: &'h Repository,
    /// What a commit is rebuilt in.
    single: Single,
    /// Those that were asked about before.
    known: HashMap<Id, Arc<Commit>>,
}

impl<'h> Authors<'h> {
    pub(super) fn new(store: &'h Store, repository: &'h Repository) -> Self {
        Self { store, repository, single: Single::new(), known: HashMap::new() }
    }

    /// The commit of this id. One that cannot be read is a problem, and by someone unknown.
    pub(super) fn of(&mut self, id: Id, visitor: &dyn Visitor) -> Arc<Commit> {
        if let Some(commit) = self.known.get(&id) {
            return Arc::clone(commit);
        }
        let commit = self.read(id).unwrap_or_else(|error| {
            let id = ObjectId(id).to_string();
            let message = format!("commit {id}: its author cannot be read: {}", error.message());
            visitor.problem(Problem { path: None, kind: ProblemKind::Unreadable, message });
            Commit { id, author: "unknown".to_owned(), seconds: 0, offset: 0 }
        });
        let commit = Arc::new(commit);
        self.known.insert(id, Arc::clone(&commit));
        commit
    }

    fn read(&mut self, id: Id) -> Result<Commit, git2::Error> {
        let oid = Oid::from_bytes(&id)?;
        let parsed = self.store.find(&id, &mut self.single, |content| parsed(oid, content));
        match parsed.flatten() {
            Some(commit) => Ok(commit),
            // It says what is wrong.
            None => Ok(named(oid, &self.repository.find_commit(oid)?.author())),
        }
    }
}

/// A commit that holds `content`; `None` if libgit2 cannot read that, or it is another one.
fn parsed(id: Oid, content: &[u8]) -> Option<Commit> {
    let read = || -> Result<Option<Commit>, git2::Error> {
        // A repository in memory with nothing else in it.
        let objects = Odb::new()?;
        objects.add_new_mempack_backend(0)?;
        if objects.write(ObjectType::Commit, content)? != id {
            return Ok(None);
        }
        let repository = Repository::from_odb(objects)?;
        let commit = repository.find_commit(id)?;
        Ok(Some(named(id, &commit.author())))
    };
    read().ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_from_what_it_holds() {
        let content = format!(
            "tree {}\nauthor A < a@b > 1700000000 -0130\ncommitter C <c@d> 1 +0000\n\nwords",
            "12".repeat(20)
        );
        let id = Oid::hash_object(ObjectType::Commit, content.as_bytes()).unwrap();
        let commit = parsed(id, content.as_bytes()).unwrap();
        assert_eq!(commit.id, id.to_string());
        assert_eq!(
            (&*commit.author, commit.seconds, commit.offset),
            ("A <a@b>", 1_700_000_000, -90)
        );
        let other = Oid::from_bytes(&[7; 20]).unwrap();
        assert_eq!(parsed(other, content.as_bytes()), None, "it is another one");
        let no_commit = Oid::hash_object(ObjectType::Commit, b"words").unwrap();
        assert_eq!(parsed(no_commit, b"words"), None);
    }
}
