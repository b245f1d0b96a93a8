//! A whole history: every object is searched once without knowing where it stands; then, for the few with something in
//! them, their places are looked up, they are searched again as the files that they are, and what is the same
//! credential is made one finding.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::silence::Judged;
use super::suspects::Suspects;
use super::{Ledger, Scan};
use crate::model::blob::{ObjectId, Origin};
use crate::model::coverage::{Coverage, Problem, ProblemKind};
use crate::model::finding::{Class, Confidence, Finding, Fingerprint, PartKind};
use crate::model::history::{History as Told, Reach, Sighting};
use crate::model::secret::Secret;
use crate::model::silenced::Entry;
use crate::sources::Visitor;
use crate::sources::filter::Filter;
use crate::sources::git::history::{History, Placed};
use crate::sources::git::names::provisional;

/// Takes the findings of blobs in place of the ledger.
pub(super) trait Sink: Sync {
    /// Takes the findings of one blob with the comments that silence them, of every confidence and class. There is at
    /// least one.
    fn keep(&self, findings: Vec<Judged>);

    /// Says that the name of a file may make more of it than there was without one.
    fn depends_on_path(&self, origin: &Origin);

    /// How long the object of `origin` was unpacked at other places so far.
    fn unpacking_took(&self, _origin: &Origin) -> Duration {
        Duration::ZERO
    }

    /// Takes how long the object of `origin` was unpacked, at this place and at those before.
    fn unpacked(&self, _origin: &Origin, _took: Duration) {}
}

/// Scans a history. Returns the ids of the commits that findings name, in their order.
pub(super) fn push(history: &History, filter: &Filter, scan: &Scan<'_>) -> Vec<String> {
    let progress = scan.progress;
    let started = Instant::now();
    progress.objects.store(history.objects() as u64, Relaxed);
    let settings = scan.settings;
    let suspects = Suspects::new(settings.include_examples, settings.min_confidence);
    // Comments are of no interest before there is something to silence.
    let first = Scan { comments: None, ..scan.with_sink(&suspects) };
    let lineage = history.push(scan.settings.max_file_size, &first, &|objects, bytes| {
        progress.read.fetch_add(objects, Relaxed);
        progress.bytes.fetch_add(bytes, Relaxed);
        progress.suspects.store(suspects.count.load(Relaxed), Relaxed);
    });
    let mut coverage = first.into_ledger().coverage;
    let findings = suspects.take_findings();
    let (suspects, examples, below) = suspects.into_objects(history, scan);
    coverage.examples += examples;
    coverage.below_confidence += below;
    // A blob that could not be scanned whole is to be named by its path, too, and may be an excluded one.
    let unnamed = take_unnamed(&mut coverage);
    scan.add(coverage);
    let nameless = unnamed.iter().filter_map(|problem| Some(named_by(problem)?.0));
    let wanted: BTreeSet<ObjectId> = nameless.chain(suspects.iter().copied()).collect();
    if wanted.is_empty() || scan.is_cancelled() {
        for problem in unnamed {
            scan.problem(problem);
        }
        keep_unplaced(findings, scan);
        return Vec::new();
    }
    log::debug!("history: read in {:.2?}", started.elapsed());
    let mut placed = history.places(lineage, &wanted, filter, scan);
    log::debug!("history: {} objects placed in {:.2?}", wanted.len(), started.elapsed());
    for problem in &unnamed {
        say_where(problem, &placed, scan);
    }
    // The others were only to be named: under no name is there more in them.
    placed.retain(|place| suspects.contains(&place.object));
    let joined = Joined::new(&placed, scan.settings.include_examples);
    let second = scan.with_sink(&joined);
    history.push_again(&placed, &second);
    scan.add(only_words(second.into_ledger()));
    if scan.is_cancelled() {
        keep_unplaced(findings, scan);
        return Vec::new();
    }
    scan.keep(joined.into_findings());
    let named = placed.iter().filter_map(|place| Some((place.order, place.origin.commit()?)));
    let in_order: BTreeMap<u32, String> =
        named.map(|(order, commit)| (order, commit.id.clone())).collect();
    in_order.into_values().collect()
}

/// Keeps what was found before the scan was interrupted, under the names of objects.
fn keep_unplaced(findings: Vec<Judged>, scan: &Scan<'_>) {
    if findings.is_empty() {
        return;
    }
    let message = "interrupted: where findings stand was not looked up, nor whether that is excluded or a comment \
                   allows them"
        .to_owned();
    scan.problem(Problem { path: None, kind: ProblemKind::Interrupted, message });
    scan.keep(findings);
}

/// Takes the problems with blobs out of what was covered.
fn take_unnamed(coverage: &mut Coverage) -> Vec<Problem> {
    let is_unnamed = |problem: &mut Problem| named_by(problem).is_some();
    let problems = coverage.problems.extract_if(.., is_unnamed);
    problems.chain(coverage.gaps.extract_if(.., is_unnamed)).collect()
}

