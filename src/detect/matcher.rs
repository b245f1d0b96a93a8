//! Prefilter hits and runs → values that have the form of a credential part.
//!
//! What is decided here needs the value and the bytes right beside it, no more: boundaries, alphabets, lengths.

use std::ops::Range;

use super::candidate::Kind;
use super::compile::{Compiled, Owner};
use super::runs::is_base64_class;
use super::score::lookalike;
use super::score::words::is_word_like;
use super::signs::{self, Sign};
use super::validate::{aws_key_id, aws_session_token};
use crate::decode::nested::{self, Hit};
use crate::model::layer::Layer;

/// A value of the right form, by its range in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// The length of a secret access key.
const SECRET_LEN: usize = 40;

/// How many bytes around a region the matchers of fixed length look at.
const MARGIN: usize = 64;

/// How many bytes before a region signs of something wrapped in it may stand.
const MARGIN_OF_HITS: usize = nested::BESIDE + MARGIN;

/// What [`matches()`] finds: values of the right form, sorted by place, and signs of something wrapped.
pub(crate) type Found = (Vec<Match>, Vec<Hit>);

/// Finds every value that starts in `region` of `text`, sorted by place, and every sign of something wrapped there.
/// Patterns that turn out not to compile are handed to `broken` with the parser's message.
pub(crate) fn matches(
    rules: &Compiled,
    text: &[u8],
    region: Range<usize>,
    broken: impl FnMut(usize, String),
) -> Found {
    let margin = if rules.looks_inside() { MARGIN_OF_HITS } else { MARGIN };
    let low = region.start.saturating_sub(margin);
    let high = text.len().min(region.end.saturating_add(MARGIN));
    let mut gathered = Gathered::new(rules, text, low, region);
    signs::look(rules, &text[low..high], |sign, at| gathered.take(sign, low + at));
    gathered.into_found(broken)
}

/// Finds the same in the whole of `text`, the signs in which are known.
pub(crate) fn matches_at(
    rules: &Compiled,
    text: &[u8],
    signs: impl Iterator<Item = (Sign, usize)>,
    broken: impl FnMut(usize, String),
) -> Found {
    let mut gathered = Gathered::new(rules, text, 0, 0..text.len());
    for (sign, at) in signs {
        gathered.take(sign, at);
    }
    gathered.into_found(broken)
}

/// What has been made of signs so far.
struct Gathered<'t> {
    rules: &'t Compiled,
    text: &'t [u8],
    /// Where the look at the text began.
    low: usize,
    region: Range<usize>,
    found: Vec<Match>,
    hits: Vec<Hit>,
    /// Keywords of patterns, by the rule's number.
    patterns: Vec<(usize, usize)>,
    /// Where values may be written in pieces.
    in_pieces: Vec<Range<usize>>,
}

impl<'t> Gathered<'t> {
    fn new(rules: &'t Compiled, text: &'t [u8], low: usize, region: Range<usize>) -> Self {
        let (found, hits, patterns, in_pieces) = Default::default();
        Self { rules, text, low, region, found, hits, patterns, in_pieces }
    }

    fn take(&mut self, sign: Sign, at: usize) {
        let text = self.text;
        match sign {
            Sign::Keyword(owner) => match self.rules.owner(owner) {
                Owner::KeyId => {
                    let id = key_id(text, at);
                    self.keep(id.as_ref().and_then(|id| secret_after_slash(text, id.range.end)));
                    if self.rules.looks_inside() && id.is_some() {
                        self.hits.extend(Hit::of_lines_beside(text, at));
                    }
                    self.keep(id);
                    self.in_pieces.push(nested::beside(at));
                }
                Owner::SessionToken => {
                    self.keep(session_token(text, at));
                    self.in_pieces.push(nested::beside(at));
                }
                Owner::Probe(layer, back) => {
                    self.hits.extend(Hit::of_probe(layer, at, back));
                    if layer == Layer::Base64 {
                        self.in_pieces.extend(nested::cut_run(text, at));
                    }
                }
                Owner::Piece(piece) => self.in_pieces.extend(piece.stretch(text, at)),
                Owner::Pattern(index) => self.patterns.push((index, at)),
            },
            Sign::Key => {
                let range = at..at + SECRET_LEN;
                // A run at the edge of what is looked at may be the end of a longer one. Digests are by far the most
                // common runs, so they go before anything is made of them.
                let cut = self.low > 0 && at == self.low;
                if !cut && !starts_in_escape(text, at) && !lookalike::is_hex(&text[range.clone()]) {
                    self.keep(Some(Match { kind: Kind::SecretKey { random: false }, range }));
                }
            }
            Sign::LongRun => {
                // The run that is cut by the area's start is as long as it is in the text.
                let first = if at == self.low { at.saturating_sub(nested::LONGEST) } else { at };
                let cut = text[first..at].iter().rev();
                let before = cut.take_while(|byte| is_base64_class(**byte)).count();
                match Hit::of_run(text, at - before).map(|hit| hit.stretch().ok_or(hit)) {
                    // Every line of a mail gives such a stretch, each far into those that follow.
                    Some(Ok(stretch)) => self.in_pieces.push(stretch),
                    Some(Err(hit)) => self.hits.push(hit),
                    None => {}
                }
            }
            Sign::Slash => self.hits.extend(Hit::of_probe(Layer::Escapes, at, 0)),
        }
    }

