//! Values in clear and those that are wrapped, brought together: each once, and none that is a part of another.

use std::cmp::Reverse;
use std::ops::Range;

use super::inspect::Inspected;
use crate::decode::nested::MAX_DEPTH;
use crate::model::layer::Layer;
use crate::model::secret::Secret;

/// A value and where it came from.
#[derive(Debug)]
pub(super) struct Wrapped {
    pub(super) inspected: Inspected,
    /// Where it stands in the window's text.
    pub(super) outer: Range<usize>,
    /// Tells it apart from others that came from the same place: the offsets in what was decoded from there.
    pub(super) nths: Range<u64>,
    pub(super) value: Secret,
    /// What was undone, the outermost layer first; nothing for a value in clear.
    pub(super) layers: Vec<Layer>,
}

/// Values in clear and wrapped ones, in order of place, each once. What is part of one that is wrapped deeper is none by
/// itself: the start of a session token that goes on behind an escape, a run that begins with the end of one.
pub(super) fn merge(
    text: &[u8],
    plain: impl Iterator<Item = Inspected>,
    mut all: Vec<Wrapped>,
) -> Vec<Wrapped> {
    all.extend(plain.map(|inspected| {
        let outer = inspected.range.clone();
        let value = Secret::new(&text[outer.clone()]);
        Wrapped { inspected, outer, nths: 0..1, value, layers: Vec::new() }
    }));
    let role = |one: &Wrapped| one.inspected.kind.role();
    let place = |one: &Wrapped| (one.outer.start, Reverse(one.outer.end));
    all.sort_by(|one, other| {
        let longest = |one: &Wrapped| Reverse(one.value.len());
        let key =
            |one: &Wrapped| (place(one), role(one), one.nths.start, longest(one), one.layers.len());
        key(one).cmp(&key(other)).then_with(|| one.value.cmp(&other.value))
    });
    // Of what was decoded in two ways the one that got further is kept, however many layers the other took.
    all.dedup_by(|one, kept| {
        one.outer.start == kept.outer.start
            && one.nths.start < kept.nths.end
            && role(one) == role(kept)
            && kept.value.expose().starts_with(one.value.expose())
    });
    let mut is_part = are_parts(&all, |one| one.outer.clone()).into_iter();
    all.retain(|_| !is_part.next().unwrap_or_default());
    let mut is_part = all
        .chunk_by(|one, next| one.outer == next.outer)
        .flat_map(|here| are_parts(here, |one| one.nths.clone()))
        .collect::<Vec<bool>>()
        .into_iter();
    all.retain(|_| !is_part.next().unwrap_or_default());
    all
}

/// Which of `all` lie within one that is wrapped deeper, but not at the very same place, by their ranges.
fn are_parts<T: Ord + Copy>(all: &[Wrapped], range: impl Fn(&Wrapped) -> Range<T>) -> Vec<bool> {
    let key = |index: &usize| {
        let Range { start, end } = range(&all[*index]);
        (start, Reverse(end))
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(key);
    let mut are_parts = vec![false; all.len()];
    // The furthest end, by depth, of all that start before, or at the same place and end later.
    let mut ends: [Option<T>; MAX_DEPTH + 1] = [None; MAX_DEPTH + 1];
    for here in order.chunk_by(|one, next| key(one) == key(next)) {
        let last = Some(range(&all[here[0]]).end);
        for index in here {
            let deeper = &ends[all[*index].layers.len() + 1..];
            are_parts[*index] = deeper.iter().any(|end| *end >= last);
        }
        for index in here {
            let end = &mut ends[all[*index].layers.len()];
            *end = last.max(*end);
        }
    }
    are_parts
}