fn named_by(problem: &Problem) -> Option<(ObjectId, &str)> {
    provisional(problem.path.as_deref()?)
}

/// Reports a problem with a blob at each of its places; not at all if it has none that matters.
fn say_where(problem: &Problem, placed: &[Placed], scan: &Scan<'_>) {
    let Some((object, within)) = named_by(problem) else { return };
    for place in placed.iter().filter(|place| place.object == object) {
        let mut path = place.origin.path().as_os_str().to_owned();
        path.push(within);
        scan.problem(Problem { path: Some(path.into()), ..problem.clone() });
    }
}

/// What was scanned a second time does not count twice.
fn only_words(ledger: Ledger) -> Coverage {
    let Coverage { problems, warnings, gaps, .. } = ledger.coverage;
    Coverage { problems, warnings, gaps, ..Coverage::default() }
}

/// Findings brought together by credential.
struct Joined<'p> {
    /// Whether examples are wanted, too.
    examples: bool,
    placed: HashMap<&'p Origin, &'p Placed>,
    credentials: Mutex<HashMap<Identity, Credential>>,
    /// How long archives were unpacked: one that stands at many paths has no more time than one that stands at one.
    unpacked: Mutex<HashMap<ObjectId, Duration>>,
}

/// What tells credentials apart: two key IDs with the same secret are two, or one of them would be told of nowhere.
pub(super) type Identity = (Fingerprint, Option<Fingerprint>);

pub(super) fn identity(finding: &Finding) -> Identity {
    let key_id = finding.parts.iter().find(|part| part.kind == PartKind::AccessKeyId);
    (finding.credential, key_id.map(|part| Fingerprint::of_credential(&part.value)))
}

/// One credential, and all that is known of its places.
struct Credential {
    shown: Finding,
    rank: Rank,
    confidence: Confidence,
    objects: BTreeSet<ObjectId>,
    places: BTreeMap<PathBuf, At>,
    more: bool,
    /// Whether it stood somewhere before what was narrowed down to.
    is_old: bool,
}

/// A path that a credential stands at.
struct At {
    order: u32,
    sighting: Sighting,
    objects: BTreeSet<ObjectId>,
    version: Version,
    /// A comment beside the credential; beside all that was found of it in this version, if that is more than once.
    silenced_by: Option<Entry>,
}

/// Which version of a file it is whose comments count, of all in which a credential stands at a path: the greatest. The
/// one at HEAD; or else what a reference keeps goes before what only a log does, and the newer before the older.
type Version = (bool, Reverse<Reach>, u32);

/// Which of several findings of a credential is shown: the smallest. The one with most parts, then the surest, then the
/// oldest.
type Rank = (Reverse<(usize, Confidence)>, u32, PathBuf, ObjectId, u64);

impl<'p> Joined<'p> {
    fn new(placed: &'p [Placed], examples: bool) -> Self {
        let placed = placed.iter().map(|place| (&place.origin, place)).collect();
        let (credentials, unpacked) = (Mutex::default(), Mutex::default());
        Self { examples, placed, credentials, unpacked }
    }

    /// One finding for each credential, in no order.
    fn into_findings(self) -> Vec<Judged> {
        let credentials = self.credentials.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut credentials: Vec<Credential> = credentials.into_values().collect();
        credentials.sort_by(|one, other| one.rank.cmp(&other.rank));
        let mut home: HashMap<(PartKind, Secret), usize> = HashMap::new();
        let mut whole: Vec<Credential> = Vec::new();
        for credential in credentials {
            // Those with more parts come first, so a part alone finds the credential that it is part of.
            let parts = &credential.shown.parts;
            let known = |part: &crate::model::finding::Part| {
                home.get(&(part.kind, part.value.clone())).copied()
            };
            let first =
                known(&parts[0]).filter(|home| parts.iter().all(|part| known(part) == Some(*home)));
            if let Some(index) = first {
                whole[index].take(credential);
                continue;
            }
            for part in parts {
                home.entry((part.kind, part.value.clone())).or_insert(whole.len());
            }
            whole.push(credential);
        }
        whole.retain(|credential| !credential.is_old);
        whole.into_iter().map(Credential::into_finding).collect()
    }
}

