//! The objects of a history that are worth looking up: those with something in them that is asked for, or that the name
//! of a file could make so.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Scan;
use super::history::{Identity, Sink, identity};
use super::silence::Judged;
use crate::detect::TELLING_PATHS;
use crate::model::blob::{ObjectId, Origin};
use crate::model::coverage::Coverage;
use crate::model::finding::{Class, Confidence, Fingerprint};
use crate::model::history::Reach;
use crate::sources::Visitor;
use crate::sources::git::history::{History, Placed};
use crate::sources::git::names::{provisional, provisional_path};

/// Takes what is found in objects that are not known by a path yet.
pub(super) struct Suspects {
    /// Whether examples are wanted, too.
    examples: bool,
    /// From which confidence on findings are wanted.
    wanted: Confidence,
    found: Mutex<Found>,
    /// How many findings there are that are wanted, copies counted each.
    pub(super) count: AtomicU64,
}

#[derive(Default)]
struct Found {
    sure: BTreeSet<ObjectId>,
    /// What was found in these, each credential once: all that there is to tell if the scan ends before its places are
    /// known.
    findings: HashMap<Identity, Judged>,
    /// The values of all parts that were found in these: wherever else one stands is a place of the same credential.
    values: HashSet<Fingerprint>,
    /// Objects with findings below the confidence that is wanted, and these; perhaps none, but something that the name
    /// of a file could make one.
    unsure: BTreeMap<ObjectId, HashSet<Fingerprint>>,
    /// Examples that are not wanted.
    examples: HashSet<Fingerprint>,
}

impl Suspects {
    pub(super) fn new(examples: bool, wanted: Confidence) -> Self {
        Self { examples, wanted, found: Mutex::default(), count: AtomicU64::new(0) }
    }

    /// What is wanted of what was found so far, each credential once, under the name of an object that holds it.
    pub(super) fn take_findings(&self) -> Vec<Judged> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut found.findings).into_values().collect()
    }

    /// The objects to look up; how many examples there are in others, and how many findings that no name of a
    /// file would make surer.
    pub(super) fn into_objects(
        self,
        history: &History,
        scan: &Scan<'_>,
    ) -> (BTreeSet<ObjectId>, u64, u64) {
        let mut found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let of_known = |values: &HashSet<Fingerprint>| !values.is_disjoint(&found.values);
        let further = found.unsure.iter().filter(|(_, values)| of_known(values));
        found.sure.extend(further.map(|(object, _)| *object));
        found.unsure.retain(|object, _| !found.sure.contains(object));
        let possible = possible(history, found.unsure.keys().copied(), self.wanted, scan);
        found.unsure.retain(|object, _| !possible.contains(object));
        let below: HashSet<Fingerprint> = found.unsure.into_values().flatten().collect();
        found.sure.extend(possible);
        (found.sure, found.examples.len() as u64, below.len() as u64)
    }
}

impl Sink for Suspects {
    fn keep(&self, findings: Vec<Judged>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for judged in findings {
            let finding = &judged.finding;
            let Some(object) = finding.origin.object() else { continue };
            if finding.class == Class::Example && !self.examples {
                found.examples.insert(finding.credential);
            } else if finding.class == Class::Example || finding.confidence >= self.wanted {
                self.count.fetch_add(1, Ordering::Relaxed);
                found.sure.insert(object);
                let parts = finding.parts.iter();
                found.values.extend(parts.map(|part| Fingerprint::of_credential(&part.value)));
                found.findings.entry(identity(finding)).or_insert(judged);
            } else {
                found.unsure.entry(object).or_default().insert(finding.credential);
            }
        }
    }

    fn depends_on_path(&self, origin: &Origin) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(object) = origin.object() {
            found.unsure.entry(object).or_default();
        }
    }
}

/// Those of the objects that would hold a finding of the wanted confidence under a name that says as much as a name
/// can. Looking that up takes no pass over the trees.
fn possible(
    history: &History,
    objects: impl Iterator<Item = ObjectId>,
    wanted: Confidence,
    scan: &Scan<'_>,
) -> BTreeSet<ObjectId> {
    let named = objects.flat_map(|object| {
        TELLING_PATHS.iter().map(move |path| Placed {
            object,
            origin: Origin::Object {
                path: provisional_path(object, &format!("/{path}")),
                id: object,
                is_message: false,
            },
            order: 0,
            at_head: false,
            reach: Reach::Dangling,
            is_old: false,
            more: false,
        })
    });
    let named: Vec<Placed> = named.collect();
    let possible = Possible { wanted, objects: Mutex::default() };
    if !named.is_empty() {
        let under_names = Scan { comments: None, ..scan.with_sink(&possible) };
        history.push_again(&named, &under_names);
        let Coverage { problems, gaps, .. } = under_names.into_ledger().coverage;
        for problem in problems.into_iter().chain(gaps) {
            // What could not be told of an object is found out where it stands.
            match problem.path.as_deref().and_then(provisional) {
                Some((object, _)) => possible.take(object),
                None => scan.problem(problem),
            }
        }
    }
    possible.objects.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the objects in which there is something of the wanted confidence.
struct Possible {
    wanted: Confidence,
    objects: Mutex<BTreeSet<ObjectId>>,
}

impl Possible {
    fn take(&self, object: ObjectId) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).insert(object);
    }
}

impl Sink for Possible {
    fn keep(&self, findings: Vec<Judged>) {
        let wanted = findings.iter().filter(|judged| judged.finding.confidence >= self.wanted);
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.extend(wanted.filter_map(|judged| judged.finding.origin.object()));
    }

    fn depends_on_path(&self, _: &Origin) {}
}
