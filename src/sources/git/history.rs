//! Every object of a repository once, whatever hangs on it, and then where the few stand that matter.
//!
//! What an object is called is not known when it is read: one blob may stand at many paths, in many commits, or in
//! none. So objects are pushed under names made of their ids, and [`History::places`] tells afterwards, for those that
//! are asked about, their paths and commits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use git2::{Oid, Repository};
use rayon::{ThreadPool, ThreadPoolBuilder};

pub use super::attribution::Lineage;
use super::attribution::{Attribution, Place, Recorder, References, Said, Scope, Wanted};
use super::authors::Authors;
use super::missing::{self, Missing};
use super::names::{SHORT, name, provisional_name};
use super::objects::{Store, while_reading};
use super::pack::{Id, Kind, Object};
use super::{GitError, revisions};
use crate::model::blob::{Blob, Brings, Content, Lines, ObjectId, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::history::Reach;
use crate::model::traces::{Inherited, Traces};
use crate::sources::filter::Filter;
use crate::sources::{Visitor, Worker, over_limit};

/// Above this part of all objects, reading them in the order of the packs is faster than one by one.
const FEW: usize = 50;

/// Objects and bytes after which a thread tells how many it read.
const TALLIED: u64 = 100;
const TALLIED_BYTES: u64 = 1 << 20;

/// Which part of a history is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Only what a reference or a HEAD keeps.
    pub reachable_only: bool,
    /// Only what newer commits bring: newer than a date, or not in the history of a revision.
    pub since: Option<Since>,
    /// Only what this revision or one of its ancestors has.
    pub branch: Option<String>,
}

/// From where on a history is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// Commits made at this time or later, in seconds since 1970.
    Time(i64),
    /// Commits that this revision does not lead to.
    Revision(String),
}

/// A repository that is opened to be read whole.
pub struct History {
    repository: Repository,
    store: Store,
    pool: ThreadPool,
    scope: Scope,
}

/// A place of an object in the history.
#[derive(Debug)]
pub struct Placed {
    /// The object.
    pub object: ObjectId,
    /// The same place as a report names it.
    pub origin: Origin,
    /// How many commits come before the first one that has it there, parents before their children.
    pub order: u32,
    /// Whether it still stands there in the commit that is checked out.
    pub at_head: bool,
    /// What keeps it.
    pub reach: Reach,
    /// Whether it stood there before what was narrowed down to: nothing new.
    pub is_old: bool,
    /// Whether the object stands at more places than are told.
    pub more: bool,
}

/// Places of all objects together that are told.
const MAX_PLACED: usize = 500_000;