impl Sink for Joined<'_> {
    fn keep(&self, findings: Vec<Judged>) {
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        for Judged { finding, silenced_by } in findings {
            // Examples were counted when the objects were read.
            if finding.class == Class::Example && !self.examples {
                continue;
            }
            let Some(placed) = self.placed.get(finding.origin.outermost()) else { continue };
            let id = identity(&finding);
            let credential = Credential::new(finding, silenced_by, placed);
            match credentials.entry(id) {
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(credential);
                }
                std::collections::hash_map::Entry::Occupied(mut known) => {
                    known.get_mut().take(credential);
                }
            }
        }
    }

    fn depends_on_path(&self, _: &Origin) {}

    fn unpacking_took(&self, origin: &Origin) -> Duration {
        let unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        let object = self.placed.get(origin).map(|placed| placed.object);
        object.and_then(|object| unpacked.get(&object).copied()).unwrap_or_default()
    }

    fn unpacked(&self, origin: &Origin, took: Duration) {
        if let Some(placed) = self.placed.get(origin) {
            let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
            let known = unpacked.entry(placed.object).or_default();
            *known = took.max(*known);
        }
    }
}

impl Credential {
    fn new(finding: Finding, silenced_by: Option<Entry>, placed: &Placed) -> Self {
        let path = finding.origin.path().to_owned();
        let first = finding.origin.commit().cloned().map(Arc::new);
        let distinct: BTreeSet<_> =
            finding.parts.iter().map(|part| (part.kind, part.value.expose())).collect();
        let best = Reverse((distinct.len(), finding.confidence));
        let at = finding.primary().span.start;
        let objects = BTreeSet::from([placed.object]);
        let sighting = Sighting {
            path: path.clone(),
            first,
            at_head: placed.at_head,
            reach: placed.reach,
            objects: 0,
        };
        let version = (placed.at_head, Reverse(placed.reach), placed.order);
        let order = placed.order;
        let place = At { order, sighting, objects: objects.clone(), version, silenced_by };
        Self {
            rank: (best, placed.order, path.clone(), placed.object, at),
            confidence: finding.confidence,
            shown: finding,
            objects,
            places: BTreeMap::from([(path, place)]),
            more: placed.more,
            is_old: placed.is_old,
        }
    }

    /// Adds what another finding of the same credential says.
    fn take(&mut self, other: Self) {
        if other.rank < self.rank {
            (self.rank, self.shown) = (other.rank, other.shown);
        }
        self.confidence = self.confidence.max(other.confidence);
        self.objects.extend(other.objects);
        self.more |= other.more;
        self.is_old |= other.is_old;
        for (path, place) in other.places {
            match self.places.entry(path) {
                std::collections::btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(place);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().take(place);
                }
            }
        }
    }

    /// A comment that someone wrote into a later version holds for those before it, too, and one that was taken out
    /// holds for none; but one path says nothing of another.
    fn into_finding(self) -> Judged {
        let all_silenced = self.places.values().all(|place| place.silenced_by.is_some());
        let shown = self.places.get(self.shown.origin.path());
        let silenced_by =
            shown.filter(|_| all_silenced && !self.more).and_then(|at| at.silenced_by.clone());
        let mut places: Vec<At> = self.places.into_values().collect();
        places.sort_by(|one, other| {
            (one.order, &one.sighting.path).cmp(&(other.order, &other.sighting.path))
        });
        let sightings = places
            .into_iter()
            .map(|place| Sighting { objects: place.objects.len() as u64, ..place.sighting })
            .collect();
        let history = Told { objects: self.objects.len() as u64, sightings, more: self.more };
        let finding = Finding { confidence: self.confidence, history: Some(history), ..self.shown };
        Judged { finding, silenced_by }
    }
}

impl At {
    fn take(&mut self, other: Self) {
        if other.order < self.order {
            self.order = other.order;
            self.sighting.first = other.sighting.first;
        }
        self.sighting.at_head |= other.sighting.at_head;
        self.sighting.reach = self.sighting.reach.min(other.sighting.reach);
        self.objects.extend(other.objects);
        match self.version.cmp(&other.version) {
            Ordering::Greater => {}
            Ordering::Less => (self.version, self.silenced_by) = (other.version, other.silenced_by),
            Ordering::Equal => {
                let both = self.silenced_by.take().zip(other.silenced_by);
                self.silenced_by = both.map(|(one, other)| one.min(other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::history::Reach;

    #[test]
    fn an_object_has_its_time_at_all_places_together() {
        let place = |byte: u8, path: &str| {
            let object = ObjectId([byte; 20]);
            let origin = Origin::Object { path: path.into(), id: object, is_message: false };
            Placed {
                object,
                origin,
                order: 0,
                at_head: false,
                reach: Reach::Dangling,
                is_old: false,
                more: false,
            }
        };
        let placed = [place(1, "a.zip"), place(1, "b.zip"), place(2, "c.zip")];
        let joined = Joined::new(&placed, false);
        joined.unpacked(&placed[0].origin, Duration::from_secs(7));
        let took = placed.each_ref().map(|placed| joined.unpacking_took(&placed.origin).as_secs());
        assert_eq!(took, [7, 7, 0]);
    }
}
