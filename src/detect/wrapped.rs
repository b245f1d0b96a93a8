//! Values that do not stand in clear: from the signs of something wrapped to what was seen in it.
//!
//! What a sign gives is decoded by itself first, which is cheap. Only if it may hold a part of a credential is a view
//! made of the text around it, as far as names and partners can stand from it; the steps of detection then go over
//! that view as over any text, and whatever they find is found where it came from. Views inside views go
//! [`MAX_DEPTH`] deep.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use super::candidate::{Kind, Spot};
use super::compile::Compiled;
use super::context::names::Role;
use super::context::surroundings::Sections;
use super::context::table::Header;
use super::inspect::{Floors, Inspected, Surrounds, inspect, is_alone_on_line, may_be_secret};
use super::matcher::{self, Match};
use super::merge::Wrapped;
use super::near::{self, Ids, Passed, Place};
use super::pair::link::{self, End, Link, Rows, links};
use crate::decode::nested::{self, Decoded, Hit, MAX_DEPTH, Map, Nested};
use crate::model::layer::Layer;
use crate::model::secret::Secret;

/// Text on each side of a decoded value that a view takes in: a partner's distance, and what stands around that.
const REGION: usize = link::REACH + 4 * 1024;

/// The longest escape that may stand right before a value without being part of it: `[1;33m`.
const LONGEST_ESCAPE: usize = 6;

/// The text that views of a window may have together, for each of its bytes, and in addition.
const ROOM_PER_BYTE: usize = 8;
const ROOM: usize = 4 << 20;

/// The room for views of a window of so many bytes. It goes with the window, so that memory does: whether too much is
/// wrapped in a blob to be decoded whole is the one thing that may depend on the windows it comes in.
pub(super) fn room(len: usize) -> usize {
    len.saturating_mul(ROOM_PER_BYTE).saturating_add(ROOM)
}

/// A text and the way back from it to the window's.
pub(super) struct Frame<'f> {
    text: &'f [u8],
    /// What is in the window's core.
    core: Range<usize>,
    up: Option<(&'f Map, &'f Frame<'f>)>,
    layers: Vec<Layer>,
    /// Where values lie that were decoded as a whole.
    values: &'f [Range<usize>],
}

impl<'f> Frame<'f> {
    /// The window's own text.
    pub(super) fn outermost(text: &'f [u8], core: &Range<usize>) -> Self {
        Self { text, core: core.clone(), up: None, layers: Vec::new(), values: &[] }
    }

    fn inner<'s>(&'s self, nested: &'s Nested, layer: Layer) -> Frame<'s> {
        let map = nested.map();
        let mut layers = self.layers.clone();
        layers.push(layer);
        Frame {
            text: nested.text(),
            core: map.text_at(self.core.start)..map.text_at(self.core.end),
            up: Some((map, self)),
            layers,
            values: nested.values(),
        }
    }

    /// The stretches of the text in which what is wrapped in `layer` is looked for, each by itself. Lines of a mail that
    /// base64 was decoded in, each for itself, are no mail any more: what a soft break cuts is put together first, by
    /// another view. But a mail may be in base64 as a whole.
    fn stretches(&self, layer: Layer) -> Vec<Range<usize>> {
        match layer {
            Layer::QuotedPrintable if !self.values.is_empty() => self.values.to_vec(),
            _ => std::iter::once(0..self.text.len()).collect(),
        }
    }

    /// Where a range came from in the window's text, and which of all that came from there it is.
    fn outer(&self, range: &Range<usize>) -> (Range<usize>, u64) {
        let Some((map, frame)) = self.up else { return (range.clone(), 0) };
        let source = map.source(range);
        let (outer, nth) = frame.outer(&source.range);
        (outer, nth + ((source.nth as u64) << 32))
    }

    fn place(&self, range: &Range<usize>) -> Place {
        Place { in_view: range.start, outer: self.outer(range).0.start }
    }

    fn is_decoded(&self, range: &Range<usize>) -> bool {
        self.up.is_none_or(|(map, _)| map.touches_decoded(range, 1))
    }
}

/// How far each of `hits` and those before it reach.
fn reaches(hits: &[Hit]) -> Vec<usize> {
    let reach = hits.iter().scan(0, |reach: &mut usize, hit| {
        *reach = hit.end().max(*reach);
        Some(*reach)
    });
    reach.collect()
}

