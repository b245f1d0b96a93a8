//! A rule set, ready for matching: one prefilter for all keywords, and regular expressions that are compiled when a
//! keyword of theirs is first met.

use std::ops::Range;
use std::sync::OnceLock;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::prefilter::{Case, Hit, Literal, Prefilter};
use crate::decode::nested::{self, Piece};
use crate::model::layer::Layer;
use crate::rules::load::RuleSet;
use crate::rules::schema::{Matcher, Rule};

/// Whose keyword was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The matcher of AWS access key IDs.
    KeyId,
    /// The matcher of AWS session tokens.
    SessionToken,
    /// The pattern of the rule with this index.
    Pattern(usize),
    /// A sign of something wrapped in this layer, that starts so many bytes before it.
    Probe(Layer, usize),
    /// What may be a piece of a value, or stand before the first.
    Piece(Piece),
}

/// Whether what is wrapped inside a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probes {
    On,
    Off,
}

/// A rule set, ready for matching.
pub(crate) struct Compiled {
    prefilter: Prefilter,
    /// Looked for by themselves, so that the rules' literals can be found in the way that is best for them.
    probes: Option<Prefilter>,
    slashes: Finder<'static>,
    owners: Vec<Owner>,
    longest_keyword: usize,
    patterns: Vec<Option<Pattern>>,
    secret_keys: bool,
    looks_inside: bool,
}

impl Compiled {
    /// Prepares the prefilter; patterns wait.
    pub(crate) fn new(rules: &RuleSet, probes: Probes) -> Self {
        let mut owners = Vec::new();
        let mut literals = Vec::new();
        for (index, rule) in rules.rules().iter().enumerate() {
            let owner = match rule.matcher {
                Some(Matcher::AwsAccessKeyId) => Owner::KeyId,
                Some(Matcher::AwsSessionToken) => Owner::SessionToken,
                Some(_) => continue,
                None => Owner::Pattern(index),
            };
            let case = if rule.ignore_case { Case::Ignored } else { Case::Sensitive };
            literals.extend(
                rule.keywords
                    .iter()
                    .map(|keyword| (owners.len(), Literal { bytes: keyword.as_bytes(), case })),
            );
            owners.push(owner);
        }
        let probe_literals = Self::probes(probes, &mut owners);
        let all = literals.iter().chain(&probe_literals);
        let longest_keyword = all.map(|(_, literal)| literal.bytes.len()).max().unwrap_or(0);
        let together =
            Prefilter::is_fast(literals.iter().chain(&probe_literals).map(|(_, literal)| literal));
        let (literals, apart) = if together {
            (literals.into_iter().chain(probe_literals).collect(), Vec::new())
        } else {
            (literals, probe_literals)
        };
        Self {
            prefilter: Prefilter::new(literals),
            probes: (!apart.is_empty()).then(|| Prefilter::new(apart)),
            slashes: Finder::new(nested::SLASH_PROBE),
            owners,
            longest_keyword,
            patterns: rules.rules().iter().map(Pattern::of).collect(),
            secret_keys: rules.by_matcher(Matcher::AwsSecretAccessKey).is_some(),
            looks_inside: probes == Probes::On,
        }
    }

    /// Calls `hit` for each keyword in `text`, with its owner's number and its place.
    pub(crate) fn prefilter(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        let mut hit = |found: Hit| hit(found.owner, found.at);
        self.prefilter.for_each_hit(text, &mut hit);
        if let Some(probes) = &self.probes {
            probes.for_each_hit(text, &mut hit);
        }
    }

    /// The places in `text` of slashes as JSON may write them.
    pub(crate) fn slashes(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        self.slashes.find_iter(text)
    }

    /// The owner with a number that the prefilter gave.
    pub(crate) fn owner(&self, number: usize) -> Owner {
        self.owners[number]
    }

    /// The number of bytes in the longest keyword.
    pub(crate) fn longest_keyword(&self) -> usize {
        self.longest_keyword
    }