    fn keep(&mut self, found: Option<Match>) {
        self.found.extend(found.filter(|found| self.region.contains(&found.range.start)));
    }

    fn into_found(mut self, mut broken: impl FnMut(usize, String)) -> Found {
        if self.rules.secret_keys() && self.rules.looks_inside() {
            self.hits.extend(Hit::in_pieces(std::mem::take(&mut self.in_pieces)));
        }
        // The order in which they are met is not that of the text; where two rules take the same value, it must not
        // decide which.
        let mut patterns = std::mem::take(&mut self.patterns);
        patterns.sort_unstable_by_key(|(index, at)| (*at, *index));
        for (index, at) in patterns {
            match self.rules.pattern(index) {
                Ok(pattern) => pattern.find(self.text, at, |range| {
                    self.keep(Some(Match { kind: Kind::Pattern(index), range }));
                }),
                Err(message) => broken(index, message),
            }
        }
        let Self { mut found, mut hits, .. } = self;
        found.sort_by_key(|found| (found.range.start, found.range.end));
        found.dedup();
        hits.sort_unstable();
        hits.dedup();
        (found, hits)
    }
}

/// Whether a run's first characters belong to an escape of a sign: what stands there is shorter than it looks. Only
/// escapes are meant that secrets hardly ever begin like.
fn starts_in_escape(text: &[u8], start: usize) -> bool {
    let Some(before) = start.checked_sub(1).map(|at| text[at]) else { return false };
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match (before, &text[start..]) {
        (b'\\', [b'u', digits @ ..]) => digits.len() >= 4 && hex(&digits[..4]),
        (b'\\', [b'x', digits @ ..]) => digits.len() >= 2 && hex(&digits[..2]),
        (b'%', [b'2', b'B' | b'b' | b'F' | b'f' | b'5', ..] | [b'3', b'D' | b'd', ..]) => true,
        _ => false,
    }
}

