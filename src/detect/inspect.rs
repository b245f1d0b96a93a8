//! Matches → candidates: the cheap filters on value and neighbourhood, cheapest first, and then what stands beside.

use std::ops::Range;
use std::path::Path;

use super::candidate::{Context, Kind, NamedBy, OtherName};
use super::context::names::{self, Name, Role, Strength};
use super::context::surroundings::Sections;
use super::context::table::Header;
use super::context::{blocks, lead, path, surroundings};
use super::expiry;
use super::matcher::Match;
use super::score::lookalike;
use super::score::placeholder::{self, Reason};
use super::score::shape::Shape;
use super::validate::aws_key_id;

/// How much of a line before a value is searched for the mark of an encrypted value, in bytes.
const ENCRYPTED_REACH: usize = 200;

/// What is the same for all values of a window.
pub(crate) struct Surrounds<'a> {
    /// The blob's path.
    pub(crate) path: &'a Path,
    /// Its header row, which counts if it is a table of credentials.
    pub(crate) header: &'a Header<'a>,
    /// Entropy floors of the key ID and secret rules, in bits per character.
    pub(crate) floors: Floors,
    /// Section headers, found on the way.
    pub(crate) sections: Sections,
}

/// Entropy floors, in bits per character.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floors {
    pub(crate) key_id: f32,
    pub(crate) secret: f32,
}

/// A match that was not dropped, with its statistics and what stands beside it.
#[derive(Clone, Debug)]
pub(crate) struct Inspected {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
    pub(crate) shape: Shape,
    pub(crate) placeholder: Option<Reason>,
    pub(crate) context: Context,
}

impl Inspected {
    /// A run that neither a name nor anything around it makes a secret: only an ID in reach could.
    pub(crate) fn is_lone_run(&self) -> bool {
        matches!(self.kind, Kind::SecretKey { .. })
            && self.context.name.is_none()
            && !self.context.speaks_of_aws()
    }
}

/// What becomes of a match; `None` drops it for good. Matches come in order of place.
pub(crate) fn inspect(
    text: &[u8],
    found: &Match,
    surrounds: &mut Surrounds<'_>,
) -> Option<Inspected> {
    let range = found.range.clone();
    if matches!(found.kind, Kind::SecretKey { .. }) {
        return secret(text, range, surrounds);
    }
    let value = &text[range.clone()];
    let shape = Shape::of(value);
    let (placeholder, context) = match found.kind {
        Kind::KeyId { word_like, temporary, .. } => {
            let name = name(text, &range, surrounds);
            let is_named = name
                .as_ref()
                .is_some_and(|(name, _)| name.role == Role::Id && name.strength >= Strength::Key);
            let placeholder = if aws_key_id::is_emulated(value) {
                Some(Reason::Emulator)
            } else {
                placeholder_of(text, &range, || {
                    placeholder::reason(value, shape.entropy, surrounds.floors.key_id)
                })
            };
            if word_like && !is_named && placeholder.is_none() {
                return None;
            }
            let expiration = temporary.then(|| expiry::beside(text, &range)).flatten();
            (placeholder, Context { expiration, ..context(text, &range, name, surrounds) })
        }
        Kind::SessionToken => {
            let placeholder =
                placeholder_of(text, &range, || placeholder::reason_of_token(value, shape.entropy));
            let name = name(text, &range, surrounds);
            let expiration = expiry::beside(text, &range);
            (placeholder, Context { expiration, ..context(text, &range, name, surrounds) })
        }
        Kind::Pattern(_) | Kind::SecretKey { .. } => (None, Context::default()),
    };
    Some(Inspected { kind: found.kind, range, shape, placeholder, context })
}

/// Whether a 40-character run is more than a digest, an identifier or a path: what its own characters say.
pub(crate) fn may_be_secret(value: &[u8]) -> bool {
    if lookalike::value_is_something_else(value) {
        return false;
    }
    let shape = Shape::of(value);
    shape.is_random() || shape.is_plausible()
}

