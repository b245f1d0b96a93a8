//! What is wrapped inside a text: escapes, base64, hex, split literals, and so on, each with a way back.
//!
//! Nothing is decoded on suspicion. A probe (a literal that is rare in any text, or the start of a long run) gives a
//! [`Hit`]; around it [`decode`] makes [`Decoded`] values, small and by themselves; and if one of them may hold what is
//! looked for, [`Nested`] is a stretch of the text with everything of that layer undone, names and neighbours included.
//! That is a text again, with probes of its own.

mod base64;
mod entities;
mod escapes;
mod gzip;
mod literals;
mod map;
mod pairs;
mod percent;
mod pieces;
mod quoted_printable;
mod units;

use std::ops::Range;

use self::base64::Extent;
use self::map::Scale;
pub use self::map::{Map, Source};
pub use self::pieces::{PIECES, Piece, REACH as REACH_OF_PIECE};
use self::units::Notation;
use crate::model::layer::Layer;

/// Layers that are undone, one inside the other, at most.
pub const MAX_DEPTH: usize = 4;

/// The longest text that is decoded as one value, in bytes of what it is decoded from. Of a longer one is seen what
/// stands around its probes, as far to each side.
pub const LONGEST: usize = 12 * 1024;

/// The start of a long run, in bytes, by which [`Hit::of_run`] knows it.
pub const SHORTEST_RUN: usize = 40;

/// How far from a key the pieces of its other parts are looked for, in bytes to each side.
pub const BESIDE: usize = 1024;

/// The stretch around something like a key at `at`, in which its other parts may be written in pieces.
pub fn beside(at: usize) -> Range<usize> {
    at.saturating_sub(BESIDE)..at + BESIDE
}

/// The stretch after a run of digits around `at` that a soft break cuts: more such runs may follow in it.
pub fn cut_run(text: &[u8], at: usize) -> Option<Range<usize>> {
    quoted_printable::is_cut(text, at).then_some(at..at + LONGEST)
}

/// A sign that something may be wrapped at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// In what.
    pub layer: Layer,
    /// Where: at a unit's mark, where a group of digits starts, or near.
    pub at: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The value stands right there.
    There,
    /// What stands there is wrapped, whether it is a value or what lies between two.
    Beside,
    /// The whole run or block that starts there.
    Run,
    /// Up to this offset.
    UpTo(usize),
}

/// Literals to look for, each with what it is a sign of and the distance from there to where a value or a group of
/// digits starts, in bytes before it.
///
/// `AKIA` and `ASIA` in base64 at each of three places in a group, in hex, and in UTF-16; the characters of a secret
/// that encodings write in another way, and the first of a key ID; the percent sign of what is encoded twice.
pub const PROBES: [(&[u8], Layer, usize); 34] = [
    (b"QUtJQ", Layer::Base64, 0),
    (b"FLSU", Layer::Base64, 2),
    (b"BS0lB", Layer::Base64, 3),
    (b"QVNJQ", Layer::Base64, 0),
    (b"FTSU", Layer::Base64, 2),
    (b"BU0lB", Layer::Base64, 3),
    (b"414b4941", Layer::Hex, 0),
    (b"414B4941", Layer::Hex, 0),
    (b"41534941", Layer::Hex, 0),
    (b"K\0I\0A\0", Layer::Utf16, 0),
    (b"S\0I\0A\0", Layer::Utf16, 0),
    (b"\\x2", Layer::Escapes, 0),
    (b"\\x3", Layer::Escapes, 0),
    (b"\\x4", Layer::Escapes, 0),
    (b"\\x5", Layer::Escapes, 0),
    (b"\\u00", Layer::Escapes, 0),
    (b"\\05", Layer::Escapes, 0),
    (b"\\101", Layer::Escapes, 0),
    (b"#x2", Layer::Entities, 1),
    (b"#x5C;", Layer::Entities, 1),
    (b"#65;", Layer::Entities, 1),
    (b"#92;", Layer::Entities, 1),
    (b"&amp;#", Layer::Entities, 0),
    (b"#47;", Layer::Entities, 1),
    (b"#43;", Layer::Entities, 1),
    (b"%2F", Layer::Percent, 0),
    (b"%2f", Layer::Percent, 0),
    (b"%2B", Layer::Percent, 0),
    (b"%2b", Layer::Percent, 0),
    (b"%41", Layer::Percent, 0),
    (b"%25", Layer::Percent, 0),
    (b"%26", Layer::Percent, 0),
    (b"%5C", Layer::Percent, 0),
    (b"%5c", Layer::Percent, 0),
];

