//! The search for a handful of case-sensitive literals, by the vector code of `aho-corasick`'s packed searcher.

use aho_corasick::Span;
use aho_corasick::packed::{self, MatchKind};

use super::{Case, Hit, Literal, Prefilter};

/// A searcher for up to [`Few::MOST`] literals, none of which ignores case.
#[derive(Debug)]
pub(super) struct Few {
    searcher: packed::Searcher,
    /// For each pattern, the owners of all literals that stand wherever it stands: its own and those of its prefixes.
    owners: Vec<Vec<usize>>,
}

impl Few {
    /// With more patterns than this [`Windows`](super::windows::Windows) is as fast: the searcher for 64 is several
    /// times slower.
    pub(super) const MOST: usize = 56;

    /// Prepares literals that are sorted, or declines: too many, ignoring case, or a processor without vector code.
    pub(super) fn new(literals: &[(Literal<'_>, usize)]) -> Option<Self> {
        let mut patterns: Vec<&[u8]> = literals.iter().map(|(literal, _)| literal.bytes).collect();
        patterns.dedup();
        if patterns.len() > Self::MOST
            || literals.iter().any(|(literal, _)| literal.case == Case::Ignored)
        {
            return None;
        }
        let patterns = dealt(patterns);
        let searcher = packed::Config::new()
            .match_kind(MatchKind::LeftmostLongest)
            .builder()
            .extend(&patterns)
            .build()?;
        let prefixes_of = |pattern: &[u8]| {
            let prefixes =
                literals.iter().filter(|(literal, _)| pattern.starts_with(literal.bytes));
            prefixes.map(|(_, owner)| *owner).collect()
        };
        Some(Self { searcher, owners: patterns.into_iter().map(prefixes_of).collect() })
    }

    /// See [`Prefilter::for_each_hit`](super::Prefilter::for_each_hit).
    pub(super) fn for_each_hit(&self, text: &[u8], mut hit: impl FnMut(Hit)) {
        let mut from = 0;
        while let Some(found) = self.searcher.find_in(text, Span::from(from..text.len())) {
            let at = found.start();
            for &owner in &self.owners[found.pattern().as_usize()] {
                hit(Hit { owner, at });
            }
            from = at + 1;
        }
    }
}

/// Puts patterns into an order in which the searcher stops at little else.
///
/// It has them in groups, one pattern after another in the next, and stops where each half of each of [`HEAD`] bytes is
/// as in some pattern of a group. So those of a group should be alike. In the order of the alphabet it stops four times
/// as often in source code, and takes half as long again.
fn dealt(mut patterns: Vec<&[u8]>) -> Vec<&[u8]> {
    let count = patterns.len();
    let groups = if count > 32 { 16 } else { 8 };
    let mut dealt: Vec<(usize, &[u8])> = Vec::with_capacity(count);
    for group in 0..groups.min(count) {
        let mut stops = Stops::default();
        for nth in (group..count).step_by(groups) {
            let likest =
                (0..patterns.len()).rev().min_by_key(|at| stops.with(patterns[*at]).count());
            let pattern = patterns.remove(likest.expect("as many are taken as there are"));
            stops = stops.with(pattern);
            dealt.push((nth, pattern));
        }
    }
    dealt.sort_unstable();
    dealt.into_iter().map(|(_, pattern)| pattern).collect()
}

/// Bytes at the start of a pattern that decide where the searcher stops.
const HEAD: usize = Prefilter::SHORTEST;

/// Where the searcher stops for a group of patterns: the low and high halves that each of the bytes has in them, as
/// bits.
#[derive(Clone, Copy, Default)]
struct Stops([[u16; 2]; HEAD]);

impl Stops {
    fn with(mut self, pattern: &[u8]) -> Self {
        for (halves, byte) in self.0.iter_mut().zip(pattern) {
            halves[0] |= 1 << (byte & 0xf);
            halves[1] |= 1 << (byte >> 4);
        }
        self
    }

    /// At how many sequences of bytes it stops.
    fn count(self) -> u32 {
        self.0.iter().flatten().map(|halves| halves.count_ones()).product()
    }
}
