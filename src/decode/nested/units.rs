//! What the encodings that write single characters in another way have in common: a stretch of text around one such
//! character, and a text with all of them undone.

use std::ops::Range;

use super::map::{Map, Scale};
use super::{Decoded, entities, escapes, is_digit64, percent, quoted_printable};
use crate::model::layer::Layer;

/// A character written in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// How many bytes are written for it.
    pub(super) len: usize,
    bytes: [u8; 4],
    count: usize,
}

impl Unit {
    /// A unit that stands for one character.
    pub(super) fn character(len: usize, character: char) -> Self {
        let mut bytes = [0; 4];
        let count = character.encode_utf8(&mut bytes).len();
        Self { len, bytes, count }
    }

    /// A unit that stands for one byte.
    pub(super) fn byte(len: usize, byte: u8) -> Self {
        Self { len, bytes: [byte, 0, 0, 0], count: 1 }
    }

    /// A unit that stands for nothing, as a line continuation does.
    pub(super) fn nothing(len: usize) -> Self {
        Self { len, bytes: [0; 4], count: 0 }
    }

    /// What it stands for.
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.count]
    }
}

/// An encoding of single characters.
pub(super) struct Notation {
    /// The byte that every unit starts with.
    mark: u8,
    /// Bytes that units are made of, beside letters and digits.
    inside: &'static [u8],
    /// The unit whose mark stands at an offset.
    unit: fn(&[u8], usize) -> Option<Unit>,
}

/// The longest value that is looked at around a unit, in bytes as written.
const LONGEST: usize = 8 * 1024;

impl Notation {
    /// The notation of a layer, if it is of this kind.
    pub(super) fn of(layer: Layer) -> Option<Self> {
        Some(match layer {
            Layer::Escapes => Self { mark: b'\\', inside: b"\\{}", unit: escapes::unit },
            Layer::Entities => Self { mark: b'&', inside: b"&#;", unit: entities::unit },
            Layer::Percent => Self { mark: b'%', inside: b"%", unit: percent::unit },
            Layer::QuotedPrintable => {
                Self { mark: b'=', inside: b"=\r\n", unit: quoted_printable::unit }
            }
            _ => return None,
        })
    }

    /// The stretch around `at` that can be one value, and the byte before it: that may begin an escape of another kind,
    /// which is no part of the value (`%3D`, `=3D`, a colour).
    pub(super) fn stretch(&self, text: &[u8], at: usize) -> Range<usize> {
        let is_inside = |byte: &u8| is_digit64(*byte) || self.inside.contains(byte);
        let before = text[at.saturating_sub(LONGEST)..at].iter().rev().take_while(|b| is_inside(b));
        let after = text[at..text.len().min(at + LONGEST)].iter().take_while(|b| is_inside(b));
        (at - before.count()).saturating_sub(1)..at + after.count()
    }

    /// The text in `range` with every unit in it undone.
    pub(super) fn decode(&self, text: &[u8], range: &Range<usize>) -> Decoded {
        let mut decoded = Vec::with_capacity(range.len());
        let mut map = Map::default();
        let mut at = range.start;
        let mut from = at;
        while let Some(mark) = memchr::memchr(self.mark, &text[from..range.end]) {
            let mark = from + mark;
            let Some(unit) = (self.unit)(&text[..range.end], mark) else {
                from = mark + 1;
                continue;
            };
            decoded.extend_from_slice(&text[at..mark]);
            map.push(at, mark - at, Scale::Same);
            decoded.extend_from_slice(unit.text());
            map.push(mark, unit.count, Scale::Whole(unit.len));
            at = mark + unit.len;
            from = at;
        }
        decoded.extend_from_slice(&text[at..range.end]);
        map.push(at, range.end - at, Scale::Same);
        Decoded { range: range.clone(), text: decoded, map }
    }
}