/// A 40-character run goes through the filters in order of their cost: most runs are digests, identifiers and paths
/// and are gone after the first two.
fn secret(text: &[u8], range: Range<usize>, surrounds: &mut Surrounds<'_>) -> Option<Inspected> {
    let (before, value, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
    if lookalike::value_is_something_else(value) {
        return None;
    }
    let shape = Shape::of(value);
    let random = shape.is_random();
    if !(random || shape.is_plausible())
        || lookalike::is_integrity(before)
        || lookalike::is_blob_tail(before)
    {
        return None;
    }
    let name = name(text, &range, surrounds);
    let strength =
        name.as_ref().filter(|(name, _)| name.role == Role::Secret).map(|(name, _)| name.strength);
    if strength < Some(Strength::Key)
        && (lookalike::is_glued(before, after)
            || strength.is_none() && lookalike::is_of_message_id(before, after)
            || lookalike::has_foreign_prefix(value))
    {
        return None;
    }
    let placeholder = placeholder_of(text, &range, || {
        placeholder::reason(value, shape.entropy, surrounds.floors.secret)
    });
    let mut context = context(text, &range, name, surrounds);
    if context.name.is_none() {
        context.other_name = other_name(text, &range);
    }
    // What follows costs more, and matters only where a name or a word has said something already.
    if strength.is_some() {
        let is_of_aws = |line: &&[u8]| surroundings::aws_word(shown(line)).is_some();
        context.aws_block =
            blocks::openings(text, range.start).find(is_of_aws).map(|line| written(shown(line)));
        context.aws_near = surroundings::aws_word_near(text, &range);
    }
    if strength.is_some() || context.name.is_some() || context.speaks_of_aws() {
        context.other_provider = surroundings::other_provider(text, &range);
    }
    Some(Inspected { kind: Kind::SecretKey { random }, range, shape, placeholder, context })
}

/// Why a value is no leak: because it is encrypted, or for what `by_value` says.
fn placeholder_of(
    text: &[u8],
    range: &Range<usize>,
    by_value: impl Fn() -> Option<Reason>,
) -> Option<Reason> {
    let near = range.start.saturating_sub(ENCRYPTED_REACH)..range.start;
    let line = memchr::memrchr(b'\n', &text[near.clone()])
        .map_or(near.start, |newline| near.start + newline + 1);
    if placeholder::is_encrypted(&text[line..range.start]) {
        return Some(Reason::Encrypted);
    }
    by_value()
}

/// A section's header without what stands behind its bracket.
fn header(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let end = memchr::memchr(b']', line).map_or(line.len(), |close| close + 1);
    &line[..end]
}

/// What stands around any value.
fn context(
    text: &[u8],
    range: &Range<usize>,
    name: Option<(Name, NamedBy)>,
    surrounds: &mut Surrounds<'_>,
) -> Context {
    let section = surrounds.sections.header(text, range.start).map(|line| header(&text[line]));
    Context {
        name,
        aws_word: surroundings::aws_word_on_line(text, range),
        aws_section: section.filter(|header| surroundings::aws_word(header).is_some()).map(written),
        credential_file: path::is_credential_file(surrounds.path),
        ..Context::default()
    }
}

fn written(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// How much of a block's opening line is looked at and kept, in bytes.
const MAX_OPENING: usize = 60;

fn shown(line: &[u8]) -> &[u8] {
    &line[..line.len().min(MAX_OPENING)]
}

/// The name of a value: its column's, the one beside it, or the file's.
fn name(text: &[u8], range: &Range<usize>, surrounds: &Surrounds<'_>) -> Option<(Name, NamedBy)> {
    let column =
        surrounds.header.table().and_then(|table| table.column(&text[..range.start]).cloned());
    let beside =
        || lead::name_of(text, range.start, range.end).map(|name| (name, NamedBy::Neighbour));
    let of_file = || {
        let alone = is_alone_on_line(text, range);
        let name = alone.then(|| path::name_of_secret(surrounds.path)).flatten();
        name.map(|name| (name, NamedBy::File))
    };
    column.map(|name| (name, NamedBy::Column)).or_else(beside).or_else(of_file)
}

pub(crate) fn is_alone_on_line(text: &[u8], range: &Range<usize>) -> bool {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
    let before = text[..range.start].iter().rev().find(|byte| !is_space(byte));
    let after = text[range.end..].iter().find(|byte| !is_space(byte));
    before.is_none_or(|byte| *byte == b'\n') && after.is_none_or(|byte| *byte == b'\n')
}

fn other_name(text: &[u8], range: &Range<usize>) -> Option<OtherName> {
    let word = lead::assigned_to(text, range.start)?;
    if names::is_of_another_kind(&names::normalise(word)) {
        return Some(OtherName::Telling);
    }
    // A name with an AWS word in it is no stranger: `AWS_PROD`, `s3_pw`.
    surroundings::aws_word(word).is_none().then_some(OtherName::Unknown)
}