impl History {
    /// Opens the repository at or above `path`, or else that of the current directory. `threads` read it; 0 is one for
    /// each processor.
    pub fn open(
        path: Option<&Path>,
        threads: usize,
        narrowing: &Narrowing,
    ) -> Result<Self, GitError> {
        let repository = match path {
            Some(path) => super::open_at(path)?,
            None => super::open()?,
        };
        let scope = scope(&repository, narrowing)?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| GitError::Threads { reason: error.to_string() })?;
        let store = Store::open(&repository);
        Ok(Self { repository, store, pool, scope })
    }

    /// Lets go of it while others go on: to unmap large packs takes a while. The end of the process does not wait for it.
    pub fn close(self) {
        let Self { store, pool, .. } = self;
        pool.spawn(move || drop(store));
    }

    /// How many objects there are, copies in several packs counted each.
    pub fn objects(&self) -> usize {
        self.store.len()
    }

    /// Pushes every blob and every message, each under a name made of its id, and says what is missing. Larger blobs
    /// than `max_file_size`, in bytes, are named as not scanned. `read` is told now and then how many more objects were
    /// read, and their bytes. Returns what [`Self::places`] needs.
    pub fn push(
        &self,
        max_file_size: Option<u64>,
        visitor: &dyn Visitor,
        read: &(dyn Fn(u64, u64) + Sync),
    ) -> Lineage {
        let (missing, recorder) = (Missing::default(), Recorder::default());
        let (store, pool) = (&self.store, &self.pool);
        let worker = || {
            let mut worker = visitor.worker();
            let (missing, recorder) = (&missing, &recorder);
            let mut tally = Tally { objects: 0, bytes: 0, tell: read };
            move |object: Object<'_, Traces>| {
                tally.add(object.size);
                if let Some(said) = Said::by(&object) {
                    missing.look_for_needs_of(&said, store);
                    recorder.add(said);
                }
                visit(object, max_file_size, visitor, &mut *worker);
            }
        };
        let is_wanted = |kind| kind != Kind::Tree;
        let read = || store.each(pool, is_wanted, || visitor.is_cancelled(), worker);
        let (unread, references) = while_reading(read, || References::of(&self.repository));
        for unread in unread {
            visitor.problem(unread.problem());
        }
        for (path, message) in store.problems() {
            let path = Some(path);
            visitor.problem(Problem { path, kind: ProblemKind::Unreadable, message });
        }
        missing.report(&self.repository, &references, store, visitor);
        recorder.into_lineage(references)
    }

    /// Pushes these objects again, each under all of its places.
    pub fn push_again(&self, placed: &[Placed], visitor: &dyn Visitor) {
        let mut of: HashMap<Id, Vec<&Placed>> = HashMap::new();
        for place in placed {
            of.entry(place.object.0).or_default().push(place);
        }
        // A stream can be read once only, so objects that come as one are read again for each further place.
        let mut round = 0;
        while !of.is_empty() && !visitor.is_cancelled() {
            let streams = Mutex::new(Vec::new());
            self.push_places(&of, round, visitor, &streams);
            round += 1;
            let streams = streams.into_inner().unwrap_or_else(PoisonError::into_inner);
            of.retain(|id, places| places.len() > round && streams.contains(id));
        }
    }

    /// Pushes objects under all of their places, or, if they come as streams, under that of this number.
    fn push_places(
        &self,
        of: &HashMap<Id, Vec<&Placed>>,
        round: usize,
        visitor: &dyn Visitor,
        streams: &Mutex<Vec<Id>>,
    ) {
        let worker = || {
            let mut worker = visitor.worker();
            move |object: Object<'_>| {
                let Some(places) = of.get(&object.id) else { return };
                let id = object.id;
                let mut visit = |place: &Placed, content| {
                    let origin = place.origin.clone();
                    worker.visit(Blob {
                        origin,
                        content,
                        lines: Lines::All,
                        brings: Brings::Nothing,
                        inherited: None,
                    });
                };
                match text(object.kind, object.data) {
                    Content::Bytes(bytes) => {
                        for place in places {
                            visit(place, Content::Bytes(bytes));
                        }
                    }
                    stream @ (Content::Stream(_) | Content::Seekable(_)) => {
                        visit(places[round], stream);
                        streams.lock().unwrap_or_else(PoisonError::into_inner).push(id);
                    }
                }
            }
        };
        let stop = || visitor.is_cancelled();
        let unread = if of.len() > self.store.len() / FEW {
            self.store.each(&self.pool, |kind| kind != Kind::Tree, stop, worker)
        } else {
            let ids: Vec<Id> = of.keys().copied().collect();
            self.store.read(&ids, &self.pool, stop, worker)
        };
        for unread in unread {
            visitor.problem(unread.problem());
        }
    }

    /// Where these objects stand, as far as that is within what was narrowed down to and not excluded. `lineage` is what
    /// [`Self::push`] returned.
    pub fn places(
        &self,
        lineage: Lineage,
        objects: &BTreeSet<ObjectId>,
        filter: &Filter,
        visitor: &dyn Visitor,
    ) -> Vec<Placed> {
        let wanted = Wanted::new(objects.iter().map(|object| object.0));
        let stop = || visitor.is_cancelled();
        let (attribution, unread) = Attribution::gather(
            &self.repository,
            &self.store,
            &self.pool,
            &wanted,
            lineage,
            self.scope.clone(),
            stop,
        );
        for unread in unread {
            visitor.problem(unread.problem());
        }
        let say = |kind, path, message| visitor.problem(Problem { path, kind, message });
        for message in attribution.unread() {
            say(ProblemKind::Unreadable, None, message.clone());
        }
        missing::report_trees(attribution.missing(), &self.repository, visitor);
        if attribution.is_cut_off() {
            let message = "its trees hold each other too many times: not all places are told";
            say(ProblemKind::OverLimit, None, message.to_owned());
        }
        let root = self.repository.workdir().unwrap_or(self.repository.path());
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let finder = attribution.finder();
        let mut authors = Authors::new(&self.store, &self.repository);
        let mut excluded = HashSet::new();
        let mut placed = Vec::new();
        for object in objects {
            if visitor.is_cancelled() {
                break;
            }
            let found = finder.places(&object.0);
            if found.more || placed.len() > MAX_PLACED {
                let message = "stands at more places than are looked up: those that are told may not be all, nor the \
                               first";
                say(ProblemKind::OverLimit, Some(name(Kind::Blob, *object)), message.to_owned());
            }
            for place in found.list.into_iter().take(MAX_PLACED.saturating_sub(placed.len()).max(1))
            {
                if let Some(path) = &place.path
                    && let Some(reason) = filter.check_file(&root, path)
                {
                    if excluded.insert(path.clone()) {
                        visitor.left_out(reason, 1, Some(path));
                    }
                    continue;
                }
                let origin = self.origin(*object, &place, &mut authors, visitor);
                let Place { order, at_head, is_old, reach, .. } = place;
                let (object, more) = (*object, found.more);
                placed.push(Placed { object, origin, order, at_head, reach, is_old, more });
            }
        }
        placed
    }

    /// A place as a report names it.
    fn origin(
        &self,
        object: ObjectId,
        place: &Place,
        authors: &mut Authors<'_>,
        visitor: &dyn Visitor,
    ) -> Origin {
        let commit = place.first.map(|id| authors.of(id, visitor));
        match (&place.path, commit) {
            (Some(path), Some(commit)) => Origin::Committed { path: path.clone(), commit },
            (Some(path), None) => {
                Origin::Object { path: path.clone(), id: object, is_message: false }
            }
            (None, Some(commit)) => {
                let name = format!("<message of commit {:.SHORT$}>", commit.id).into();
                Origin::Message { name, commit }
            }
            (None, None) => {
                let tag = Oid::from_bytes(&object.0).and_then(|id| self.repository.find_tag(id));
                let is_message = tag.is_ok();
                let path = tag.map_or_else(
                    |_| name(Kind::Blob, object),
                    |tag| {
                        let name = String::from_utf8_lossy(tag.name_bytes());
                        format!("<message of tag {name}>").into()
                    },
                );
                Origin::Object { path, id: object, is_message }
            }
        }
    }
}

