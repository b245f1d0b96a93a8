//! What fuzz targets, benches and tests see of the readers of packs and loose objects. No API: it changes as they need.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use git2::{Oid, Repository};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::buffer::Buffer;
use super::changed::{self, Change};
use super::index as staging;
use super::inflate::{self, Inflater, Inflating};
use super::objects::{Store, Unread};
use super::pack::{Families, Index, Kind, Object, Pack, Single, delta, entry};
use super::{GitError, staged};
use crate::model::blob::Content;
use crate::model::traces::Copied;

/// Parses the header of an entry, and returns how many bytes it takes.
pub fn entry_header(bytes: &[u8]) -> Option<usize> {
    entry::parse(bytes).ok().map(|header| header.len)
}

/// Applies a delta, with a limit to what it makes.
pub fn delta(base: &[u8], delta: &[u8], limit: u64) -> Option<Vec<u8>> {
    let (mut result, mut copies) = (Buffer::default(), Vec::new());
    delta::apply(base, delta, &mut result, &mut copies, limit).ok()?;
    let is_copied = |copied: &Copied| {
        let Copied { from, to, len } = *copied;
        base[from..from + len] == result[to..to + len]
    };
    assert!(copies.iter().all(is_copied), "what is said to be copied is");
    assert!(copies.is_sorted_by_key(|copied| copied.to), "it is said in order");
    Some(result.to_vec())
}

/// Reads all tables of an index. Returns how many objects it has, and how many of them it finds.
pub fn index(bytes: &[u8]) -> Option<(usize, usize)> {
    let index = Index::parse(bytes).ok()?;
    let is_found = |position: &usize| {
        let _ = (index.offset(*position), index.checksum(*position), index.is_repeated(*position));
        index.find(&index.id(*position)).is_some()
    };
    index.is_intact();
    Some((index.len(), (0..index.len()).filter(is_found).count()))
}

/// Parses an index of what is staged, and returns how many entries it has.
pub fn staged_index(bytes: &[u8]) -> Option<usize> {
    Some(staging::Index::parse(bytes).ok()?.len())
}

/// What is staged: path, whether it is a file, and ids of what was there before and is now.
pub type Staged = Vec<(PathBuf, bool, String, String)>;

/// What is staged, first as the own reader of indexes sees it,
/// if it does, and then as libgit2 does.
pub fn staged(path: &Path) -> Result<(Option<Staged>, Staged), GitError> {
    let repository = super::open_at(path)?;
    let bytes = fs::read(repository.path().join("index")).unwrap_or_default();
    let head = staged::head(&repository)?;
    let index = staging::Index::parse(&bytes);
    let own = match index.and_then(|index| index.changes_from(&repository, head.as_ref())) {
        Ok(changes) => Some(changes),
        Err(staging::Unread::Other) => None,
        Err(staging::Unread::Corrupt) => return Err(GitError::CorruptIndex),
    };
    let index = repository.index().map_err(GitError::of_index)?;
    let full = staged::compare(&repository, head.as_ref(), &index)?;
    let plain = |changes: Vec<Change>| {
        let plain = |one: Change| {
            (one.path, one.kind == changed::Kind::File, one.old.to_string(), one.new.to_string())
        };
        changes.into_iter().map(plain).collect()
    };
    Ok((own.map(plain), plain(full)))
}

/// Inflates in both ways, and returns what they agree on. A stream that is cut off or has a wrong checksum is an error
/// in both, but for builds for fuzzing, in which `miniz_oxide` does not compare checksums.
pub fn inflate(packed: &[u8], size: u64, limit: u64) -> Option<Vec<u8>> {
    let mut data = Buffer::default();
    let whole = Inflater::default().whole(packed, size, limit, &mut data);
    if size <= limit && inflate::is_possible(packed.len() as u64, size) {
        let mut streamed = Vec::new();
        let read = Inflating::new(packed).exactly(size).read_to_end(&mut streamed);
        assert!(whole.is_err() || read.is_ok() && streamed == *data);
    }
    whole.ok().map(|()| data.to_vec())
}

/// What became of the objects of a pack or of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Those that were handed over, sorted: id in hex, kind, and content.
    pub objects: Vec<(String, &'static str, Vec<u8>)>,
    /// Those that were not, sorted, and what is said of them.
    pub unread: Vec<(String, String)>,
    /// What is wrong besides.
    pub problems: Vec<String>,
    /// How many came with what was noted of their bases.
    pub with_base: usize,
}

impl Seen {
    fn sorted(seen: Mutex<Self>) -> Self {
        let mut seen = seen.into_inner().expect("collecting does not panic");
        seen.objects.sort();
        seen
    }

    fn add<N>(seen: &Mutex<Self>, object: Object<'_, N>) {
        let mut data = Vec::new();
        match object.data {
            Content::Bytes(bytes) => data.extend_from_slice(bytes),
            // Whoever handed it over says so if it fails.
            Content::Stream(stream) => {
                if stream.read_to_end(&mut data).is_err() {
                    return;
                }
            }
            Content::Seekable(_) => unreachable!("objects are no files"),
        }
        let mut seen = seen.lock().expect("collecting does not panic");
        seen.with_base += usize::from(object.base.is_some());
        seen.objects.push((hex(object.id), name(object.kind), data));
    }