/// The parts of `hits`, which are sorted and reach so far, that are signs of something in `stretch`.
fn within<'h>(
    hits: &'h [Hit],
    reaches: &[usize],
    stretch: &'h Range<usize>,
) -> impl Iterator<Item = Hit> + 'h {
    // A hit may reach further than those behind it.
    let first = reaches.partition_point(|reach| *reach <= stretch.start);
    let here = hits[first..].iter().take_while(|hit| hit.at < stretch.end);
    here.filter_map(|hit| hit.within(stretch))
}

/// A pair of candidates, the earlier one first.
type Pair = (Spot, Spot);

/// One view, by itself.
struct View<'v> {
    frame: &'v Frame<'v>,
    layer: Layer,
    /// What it was made for, by its place in the text around.
    values: &'v [Decoded],
    /// Whether a match in its text is none in the text around.
    is_new: &'v dyn Fn(&Range<usize>) -> bool,
}

impl View<'_> {
    /// Whether this view tells more of two values and what stands between them than the text around does: it shows
    /// one of them first, or something between them is wrapped, in a mail or in a string that holds both. What is
    /// encoded whole says nothing of the text around it, nor that of it.
    fn tells_more(&self, first: &Range<usize>, second: &Range<usize>) -> bool {
        let Some((map, outer)) = self.frame.up else { return false };
        let may_hold_both = match self.layer {
            Layer::QuotedPrintable => |_: &[u8]| true,
            Layer::Escapes | Layer::Entities | Layer::Percent => {
                |between: &[u8]| memchr::memchr(b'\n', between).is_none()
            }
            _ => return false,
        };
        if (self.is_new)(first) || (self.is_new)(second) {
            let glued = first.start.saturating_sub(LONGEST_ESCAPE);
            let last = second.end.min(self.frame.text.len() - 1);
            return self.has_value(&map.source(&(glued..last + 1)).range);
        }
        // One may lie in the other: an ID between the slashes of a token.
        let between = map.source(first).range.end..map.source(second).range.start;
        self.has_value(&between) && outer.text.get(between).is_some_and(may_hold_both)
    }

    /// Whether one of the values that the view was made for lies in a range of the text around. Others may be in reach
    /// of one window and not of another.
    fn has_value(&self, range: &Range<usize>) -> bool {
        let next = self.values.partition_point(|value| value.range.end <= range.start);
        self.values.get(next).is_some_and(|value| value.range.start < range.end)
    }
}

/// Looks into what is wrapped in one window.
pub(super) struct Explorer<'w> {
    pub(super) compiled: &'w Compiled,
    pub(super) path: &'w Path,
    pub(super) floors: Floors,
    /// From offsets in the window's text to those in the blob.
    pub(super) original: &'w dyn Fn(usize) -> u64,
    pub(super) core_start: usize,
    /// The key IDs of the windows before.
    pub(super) passed: &'w Passed,
    /// Bytes of text that views may still have.
    pub(super) room: usize,
    pub(super) seen: Vec<Wrapped>,
    /// Key IDs that are wrapped, whether they start in the core or not.
    pub(super) ids: &'w mut Vec<Ids>,
    /// Links between values that are wrapped, or that wrapped text stands between, with the layers that it takes.
    pub(super) links: Vec<(usize, Link)>,
    /// Pairs of values that wrapped text stands between, with the layers at the end of which it stands in clear: their
    /// links in a text of fewer layers say less.
    pub(super) overruled: HashMap<Pair, usize>,
    /// Whether a value was passed over that the name of its file could have made a finding.
    pub(super) depends_on_path: bool,
    pub(super) over_limit: bool,
}