    fn probes(probes: Probes, owners: &mut Vec<Owner>) -> Vec<(usize, Literal<'static>)> {
        if probes == Probes::Off {
            return Vec::new();
        }
        let probes = nested::PROBES
            .into_iter()
            .map(|(bytes, layer, back)| (bytes, Owner::Probe(layer, back)));
        let pieces = nested::PIECES.into_iter().map(|(bytes, piece)| (bytes, Owner::Piece(piece)));
        let literal = |(bytes, owner): (&'static [u8], Owner)| {
            owners.push(owner);
            (owners.len() - 1, Literal { bytes, case: Case::Sensitive })
        };
        probes.chain(pieces).map(literal).collect()
    }

    /// Whether what is wrapped inside a text is looked for.
    pub(crate) fn looks_inside(&self) -> bool {
        self.looks_inside
    }

    /// Whether runs of 40 are looked for.
    pub(crate) fn secret_keys(&self) -> bool {
        self.secret_keys
    }

    /// The compiled pattern of the rule at `index`, or what is wrong with it.
    ///
    /// # Panics
    /// When that rule has no pattern: only pattern rules own a keyword as [`Owner::Pattern`].
    pub(crate) fn pattern(&self, index: usize) -> Result<&Ready, String> {
        let pattern =
            self.patterns[index].as_ref().expect("the prefilter names pattern rules only");
        pattern.ready.get_or_init(|| Ready::compile(&pattern.source)).as_ref().map_err(Clone::clone)
    }
}

struct Pattern {
    source: String,
    ready: OnceLock<Result<Ready, String>>,
}

impl Pattern {
    fn of(rule: &Rule) -> Option<Self> {
        rule.pattern.as_ref().map(|source| Self { source: source.clone(), ready: OnceLock::new() })
    }
}

/// A compiled pattern.
pub(crate) struct Ready {
    regex: Regex,
    group: usize,
    reach: usize,
}

impl Ready {
    /// Memory that one compiled pattern and its caches may take, in bytes: hostile patterns end in an error.
    const SIZE_LIMIT: usize = 4 << 20;

    /// How far before and after its keyword a pattern may match at most, in bytes.
    const MAX_REACH: usize = 2 * 1024;

    fn compile(source: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(source)
            .unicode(false)
            .size_limit(Self::SIZE_LIMIT)
            .dfa_size_limit(Self::SIZE_LIMIT)
            .build()
            .map_err(|error| error.to_string())?;
        if regex.captures_len() < 2 {
            return Err("the pattern has no capture group for the credential".into());
        }
        let group = regex.capture_names().position(|name| name == Some("secret")).unwrap_or(1);
        Ok(Self { regex, group, reach: longest_match(source).min(Self::MAX_REACH) })
    }

    /// Calls `found` with the credential of each match that covers the keyword at `keyword`, and starts on its line.
    pub(crate) fn find(&self, text: &[u8], keyword: usize, mut found: impl FnMut(Range<usize>)) {
        let low = keyword.saturating_sub(self.reach);
        let line = memchr::memrchr(b'\n', &text[low..keyword]).map_or(low, |newline| low + newline);
        // One byte more, which an assertion at a match's end looks at.
        let text = &text[..text.len().min(keyword + self.reach + 1)];
        let mut at = line;
        while let Some(whole) = self.regex.find_at(text, at) {
            if whole.start() > keyword {
                return;
            }
            if whole.end() > keyword {
                let captures = self.regex.captures_at(text, whole.start());
                if let Some(secret) = captures.and_then(|captures| captures.get(self.group)) {
                    found(secret.range());
                }
            }
            at = if whole.is_empty() { whole.end() + 1 } else { whole.end() };
            if at > text.len() {
                return;
            }
        }
    }
}

/// The number of bytes that a match of `source` has at most.
fn longest_match(source: &str) -> usize {
    let parsed =
        regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(source);
    parsed.ok().and_then(|hir| hir.properties().maximum_len()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_around_their_keyword() {
        let ready = Ready::compile(r"\bacme_(?P<secret>[a-z0-9]{8})\b").unwrap();
        let text = b"x acme_12345678 y acme_abcdefgh";
        let mut found = Vec::new();
        ready.find(text, 18, |range| found.push(range));
        assert_eq!(found, vec![23..31]);
    }

    #[test]
    fn unusable_patterns_say_why() {
        assert!(Ready::compile("acme_[a-z").is_err());
        assert!(Ready::compile("acme").err().unwrap().contains("capture group"));
    }
}