    fn fail(&mut self, unread: &[Unread]) {
        self.unread = unread.iter().map(|one| (one.id.clone(), one.problem().message)).collect();
    }
}

/// Reads a pack in both ways, as a whole and object by object, and returns what the first gives. `None` if the index
/// is none.
pub fn pack(pack: &[u8], index: &[u8], threads: usize) -> Option<Seen> {
    let index = Index::parse(index).ok()?;
    let pool = pool(threads);
    let (seen, apart) = (Mutex::default(), Mutex::default());
    let families = pool.install(|| Families::of(pack, index, || ()));
    let linked = Pack::new(pack, &families);
    let worker = || {
        |mut object: Object<'_, Vec<u8>>| {
            check_base(&mut object);
            Seen::add(&seen, object);
        }
    };
    let mut failed = linked.walk(&pool, |_| true, |_| false, || false, worker);
    failed.sort_by_cached_key(|one| (one.id, one.error.to_string()));
    let mut seen = Seen::sorted(seen);
    seen.unread = failed.iter().map(|one| (hex(one.id), one.error.to_string())).collect();
    let mut single = Single::new();
    // One by one, the cost is the square of a chain's length.
    for position in (0..index.len()).filter(|_| index.len() <= 1000) {
        let worker = &mut |object: Object<'_>| Seen::add(&apart, object);
        // It does not look at checksums, so what failed above may well be read here.
        let _ = single.read(pack, index, position, worker);
    }
    let apart = Seen::sorted(apart).objects;
    let mut checked = seen.objects.iter().filter(|_| index.len() <= 1000);
    let missing = checked.find(|object| apart.binary_search(object).is_err());
    assert_eq!(missing, None, "both ways give the same");
    Some(seen)
}

/// What is said to be copied from an object's base is: each notes what it holds.
fn check_base(object: &mut Object<'_, Vec<u8>>) {
    // What is a delta, or has some on it, is no stream.
    let Content::Bytes(data) = object.data else { return };
    for Copied { from, to, len } in
        object.base.iter().flat_map(|(_, copies)| copies.iter().copied())
    {
        let base = object.base.map_or(&[][..], |(base, _)| base);
        assert_eq!(base[from..from + len], data[to..to + len], "it was copied from there");
    }
    if let Some(note) = &mut object.note {
        **note = Some(data.to_vec());
    }
}

/// Reads all objects of a repository.
pub fn objects(path: &Path, threads: usize) -> Result<Seen, git2::Error> {
    let store = Store::open(&Repository::open(path)?);
    let seen = Mutex::default();
    let worker = || {
        |mut object: Object<'_, Vec<u8>>| {
            check_base(&mut object);
            Seen::add(&seen, object);
        }
    };
    let unread = store.each(&pool(threads), |_| true, || false, worker);
    let mut seen = Seen::sorted(seen);
    seen.fail(&unread);
    seen.problems = told(&store);
    Ok(seen)
}

/// Reads some objects of a repository.
pub fn some_objects(path: &Path, threads: usize, ids: &[String]) -> Result<Seen, git2::Error> {
    let store = Store::open(&Repository::open(path)?);
    let seen = Mutex::default();
    let ids: Vec<_> =
        ids.iter().filter_map(|id| Oid::from_str(id).ok()?.as_bytes().try_into().ok()).collect();
    let worker = || |object: Object<'_>| Seen::add(&seen, object);
    let unread = store.read(&ids, &pool(threads), || false, worker);
    let mut seen = Seen::sorted(seen);
    seen.fail(&unread);
    for id in &ids {
        let is_seen = seen.objects.iter().any(|object| object.0 == hex(*id));
        assert!(store.contains(id) || !is_seen, "what was read is there");
    }
    Ok(seen)
}

/// Hands every object of a repository to `visit`: its kind and what it holds. Returns what could not be read.
pub fn each(
    path: &Path,
    threads: usize,
    kinds: fn(&str) -> bool,
    visit: &(dyn Fn([u8; 20], &'static str, Content<'_>) + Sync),
) -> Result<Vec<String>, git2::Error> {
    let store = Store::open(&Repository::open(path)?);
    let worker = || |object: Object<'_>| visit(object.id, name(object.kind), object.data);
    let unread = store.each(&pool(threads), |kind| kinds(name(kind)), || false, worker);
    let unread = unread.iter().map(|one| one.problem().message);
    Ok(told(&store).into_iter().chain(unread).collect())
}

fn told(store: &Store) -> Vec<String> {
    store.problems().iter().map(|(path, what)| format!("{}: {what}", path.display())).collect()
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started")
}

fn hex(id: [u8; 20]) -> String {
    Oid::from_bytes(&id).expect("it is as long as an id").to_string()
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Commit => "commit",
        Kind::Tree => "tree",
        Kind::Blob => "blob",
        Kind::Tag => "tag",
    }
}
