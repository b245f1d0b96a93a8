//! Matches → candidates: the cheap filters on value and neighbourhood, cheapest first, and then what stands beside.

use std::ops::Range;
use std::path::Path;

use super::candidate::{Context, Kind, NamedBy, OtherName};
use super::context::names::{self, Name, Role, Strength};
use super::context::table::Table;
use super::context::{blocks, lead, path, surroundings};
use super::expiry;
use super::matcher::Match;
use super::score::lookalike;
use super::score::placeholder::{self, Reason};
use super::score::shape::Shape;
use super::validate::aws_key_id;

/// How much of a line before a value is searched for the mark of an encrypted value, in bytes.
const ENCRYPTED_REACH: usize = 200;

/// What is the same for all values of a blob.
pub(crate) struct Surrounds<'a> {
    /// The blob's path.
    pub(crate) path: &'a Path,
    /// Its header row, if it is a table of credentials.
    pub(crate) table: Option<&'a Table>,
    /// Entropy floors of the key ID and secret rules, in bits per character.
    pub(crate) floors: Floors,
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

/// What becomes of a match; `None` drops it for good.
pub(crate) fn inspect(text: &[u8], found: &Match, surrounds: &Surrounds<'_>) -> Option<Inspected> {
    let value = &text[found.range.clone()];
    match found.kind {
        Kind::SecretKey { .. } => secret(text, found, surrounds),
        Kind::KeyId { word_like, .. } => {
            let shape = Shape::of(value);
            let placeholder = if aws_key_id::is_emulated(value) {
                Some(Reason::Emulator)
            } else {
                placeholder_of(text, &found.range, &shape, surrounds.floors.key_id)
            };
            let context = context(text, &found.range, surrounds, Role::Id);
            if word_like
                && context.strength(Role::Id) < Some(Strength::Key)
                && placeholder.is_none()
            {
                return None;
            }
            Some(Inspected {
                kind: found.kind,
                range: found.range.clone(),
                shape,
                placeholder,
                context,
            })
        }
        Kind::SessionToken => {
            let shape = Shape::of(value);
            let placeholder = placeholder::is_documentation_example(value)
                .then_some(Reason::DocumentationExample);
            let context = context(text, &found.range, surrounds, Role::Token);
            Some(Inspected {
                kind: found.kind,
                range: found.range.clone(),
                shape,
                placeholder,
                context,
            })
        }
        Kind::Pattern(_) => Some(Inspected {
            kind: found.kind,
            range: found.range.clone(),
            shape: Shape::of(value),
            placeholder: None,
            context: Context::default(),
        }),
    }
}

/// A 40-character run goes through the filters in order of their cost: most runs are digests, identifiers and paths
/// and are gone after the first two.
fn secret(text: &[u8], found: &Match, surrounds: &Surrounds<'_>) -> Option<Inspected> {
    let range = found.range.clone();
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
    let context = context(text, &range, surrounds, Role::Secret);
    let named = context.strength(Role::Secret) >= Some(Strength::Key);
    if !named && (lookalike::is_glued(before, after) || lookalike::has_foreign_prefix(value)) {
        return None;
    }
    let placeholder = placeholder_of(text, &range, &shape, surrounds.floors.secret);
    Some(Inspected { kind: Kind::SecretKey { random }, range, shape, placeholder, context })
}

fn placeholder_of(text: &[u8], range: &Range<usize>, shape: &Shape, floor: f32) -> Option<Reason> {
    let near = range.start.saturating_sub(ENCRYPTED_REACH)..range.start;
    let line = memchr::memrchr(b'\n', &text[near.clone()])
        .map_or(near.start, |newline| near.start + newline + 1);
    if placeholder::is_encrypted(&text[line..range.start]) {
        return Some(Reason::Encrypted);
    }
    placeholder::reason(&text[range.clone()], shape.entropy, floor)
}

/// A section's header without what stands behind its bracket.
fn header(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let end = memchr::memchr(b']', line).map_or(line.len(), |close| close + 1);
    &line[..end]
}

fn context(text: &[u8], range: &Range<usize>, surrounds: &Surrounds<'_>, role: Role) -> Context {
    let name = name(text, range, surrounds);
    let is_secret = role == Role::Secret;
    let other_name = if is_secret && name.is_none() { other_name(text, range) } else { None };
    let section = surroundings::section(text, range.start).map(|line| header(&text[line]));
    let mut blocks = blocks::openings(text, range.start);
    let block = is_secret
        .then(|| blocks.find(|line| surroundings::aws_word(shown(line)).is_some()))
        .flatten();
    let of_aws = |line: &&[u8]| surroundings::aws_word(line).is_some();
    let written = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
    Context {
        name,
        other_name,
        aws_word: surroundings::aws_word_on_line(text, range),
        aws_section: section.filter(of_aws).map(written),
        aws_block: block.map(shown).map(written),
        aws_near: is_secret && surroundings::aws_word_near(text, range),
        credential_file: path::is_credential_file(surrounds.path),
        other_provider: is_secret.then(|| surroundings::other_provider(text, range)).flatten(),
        expiration: expiry::beside(text, range),
    }
}

/// How much of a block's opening line is looked at and kept, in bytes.
const MAX_OPENING: usize = 60;

fn shown(line: &[u8]) -> &[u8] {
    &line[..line.len().min(MAX_OPENING)]
}

/// The name of a value: its column's, the one beside it, or the file's.
fn name(text: &[u8], range: &Range<usize>, surrounds: &Surrounds<'_>) -> Option<(Name, NamedBy)> {
    let column = surrounds.table.and_then(|table| table.column(&text[..range.start]).cloned());
    let beside =
        || lead::name_of(text, range.start, range.end).map(|name| (name, NamedBy::Neighbour));
    let of_file = || {
        let alone = is_alone_on_line(text, range);
        let name = alone.then(|| path::name_of_secret(surrounds.path)).flatten();
        name.map(|name| (name, NamedBy::File))
    };
    column.map(|name| (name, NamedBy::Column)).or_else(beside).or_else(of_file)
}

fn is_alone_on_line(text: &[u8], range: &Range<usize>) -> bool {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    text[..range.start].last().is_none_or(is_line_end)
        && text.get(range.end).is_none_or(is_line_end)
}

fn other_name(text: &[u8], range: &Range<usize>) -> Option<OtherName> {
    let word = lead::assigned_to(text, range.start)?;
    if names::is_of_another_kind(&names::normalise(word)) {
        return Some(OtherName::Telling);
    }
    // A name with an AWS word in it is no stranger: `AWS_PROD`, `s3_pw`.
    surroundings::aws_word(word).is_none().then_some(OtherName::Unknown)
}