/// The key ID whose prefix stands at `at`.
fn key_id(text: &[u8], at: usize) -> Option<Match> {
    let range = at..at + aws_key_id::LEN;
    let value = text.get(range.clone())?;
    let in_form = value.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let ends = text.get(range.end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if !in_form || !ends || !starts_afresh(text, at, u8::is_ascii_alphanumeric) {
        return None;
    }
    let kind = Kind::KeyId {
        temporary: value[1] == b'S',
        form: aws_key_id::form(value),
        word_like: is_word_like(&value[4..]),
    };
    Some(Match { kind, range })
}

/// The secret in `ID/SECRET`: the slash is one of the characters that secrets are made of, so that no run of 40 stands
/// there.
fn secret_after_slash(text: &[u8], at: usize) -> Option<Match> {
    let range = at + 1..at + 1 + SECRET_LEN;
    let value = text.get(range.clone()).filter(|_| text[at] == b'/')?;
    let ends = text.get(range.end).is_none_or(|byte| !is_base64_class(*byte) && *byte != b'=');
    let is_run = ends && value.iter().all(|byte| is_base64_class(*byte));
    is_run.then_some(Match { kind: Kind::SecretKey { random: false }, range })
}

/// The session token of whose prefix the stretch at `at` is part: two characters stand before it.
fn session_token(text: &[u8], at: usize) -> Option<Match> {
    // First what a glance tells: prefixes may stand right behind each other, and a run may be long.
    let start = at.checked_sub(2)?;
    if !starts_afresh(text, start, |byte| is_base64_class(*byte))
        || !aws_session_token::has_known_prefix(&text[start..])
    {
        return None;
    }
    let limit = text.len().min(start + aws_session_token::MAX_LEN + 1);
    let run = text[start..limit].iter().take_while(|byte| is_base64_class(**byte)).count();
    if !(aws_session_token::MIN_LEN..=aws_session_token::MAX_LEN).contains(&run) {
        return None;
    }
    let padding = text[start + run..].iter().take(2).take_while(|byte| **byte == b'=').count();
    Some(Match { kind: Kind::SessionToken, range: start..start + run + padding })
}

/// Whether a value may start at `at`: at the text's start, after a byte that is not `of_value`, or right after an
/// escape: `\n`, `%3D`, `\x3d`, `\u003d`, the `=3D` of mails, or the colour of a terminal, `[1;33m`.
fn starts_afresh(text: &[u8], at: usize, of_value: impl Fn(&u8) -> bool) -> bool {
    let before = &text[at.saturating_sub(6)..at];
    let Some(last) = before.last() else { return true };
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        _ if !of_value(last) => true,
        [.., b'\\', letter] => b"0abfnrtv".contains(letter),
        [.., b'%', a, b] | [.., b'\\', b'x', a, b] => hex(&[*a, *b]),
        [b'\\', b'u', digits @ ..] => hex(digits),
        [b'+'] | [.., b'\n', b'+'] | [.., b'=', b'3', b'D'] => true,
        [colour @ .., b'm'] => {
            let numbers = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
            let len = colour.iter().rev().take_while(numbers).count();
            colour[..colour.len() - len].last().is_none_or(|byte| *byte == b'[')
                && !colour.is_empty()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::placeholder::expand;

    fn ids(text: &str) -> usize {
        let text = expand(text).0;
        memchr::memmem::find_iter(text.as_bytes(), b"KIA")
            .filter(|at| *at > 0 && key_id(text.as_bytes(), at - 1).is_some())
            .count()
    }

    #[test]
    fn key_ids_have_boundaries() {
        for text in [
            "{{aws-access-key-id:1}}",
            "key_{{aws-access-key-id:1}}_x",
            "a=1\\n{{aws-access-key-id:1}}\\n",
            "\\t{{aws-access-key-id:1}}",
            "%3D{{aws-access-key-id:1}}%26",
            "\\u003d{{aws-access-key-id:1}}\\\"",
            "\\x3d{{aws-access-key-id:1}}",
            "\"{{aws-access-key-id:1}}\"",
            "é{{aws-access-key-id:1}}é",
        ] {
            assert_eq!(ids(text), 1, "{text}");
        }
        for text in [
            "x{{aws-access-key-id:1}}",
            "{{aws-access-key-id:1}}A",
            "n{{aws-access-key-id:1}}",
            "{{aws-access-key-id:1}}a",
        ] {
            assert_eq!(ids(text), 0, "{text}");
        }
    }

    #[test]
    fn escapes_are_no_part_of_secrets() {
        let starts = |text: &str, start: usize| starts_in_escape(text.as_bytes(), start);
        assert!(starts("\\u002Fabc", 1) && starts("\\x2fabc", 1) && starts("%2Babc", 1));
        for text in ["\\uabc", "\\u00", "\\xyz", "\\nabc", "%ab", "=3D", "\"2B"] {
            assert!(!starts(text, 1), "{text}");
        }
        assert!(!starts("2B", 0) && !starts("%", 1));
    }

    #[test]
    fn session_tokens_have_no_upper_length() {
        let start = "IQoJb3JpZ2luX2VjE";
        for len in [100, 5_000, 60_000] {
            let text = format!("x={start}{}== ", "Ab1/".repeat(len / 4));
            let found = session_token(text.as_bytes(), 4).unwrap();
            assert_eq!(&text[found.range], &text[2..text.len() - 1]);
        }
        assert_eq!(session_token(format!("x={start}").as_bytes(), 4), None);
    }
}
