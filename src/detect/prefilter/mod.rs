//! Where in a text do the literals of the rules stand? Nothing else of a rule is looked for before one of its literals
//! is found, so this runs over every byte and decides how fast a scan is.
//!
//! Two searchers: `few` for up to 56 literals none of which ignores case, `windows` for anything else.
//!
//! # Why not one automaton
//!
//! An Aho-Corasick automaton takes one dependent step per byte, and with hundreds of literals it leaves the cache.
//! `few` tests 16 or 32 bytes at once. `windows` looks at one window of four bytes in every two, three or four bytes,
//! as far apart as the shortest literal allows: what it costs is a table look-up per window, and more only for the few
//! windows in a hundred that may belong to a literal. Measured in one run, over 16 MB of Go, C and Python, on one core
//! of a server processor, as multiples of the time that this module takes:
//!
//! | literals | this | `aho-corasick` DFA | its contiguous NFA | one `memmem` after another |
//! |---|---|---|---|---|
//! | 6, case-sensitive (AWS) | 1 (12.0 GB/s) | 8.2 | 9.5 | 2.4 |
//! | 16, case-sensitive | 1 (10.6 GB/s) | 9.6 | 11.1 | 5.8 |
//! | 100, half of them ignoring case | 1 (3.6 GB/s) | 6.9 | 22 | |
//! | 300, half of them ignoring case | 1 (2.3 GB/s) | 5.1 | 14 | |
//!
//! The packed searcher behind `few` does 5.7 GB/s with 32 literals, 5.1 with 48 and 1.1 with 64. Beyond 40 it matters
//! which ones: those that share a bucket let more places through, so that the 42 that were looked for at first take 8
//! GB/s on three trees, the 52 of now 5, and those with the four most common parts of names instead of three rare ones
//! 3.
//!
//! # What makes it slow
//!
//! - Short literals: one of three bytes lets no window be left out but every second; with four bytes or more in all of
//!   them, two of three are.
//! - Literals that are common words, or that hold nothing but common parts: the rarest windows of a literal are looked
//!   for (`commonness`), but "token" is found wherever it stands.
//!
//! The worst text, one made of literals, costs a bounded time per byte and per hit: per window, one comparison for each
//! place that shares its table entry, and a binary search among the literals of that place.

mod commonness;
mod few;
mod sieve;
mod windows;

use few::Few;
use windows::Windows;

/// Whether a literal is found in any ASCII case or only as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// As it is written.
    Sensitive,
    /// In any ASCII case.
    Ignored,
}

/// A stretch of bytes to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal<'a> {
    /// At least [`Prefilter::SHORTEST`] bytes.
    pub bytes: &'a [u8],
    /// How they are compared.
    pub case: Case,
}

/// One occurrence of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// The number that the literal was given with.
    pub owner: usize,
    /// The offset of the literal's first byte.
    pub at: usize,
}

/// Literals, each with the number of its owner, prepared for the search in many texts.
#[derive(Debug)]
pub struct Prefilter(Searcher);

#[derive(Debug)]
enum Searcher {
    Few(Few),
    Windows(Box<Windows>),
}

impl Prefilter {
    /// The length below which a literal would stop the search everywhere.
    pub const SHORTEST: usize = 3;