/// A probe that is too short for [`PROBES`]: a slash as JSON may write it.
pub const SLASH_PROBE: &[u8] = b"\\/";

impl Hit {
    /// The hit of a probe that stands at `at`; `back` is the distance that goes with it.
    pub fn of_probe(layer: Layer, at: usize, back: usize) -> Option<Self> {
        Some(Self { layer, at: at.checked_sub(back)?, kind: Kind::There })
    }

    /// The hit that a run of base64 digits at `at` gives, if its start stands for text or for gzip.
    pub fn of_run(text: &[u8], at: usize) -> Option<Self> {
        let hit = |layer, at| Some(Self { layer, at, kind: Kind::Run });
        let at = match at.checked_sub(1).map(|before| text[before]) {
            Some(b'\\') => at + 1,
            Some(b'%') => at + 2,
            _ => at,
        };
        let run = text.get(at..)?;
        if let Some(cut) = cut_run(text, at) {
            Some(Self { layer: Layer::QuotedPrintable, at, kind: Kind::UpTo(cut.end) })
        } else if base64::starts_well(run) {
            hit(Layer::Base64, at)
        } else if pairs::starts_well(run) {
            hit(Layer::Hex, at)
        } else {
            None
        }
    }

    /// The stretch of text in which what it is a sign of may stand anywhere, for [`in_pieces`](Self::in_pieces).
    pub fn stretch(&self) -> Option<Range<usize>> {
        let Kind::UpTo(end) = self.kind else { return None };
        Some(self.at..end)
    }

    /// Where what it is a sign of starts at the latest: before this offset.
    pub fn end(&self) -> usize {
        if let Kind::UpTo(end) = self.kind { end } else { self.at + 1 }
    }

    /// The part of it that is a sign of something in `stretch` of the text.
    pub fn within(&self, stretch: &Range<usize>) -> Option<Self> {
        let (at, end) = (self.at.max(stretch.start), self.end().min(stretch.end));
        let kind = if let Kind::UpTo(_) = self.kind { Kind::UpTo(end) } else { self.kind };
        (at < end).then_some(Self { at, kind, ..*self })
    }

    /// Whether it gives the whole of a run, or nothing.
    pub fn is_of_run(&self) -> bool {
        self.kind == Kind::Run
    }

    /// Whether it is a sign of what stands right there, and not of anything in a stretch around.
    pub fn is_at_place(&self) -> bool {
        !matches!(self.kind, Kind::UpTo(_))
    }

    /// The hit of a key that stands at `at` in a string with line ends that are escaped: what they part are its lines.
    pub fn of_lines_beside(text: &[u8], at: usize) -> Option<Self> {
        const REACH: usize = 256;
        let ends = [&b"\\n"[..], b"\\r"];
        let after = &text[at..text.len().min(at + REACH)];
        let after = &after[..memchr::memchr(b'\n', after).unwrap_or(after.len())];
        let before = &text[at.saturating_sub(REACH)..at];
        let before = &before[memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1)..];
        let behind = ends.iter().filter_map(|end| memchr::memmem::find(after, end)).min();
        let at = behind.map(|behind| at + behind).or_else(|| {
            let ahead = ends.iter().filter_map(|end| memchr::memmem::rfind(before, end)).max();
            ahead.map(|ahead| at - before.len() + ahead)
        })?;
        Some(Self { layer: Layer::Escapes, at, kind: Kind::Beside })
    }

    /// Whether it needs no value to be worth a view.
    pub fn is_sure(&self) -> bool {
        // A soft break is seldom anything else, and what it cuts may be wrapped in more.
        self.kind == Kind::Beside || self.layer == Layer::QuotedPrintable
    }

    /// The hits of stretches in which values may be written in pieces, two for each stretch or for several that touch:
    /// however many there are, no byte is looked at for more than these two.
    pub fn in_pieces(mut stretches: Vec<Range<usize>>) -> Vec<Self> {
        stretches.sort_unstable_by_key(|stretch| stretch.start);
        stretches.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        let hits = stretches.into_iter().flat_map(|stretch| {
            let kind = Kind::UpTo(stretch.end);
            let layers = [Layer::QuotedPrintable, Layer::SplitLiteral];
            layers.map(|layer| Self { layer, at: stretch.start, kind })
        });
        hits.collect()
    }

    /// The hit of a gzip file, if one starts at the start of `range`.
    pub fn of_file(text: &[u8], range: &Range<usize>) -> Option<Self> {
        let starts = text[range.clone()].starts_with(gzip::MAGIC);
        starts.then_some(Self { layer: Layer::Gzip, at: range.start, kind: Kind::UpTo(range.end) })
    }
}