impl Explorer<'_> {
    /// Follows `hits`, signs of something wrapped in the text of `frame`, sorted. Gives the places in that text of the
    /// key IDs that were wrapped.
    pub(super) fn explore(
        &mut self,
        frame: &Frame<'_>,
        hits: &[Hit],
        header: &Header<'_>,
    ) -> Vec<usize> {
        let mut ids = Vec::new();
        for hits in hits.chunk_by(|one, other| one.layer == other.layer) {
            let layer = hits[0].layer;
            let reaches = reaches(hits);
            for stretch in frame.stretches(layer) {
                let values = self.values(frame, within(hits, &reaches, &stretch));
                let is_near =
                    |one: &Decoded, next: &Decoded| next.range.start <= one.range.end + 2 * REGION;
                for here in values.chunk_by(is_near) {
                    let start = here[0].range.start.saturating_sub(REGION).max(stretch.start);
                    let end = here.iter().map(|value| value.range.end).max().unwrap_or(start);
                    let region = start..stretch.end.min(end + REGION);
                    ids.extend(self.look(frame, layer, &region, here, header));
                }
            }
        }
        ids
    }

    /// The values that may hold what is looked for.
    fn values(&mut self, frame: &Frame<'_>, hits: impl Iterator<Item = Hit>) -> Vec<Decoded> {
        let mut values = Vec::new();
        let (mut until, mut until_for_runs) = (0, 0);
        for hit in hits {
            if hit.at < until || (hit.is_of_run() && hit.at < until_for_runs) {
                continue;
            }
            let decoded = nested::decode(frame.text, &hit);
            let looked_at = if decoded.values.is_empty() && hit.is_of_run() {
                &mut until_for_runs
            } else {
                &mut until
            };
            *looked_at = decoded.until;
            self.over_limit |= decoded.over_limit;
            values.extend(decoded.values.into_iter().filter(|value| {
                frame.is_decoded(&value.range) && (hit.is_sure() || self.is_promising(value))
            }));
        }
        values.sort_by_key(|value| (value.range.start, std::cmp::Reverse(value.range.end)));
        values.dedup_by(|one, other| one.range == other.range);
        values
    }

    fn is_promising(&self, value: &Decoded) -> bool {
        let text = &value.text;
        let (found, hits) = matcher::matches(self.compiled, text, 0..text.len(), |_, _| {});
        let is_part = |found: &Match| match found.kind {
            Kind::SecretKey { .. } => may_be_secret(&text[found.range.clone()]),
            _ => true,
        };
        !hits.is_empty()
            || found.iter().any(is_part)
            || Hit::of_file(text, &(0..text.len())).is_some()
    }

    /// Detection in one view, and in those inside it first: a run counts near an ID that is wrapped deeper. Gives the
    /// places of key IDs as [`explore`](Self::explore) does.
    fn look(
        &mut self,
        parent: &Frame<'_>,
        layer: Layer,
        region: &Range<usize>,
        values: &[Decoded],
        header: &Header<'_>,
    ) -> Vec<usize> {
        let len = region.len() + values.iter().map(|value| value.text.len()).sum::<usize>();
        let Some(room) = self.room.checked_sub(len) else {
            self.over_limit = true;
            return Vec::new();
        };
        self.room = room;
        let nested = Nested::new(layer, parent.text, region, values);
        let frame = parent.inner(&nested, layer);
        // A text that is escaped from its start on may be a table as a whole.
        let starts_blob = region.start == 0 && (parent.up.is_some() || (self.original)(0) <= 3);
        let own = Header::of(match nested.values() {
            [] if starts_blob => frame.text,
            [only] => &frame.text[only.clone()],
            _ => &[],
        });
        let header = if own.table().is_some() { &own } else { header };
        let text = frame.text;
        let (found, mut hits) = matcher::matches(self.compiled, text, 0..text.len(), |_, _| {});
        let cut = (region.start > 0, region.end < parent.text.len());
        let is_new = |range: &Range<usize>| {
            let at_cut = (cut.0 && range.start == 0) || (cut.1 && range.end == text.len());
            !at_cut && nested.map().touches_decoded(range, LONGEST_ESCAPE)
        };
        let mut ids = Vec::new();
        if frame.layers.len() < MAX_DEPTH {
            hits.extend(nested.values().iter().filter_map(|range| Hit::of_file(text, range)));
            hits.sort_unstable();
            ids = self.explore(&frame, &hits, header);
        }
        let view = View { frame: &frame, layer, values, is_new: &is_new };
        self.detect(&view, &found, header, &mut ids);
        ids.into_iter().map(|id| nested.map().source(&(id..id + 1)).range.start).collect()
    }

    /// Detection in the text of a view. `ids` are the places of those that are wrapped deeper; those that the view
    /// shows first are added.
    fn detect(
        &mut self,
        view: &View<'_>,
        found: &[Match],
        header: &Header<'_>,
        ids: &mut Vec<usize>,
    ) {
        let (frame, is_new) = (view.frame, view.is_new);
        let mut surrounds = Surrounds {
            path: self.path,
            header,
            floors: self.floors,
            sections: Sections::default(),
        };
        let shown = found.iter().filter(|found| found.kind.role() == Some(Role::Id));
        let (new, known): (Vec<&Match>, Vec<&Match>) = shown.partition(|id| is_new(&id.range));
        let starts: Vec<usize> = new.iter().map(|id| frame.place(&id.range).outer).collect();
        if !starts.is_empty() {
            self.ids.push(Ids { layers: frame.layers.clone(), starts });
        }
        ids.extend(new.iter().map(|id| id.range.start));
        let mut places: Vec<Place> = known
            .iter()
            .map(|id| id.range.start)
            .chain(ids.iter().copied())
            .map(|at| frame.place(&(at..at + 1)))
            .collect();
        places.sort_unstable_by_key(|place| place.in_view);
        let mut depends_on_path = false;
        let is_kept = |one: &Inspected| {
            let is_kept = !one.is_lone_run() || self.is_near_id(frame, &places, one);
            depends_on_path |= !is_kept
                && frame.core.contains(&one.range.start)
                && is_new(&one.range)
                && is_alone_on_line(frame.text, &one.range);
            is_kept
        };
        let inspected: Vec<Inspected> = found
            .iter()
            .filter_map(|found| inspect(frame.text, found, &mut surrounds))
            .filter(is_kept)
            .collect();
        self.depends_on_path |= depends_on_path;
        self.link(view, &inspected, header);
        for one in inspected {
            if frame.core.contains(&one.range.start) && is_new(&one.range) {
                let (outer, first) = frame.outer(&one.range);
                let (_, last) = frame.outer(&(one.range.end - 1..one.range.end));
                let value = Secret::new(&frame.text[one.range.clone()]);
                self.seen.push(Wrapped {
                    inspected: one,
                    outer,
                    nths: first..last.max(first) + 1,
                    value,
                    layers: frame.layers.clone(),
                });
            }
        }
    }

    /// Links what was seen in a view, as far as that is not known: of values in clear it is, unless the view tells more
    /// of what stands between them.
    fn link(&mut self, view: &View<'_>, inspected: &[Inspected], header: &Header<'_>) {
        let frame = view.frame;
        let ends: Vec<End<'_>> = inspected.iter().filter_map(End::of).collect();
        let spot = |range: &Range<usize>| {
            let (outer, nth) = frame.outer(range);
            Spot { start: (self.original)(outer.start), nth }
        };
        let new: HashSet<Spot> = inspected
            .iter()
            .filter(|one| (view.is_new)(&one.range))
            .map(|one| spot(&one.range))
            .collect();
        let mut overruled: HashSet<Pair> = HashSet::new();
        for (index, first) in ends.iter().enumerate() {
            let is_near = |second: &&End<'_>| second.range.start <= first.range.end + link::REACH;
            let others = ends[index + 1..].iter().take(link::PASSED).take_while(is_near);
            for second in others.filter(|second| second.role != first.role) {
                if view.tells_more(&first.range, &second.range) {
                    overruled.insert((spot(&first.range), spot(&second.range)));
                }
            }
        }
        let depth = frame.layers.len();
        let rows = if header.table().is_some() { Rows::Records } else { Rows::Lines };
        let all = links(frame.text, &ends, &frame.core, rows, spot).into_iter();
        let told: Vec<(usize, Link)> = all
            .filter(|link| {
                let pair = (link.first, link.second);
                new.contains(&pair.0) || new.contains(&pair.1) || overruled.contains(&pair)
            })
            .map(|link| (depth, link))
            .collect();
        for pair in overruled {
            let deepest = self.overruled.entry(pair).or_default();
            *deepest = depth.max(*deepest);
        }
        self.links.extend(told);
    }

    /// The links that no view has a better one for.
    pub(super) fn best_links(&self) -> impl Iterator<Item = Link> {
        let is_best = |(depth, link): &&(usize, Link)| {
            self.overruled.get(&(link.first, link.second)).is_none_or(|deepest| depth >= deepest)
        };
        self.links.iter().filter(is_best).map(|(_, link)| *link)
    }

    /// Whether a key ID stands near a run, in this window or before it.
    fn is_near_id(&self, frame: &Frame<'_>, ids: &[Place], run: &Inspected) -> bool {
        let at = frame.place(&run.range);
        let ahead = at.outer.saturating_sub(self.core_start);
        near::is_near_in_view(ids, at) || self.passed.is_near_within(&frame.layers, ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_that_reaches_further_than_those_behind_it_is_met() {
        // Hits of two kinds of stretch; those of one kind are asked for at a time.
        let of = |stretch| Hit::in_pieces(vec![stretch]);
        let mut hits = [of(0..100), of(10..20), of(30..40), of(60..70)].concat();
        hits.sort_unstable();
        for hits in hits.chunk_by(|one, other| one.layer == other.layer) {
            let starts = |stretch: Range<usize>| -> Vec<usize> {
                within(hits, &reaches(hits), &stretch).map(|hit| hit.at).collect()
            };
            assert_eq!(starts(50..65), [50, 60]);
            assert_eq!(starts(80..90), [80]);
            assert!(starts(100..110).is_empty());
        }
    }
}
