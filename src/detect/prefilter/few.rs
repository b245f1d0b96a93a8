//! The search for a handful of case-sensitive literals, by the vector code of `aho-corasick`'s packed searcher.

use aho_corasick::Span;
use aho_corasick::packed::{self, MatchKind};

use super::{Case, Hit, Literal};

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