    /// Prepares the literals. Several may share an owner, and equal ones may have different owners.
    ///
    /// # Panics
    /// When a literal has fewer than [`SHORTEST`](Self::SHORTEST) bytes, which the rule loader rejects.
    pub fn new<'a>(literals: impl IntoIterator<Item = (usize, Literal<'a>)>) -> Self {
        let mut literals: Vec<(Literal<'_>, usize)> =
            literals.into_iter().map(|(owner, literal)| (literal, owner)).collect();
        literals.sort_unstable();
        literals.dedup();
        assert!(
            literals.iter().all(|(literal, _)| literal.bytes.len() >= Self::SHORTEST),
            "the rule loader rejects shorter literals"
        );
        Self(match Few::new(&literals) {
            Some(few) => Searcher::Few(few),
            None => Searcher::Windows(Box::new(Windows::new(&literals))),
        })
    }

    /// Whether these literals, all together, are found in the faster of the two ways.
    pub(crate) fn is_fast<'a>(literals: impl Iterator<Item = &'a Literal<'a>>) -> bool {
        let mut literals: Vec<&Literal<'_>> = literals.collect();
        literals.sort_unstable();
        literals.dedup();
        literals.len() <= Few::MOST
            && literals.iter().all(|literal| literal.case == Case::Sensitive)
    }

    /// Calls `hit` for every occurrence of every literal in `text`, overlapping ones included, once for each owner.
    /// The order is that of the text only roughly: literals that overlap may come in any order.
    pub fn for_each_hit(&self, text: &[u8], hit: impl FnMut(Hit)) {
        match &self.0 {
            Searcher::Few(few) => few.for_each_hit(text, hit),
            Searcher::Windows(windows) => windows.for_each_hit(text, hit),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literal(bytes: &str, case: Case) -> Literal<'_> {
        Literal { bytes: bytes.as_bytes(), case }
    }

    fn hits(literals: &[Literal<'_>], text: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        Prefilter::new(literals.iter().copied().enumerate())
            .for_each_hit(text, |hit| hits.push(hit));
        hits.sort_unstable();
        hits
    }

    /// What [`Prefilter::for_each_hit`] promises, literal by literal and offset by offset.
    fn hits_by_definition(literals: &[Literal<'_>], text: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (owner, literal) in literals.iter().enumerate() {
            for (at, stretch) in text.windows(literal.bytes.len()).enumerate() {
                let found = match literal.case {
                    Case::Sensitive => stretch == literal.bytes,
                    Case::Ignored => stretch.eq_ignore_ascii_case(literal.bytes),
                };
                if found {
                    hits.push(Hit { owner, at });
                }
            }
        }
        hits
    }

    #[test]
    fn equal_literals_hit_for_each_owner() {
        for case in [Case::Sensitive, Case::Ignored] {
            let token = literal("token", case);
            let found = hits(&[token, token], b"a token");
            assert_eq!(found, [Hit { owner: 0, at: 2 }, Hit { owner: 1, at: 2 }]);
        }
    }

    #[test]
    fn literals_at_both_ends_and_across_chunks() {
        for word in ["key", "ghp_", "token", "secret_access_key"] {
            for case in [Case::Sensitive, Case::Ignored] {
                for len in word.len()..400 {
                    for at in [0, 1, len / 2, len - word.len()].map(|at| at.min(len - word.len())) {
                        let mut text = vec![b'.'; len];
                        text[at..at + word.len()].copy_from_slice(word.as_bytes());
                        assert_eq!(hits(&[literal(word, case)], &text), [Hit { owner: 0, at }]);
                    }
                }
            }
        }
    }

    #[test]
    fn short_texts_and_no_literals() {
        assert_eq!(hits(&[], b"text"), []);
        for text in ["", "k", "ke"] {
            assert_eq!(hits(&[literal("key", Case::Ignored)], text.as_bytes()), []);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn agrees_with_the_definition(
            words in prop::collection::vec(("[abA_@`]{3,7}|[a-cA-C]{3,4}", any::<bool>()), 1..40),
            case_matters in any::<bool>(),
            text in "[abA_@`]{0,300}|[a-cA-C_]{0,400}",
            pieces in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let case = |ignored| {
                if ignored && !case_matters { Case::Ignored } else { Case::Sensitive }
            };
            let literals: Vec<_> =
                words.iter().map(|(word, ignored)| literal(word, case(*ignored))).collect();
            let mut text = text.into_bytes();
            for piece in pieces {
                text.extend_from_slice(piece.get(&literals).bytes);
            }
            prop_assert_eq!(hits(&literals, &text), hits_by_definition(&literals, &text));
        }

        #[test]
        fn agrees_with_the_definition_on_any_bytes(
            words in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 3..20), any::<bool>()), 1..60),
            pieces in prop::collection::vec(
                (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..9)), 0..40),
        ) {
            let literals: Vec<_> = words
                .iter()
                .map(|(bytes, ignored)| Literal {
                    bytes,
                    case: if *ignored { Case::Ignored } else { Case::Sensitive },
                })
                .collect();
            let text: Vec<u8> = pieces
                .iter()
                .flat_map(|(word, between)| [word.get(&literals).bytes, between].concat())
                .collect();
            prop_assert_eq!(hits(&literals, &text), hits_by_definition(&literals, &text));
        }
    }
}
