//! Where key IDs stand. A run of 40 characters that nothing else makes a secret counts near one, also when the ID is
//! wrapped, or stands in the window before.
//!
//! Distances are those in the window's text, so that they are the same whichever windows a blob comes in.

use std::collections::BTreeMap;
use std::ops::Range;

use super::pair::link::REACH;
use crate::model::layer::Layer;

/// The key IDs of one text that are wrapped in the same layers.
#[derive(Debug)]
pub(super) struct Ids {
    /// The outermost first; none for those in clear.
    pub(super) layers: Vec<Layer>,
    /// Where they start in the window's text.
    pub(super) starts: Vec<usize>,
}

/// The last key IDs of the cores so far.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Bytes of text from the last ID in these layers to the end of the cores: none above [`REACH`].
    since: BTreeMap<Vec<Layer>, usize>,
}

impl Passed {
    /// Goes on behind `core`; `ids` are those of its window.
    pub(super) fn advance(&mut self, core: &Range<usize>, ids: &[Ids]) {
        self.since.retain(|_, since| {
            *since = since.saturating_add(core.len());
            *since <= REACH
        });
        for ids in ids {
            let last = ids.starts.iter().filter(|start| core.contains(start)).max();
            let Some(since) = last.map(|last| core.end - last).filter(|since| *since <= REACH)
            else {
                continue;
            };
            if let Some(known) = self.since.get_mut(&ids.layers) {
                *known = since.min(*known);
            } else {
                self.since.insert(ids.layers.clone(), since);
            }
        }
    }

    /// Whether a run in clear that starts `ahead` bytes behind the cores is near one of their IDs.
    pub(super) fn is_near(&self, ahead: usize) -> bool {
        self.since.values().any(|since| since.saturating_add(ahead) <= REACH)
    }

    /// The same for a run that is wrapped in `layers`: near it are the IDs that stand in a view of these layers, which
    /// are those that are wrapped in no others.
    pub(super) fn is_near_within(&self, layers: &[Layer], ahead: usize) -> bool {
        self.since
            .iter()
            .any(|(outer, since)| layers.starts_with(outer) && since.saturating_add(ahead) <= REACH)
    }
}

/// Whether one of `ids` (in order of place) is near a run that starts at `at`.
pub(super) fn is_near(ids: &[usize], at: usize) -> bool {
    let next = ids.partition_point(|id| id + REACH < at);
    ids.get(next).is_some_and(|id| *id < at + REACH)
}

/// A place in a view: what it is there, and what it comes from in the window's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) in_view: usize,
    pub(super) outer: usize,
}

/// Whether one of `ids` (in order of place) is near a run that starts at `at`, all in one view. Of what comes from one
/// place, such as a compressed file, only the view tells how far apart it stands.
pub(super) fn is_near_in_view(ids: &[Place], at: Place) -> bool {
    let next = ids.partition_point(|id| id.in_view < at.in_view);
    let is_near = |id: &Place| {
        if id.outer == at.outer {
            is_near(&[id.in_view], at.in_view)
        } else {
            is_near(&[id.outer], at.outer)
        }
    };
    ids[..next].last().is_some_and(is_near) || ids.get(next).is_some_and(is_near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_windows_before_are_near_as_far_as_a_pair_reaches() {
        let mut passed = Passed::default();
        let ids = Ids { layers: vec![Layer::Base64], starts: vec![10, 90, 120] };
        passed.advance(&(0..100), &[ids]);
        assert!(passed.is_near(REACH - 10));
        assert!(!passed.is_near(REACH - 9));
        passed.advance(&(50..60), &[]);
        assert!(passed.is_near(REACH - 20) && !passed.is_near(REACH - 19));
        passed.advance(&(0..REACH), &[]);
        assert!(!passed.is_near(0));
    }

    #[test]
    fn a_wrapped_run_is_near_to_what_its_view_shows() {
        let mut passed = Passed::default();
        passed.advance(&(0..9), &[Ids { layers: vec![Layer::Hex], starts: vec![1] }]);
        assert!(!passed.is_near_within(&[Layer::Base64], 0));
        assert!(passed.is_near_within(&[Layer::Hex], 0));
        assert!(passed.is_near_within(&[Layer::Hex, Layer::Base64], 0));
        passed.advance(&(0..9), &[Ids { layers: Vec::new(), starts: vec![1] }]);
        assert!(passed.is_near_within(&[Layer::Base64], 0));
    }
}