/// Objects that a thread read and did not tell of yet: threads that all count in one place wait for each other.
struct Tally<'a> {
    objects: u64,
    bytes: u64,
    tell: &'a (dyn Fn(u64, u64) + Sync),
}

impl Tally<'_> {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.objects >= TALLIED || self.bytes >= TALLIED_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        (self.tell)(std::mem::take(&mut self.objects), std::mem::take(&mut self.bytes));
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Has an object scanned under a name made of its id.
fn visit(
    object: Object<'_, Traces>,
    max_file_size: Option<u64>,
    visitor: &dyn Visitor,
    worker: &mut dyn Worker,
) {
    let id = ObjectId(object.id);
    let path = provisional_name(object.kind, id);
    let is_message = object.kind != Kind::Blob;
    if let Some(limit) = max_file_size.filter(|limit| object.size > *limit && !is_message) {
        return visitor.problem(over_limit(&path, limit, 0));
    }
    let Object { kind, data, base, note, .. } = object;
    let inherited = Inherited { base, own: note };
    worker.visit(Blob {
        origin: Origin::Object { path, id, is_message },
        content: text(kind, data),
        lines: Lines::All,
        brings: Brings::Nothing,
        inherited: (!is_message).then_some(inherited),
    });
}

fn scope(repository: &Repository, narrowing: &Narrowing) -> Result<Scope, GitError> {
    let commit = |revision: &String| -> Result<Option<Id>, GitError> {
        let id = revisions::commit(repository, revision)?;
        Ok(id.as_bytes().try_into().ok())
    };
    let mut scope = Scope { reachable_only: narrowing.reachable_only, ..Scope::default() };
    match &narrowing.since {
        Some(Since::Time(time)) => scope.since = Some(*time),
        Some(Since::Revision(revision)) => scope.after = commit(revision)?,
        None => {}
    }
    if let Some(branch) = &narrowing.branch {
        scope.branch = commit(branch)?;
    }
    Ok(scope)
}

/// What of an object is searched: a blob whole, of others the message.
fn text(kind: Kind, data: Content<'_>) -> Content<'_> {
    match data {
        Content::Bytes(data) if kind != Kind::Blob => {
            let header = memchr::memmem::find(data, b"\n\n");
            Content::Bytes(header.map_or(&[], |end| &data[end + 2..]))
        }
        data => data,
    }
}
