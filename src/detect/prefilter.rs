//! Finds every keyword of every rule in one pass.

use aho_corasick::AhoCorasick;

/// A keyword.
#[derive(Clone, Debug)]
pub struct Literal {
    /// Its bytes.
    pub text: Vec<u8>,
    /// Whether it matches in any ASCII case.
    pub ignore_case: bool,
}

/// A keyword that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Whose keyword it is.
    pub owner: usize,
    /// Where it starts.
    pub at: usize,
}

/// All keywords of a run.
pub struct Prefilter {
    searcher: Option<AhoCorasick>,
    owners: Vec<usize>,
}

impl Prefilter {
    /// Prepares the literals, each with its owner.
    pub fn new(literals: impl IntoIterator<Item = (usize, Literal)>) -> Self {
        let (owners, texts): (Vec<usize>, Vec<Vec<u8>>) =
            literals.into_iter().map(|(owner, literal)| (owner, literal.text)).unzip();
        let searcher = (!texts.is_empty())
            .then(|| AhoCorasick::new(&texts).expect("literals are few and short"));
        Self { searcher, owners }
    }

    /// Calls `hit` for every occurrence of every literal.
    pub fn for_each_hit(&self, text: &[u8], mut hit: impl FnMut(Hit)) {
        let Some(searcher) = &self.searcher else { return };
        for found in searcher.find_iter(text) {
            hit(Hit { owner: self.owners[found.pattern().as_usize()], at: found.start() });
        }
    }
}