/// One value, decoded.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Where it stands in the text that it is wrapped in.
    pub range: Range<usize>,
    /// What it stands for.
    pub text: Vec<u8>,
    /// From offsets in that to offsets in the text around.
    pub map: Map,
}

/// What came of a hit.
#[derive(Debug, Default)]
pub struct Values {
    /// In order of place.
    pub values: Vec<Decoded>,
    /// Further hits of this layer before this offset can be left out, or those of runs if there is no value: what
    /// they would give has been looked at.
    pub until: usize,
    /// Something was too large to be decoded whole.
    pub over_limit: bool,
}

/// Decodes what a hit is the sign of.
pub fn decode(text: &[u8], hit: &Hit) -> Values {
    let at = hit.at;
    let one = |value: Option<Decoded>| Values {
        until: value.as_ref().map_or(at, |value| value.range.end),
        values: value.into_iter().collect(),
        over_limit: false,
    };
    match hit.layer {
        Layer::Base64 => {
            let extent = if hit.kind == Kind::Run { Extent::Whole } else { Extent::Around };
            let (value, until) = base64::decode(text, at, extent);
            Values { until, ..one(value) }
        }
        Layer::Hex => one(Some(pairs::decode_hex(text, at))),
        Layer::Utf16 => one(Some(pairs::decode_utf16(text, at))),
        Layer::Gzip => {
            let Kind::UpTo(end) = hit.kind else { return Values::default() };
            let (value, over_limit) = gzip::decode(text, &(at..end));
            Values { over_limit, ..one(value) }
        }
        Layer::SplitLiteral | Layer::QuotedPrintable => {
            let Kind::UpTo(end) = hit.kind else { return Values::default() };
            let stretch = at..text.len().min(end);
            let values = match hit.layer {
                Layer::SplitLiteral => literals::within(text, &stretch),
                _ => quoted_printable::within(text, &stretch),
            };
            Values { values, ..Values::default() }
        }
        _ => one(Notation::of(hit.layer)
            .map(|notation| notation.decode(text, &notation.stretch(text, at)))),
    }
}

/// A stretch of a text in which what is wrapped in one layer is undone.
#[derive(Debug)]
pub struct Nested {
    text: Vec<u8>,
    map: Map,
    /// Where decoded values start and end in the text, where they do not stand apart from it by themselves.
    values: Vec<Range<usize>>,
}

impl Nested {
    /// `region` of `text` with `values` of `layer`, which lie within it in order of place, decoded; of layers that
    /// write single characters in another way, with all such characters undone.
    pub fn new(layer: Layer, text: &[u8], region: &Range<usize>, values: &[Decoded]) -> Self {
        if let Some(notation) = Notation::of(layer) {
            let Decoded { text, map, .. } = notation.decode(text, region);
            return Self { text, map, values: Vec::new() };
        }
        let mut nested = Self { text: Vec::new(), map: Map::default(), values: Vec::new() };
        let mut at = region.start;
        // Values of hits close to one another may overlap.
        for value in values {
            if value.range.start < at {
                continue;
            }
            splice(text, at..value.range.start, &mut nested.text, &mut nested.map);
            let start = nested.text.len();
            nested.text.extend_from_slice(&value.text);
            nested.map.append(&value.map);
            nested.values.push(start..nested.text.len());
            at = value.range.end;
        }
        splice(text, at..region.end, &mut nested.text, &mut nested.map);
        nested
    }

    /// The text to search.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The way back from it.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Where decoded values lie in it; empty for layers that write single characters in another way.
    pub fn values(&self) -> &[Range<usize>] {
        &self.values
    }
}

/// Appends a range of `from` as it stands.
fn splice(from: &[u8], range: Range<usize>, text: &mut Vec<u8>, map: &mut Map) {
    map.push(range.start, range.len(), Scale::Same);
    text.extend_from_slice(&from[range]);
}

/// Whether a byte is a digit of standard base64, which is also what secrets are made of.
fn is_digit64(byte: u8) -> bool {
    static DIGITS: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        while byte < 0x80 {
            table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
            byte += 1;
        }
        table
    };
    DIGITS[usize::from(byte)]
}

/// Whether bytes are text, or text in 16 bits a character.
fn is_text(bytes: &[u8]) -> bool {
    let every_other = |first: usize| bytes.iter().skip(first).step_by(2);
    let is_wide = |first: usize| {
        every_other(first).all(|byte| *byte == 0)
            && every_other(1 - first).all(|byte| is_plain(*byte))
    };
    bytes.len() >= 12 && (bytes.iter().all(|byte| is_plain(*byte)) || is_wide(0) || is_wide(1))
}

/// Whether a byte is a character of a plain text.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
