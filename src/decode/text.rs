//! Byte order marks, UTF-16 and UTF-32 with and without one, and the way from decoded text back to original offsets.
//!
//! UTF-8, ASCII supersets, invalid UTF-8 and binaries are searched as they are: every credential is ASCII. UTF-16 and
//! UTF-32 are transcoded window by window.

use std::borrow::Cow;
use std::ops::Range;

/// How the characters of a blob are encoded, as far as it matters for finding ASCII in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes are searched as they are: UTF-8, Latin-1, binaries.
    Bytes,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
    /// UTF-32, little end first.
    Utf32Le,
    /// UTF-32, big end first.
    Utf32Be,
}

impl Encoding {
    /// The smallest number of bytes that windows of this encoding may be cut at.
    pub fn unit(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }

    /// The bytes that a character takes.
    fn width(self, character: char) -> usize {
        match self {
            Self::Bytes => character.len_utf8(),
            Self::Utf16Le | Self::Utf16Be => 2 * character.len_utf16(),
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }
}

/// How many bytes at the start of a blob [`sniff`] looks at.
pub const SNIFF_LEN: usize = 512;

/// The encoding of a blob that starts with `head`, and the length of its byte order mark.
///
/// Without a mark a blob counts as UTF-16 or UTF-32 when nearly all units among the first [`SNIFF_LEN`] bytes are one
/// byte of text and NULs: PowerShell and registry exports are of that kind. Text in other scripts without a mark is not
/// recognised; it is then searched as bytes.
pub fn sniff(head: &[u8]) -> (Encoding, usize) {
    match head {
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Bytes, 3),
        [0xff, 0xfe, 0, 0, ..] => (Encoding::Utf32Le, 4),
        [0, 0, 0xfe, 0xff, ..] => (Encoding::Utf32Be, 4),
        [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
        _ => (sniff_without_mark(&head[..head.len().min(SNIFF_LEN)]), 0),
    }
}

/// Nine in ten units must be ASCII text with a NUL beside it. Fewer than eight units say nothing.
fn sniff_without_mark(head: &[u8]) -> Encoding {
    // Most blobs hold no NUL at all; this is the test that they all pay for.
    if memchr::memchr(0, head).is_none() {
        return Encoding::Bytes;
    }
    let (units, quads) = (head.len() / 2, head.len() / 4);
    // What is mostly NULs, as headers of archives are, or has few is told by their number alone.
    let nuls = memchr::memchr_iter(0, head).count();
    let others = head.len() - nuls;
    if units < 8 || nuls * 10 < units * 9 || others * 10 < quads * 9 {
        return Encoding::Bytes;
    }
    let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let in_units = |place: usize| {
        let is_ascii = |unit: &&[u8]| unit[1 - place] == 0 && is_text(unit[place]);
        head.chunks_exact(2).filter(is_ascii).count() * 10 >= units * 9
    };
    let in_quads = |place: usize| {
        let is_ascii = |quad: &&[u8]| {
            is_text(quad[place]) && (0..4).all(|other| other == place || quad[other] == 0)
        };
        quads >= 8 && head.chunks_exact(4).filter(is_ascii).count() * 10 >= quads * 9
    };
    if in_quads(0) {
        Encoding::Utf32Le
    } else if in_quads(3) {
        Encoding::Utf32Be
    } else if others * 10 < units * 9 {
        Encoding::Bytes
    } else if in_units(0) {
        Encoding::Utf16Le
    } else if in_units(1) {
        Encoding::Utf16Be
    } else {
        Encoding::Bytes
    }
}

/// A stretch of a blob as searchable text.
///
/// Text is UTF-8 or the blob's own bytes; [`original`](Self::original) leads from a text offset to the blob's.
pub struct View<'a> {
    text: Cow<'a, [u8]>,
    base: u64,
    encoding: Encoding,
    /// For UTF-16 and UTF-32, pairs of (text offset, byte offset in the window) at regular steps; empty otherwise.
    landmarks: Vec<(usize, usize)>,
}

/// Text bytes between two landmarks: a look-up walks at most this far.
const LANDMARK_STEP: usize = 4096;

impl<'a> View<'a> {
    /// The view of `window`, which starts at offset `base` of the blob.
    ///
    /// For UTF-16 and UTF-32 the window starts at a unit boundary; odd bytes at its end and what is no character become
    /// U+FFFD.
    pub fn new(window: &'a [u8], base: u64, encoding: Encoding) -> Self {
        match encoding {
            Encoding::Bytes => {
                Self { text: Cow::Borrowed(window), base, encoding, landmarks: Vec::new() }
            }
            Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32Le | Encoding::Utf32Be => {
                let (text, landmarks) = transcode(window, encoding);
                Self { text: Cow::Owned(text), base, encoding, landmarks }
            }
        }
    }

    /// The text to search.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The offset in the original blob of the text offset `at`.
    pub fn original(&self, at: usize) -> u64 {
        if self.encoding == Encoding::Bytes {
            return self.base + at as u64;
        }
        let (_, original) = self.seek(at, |(text, _)| text);
        self.base + original as u64
    }

    /// The text range that the window's bytes in `range` became. `range` is cut at whole characters (see
    /// [`boundary`]).
    pub fn text_range(&self, range: Range<usize>) -> Range<usize> {
        if self.encoding == Encoding::Bytes {
            return range;
        }
        self.text_offset(range.start)..self.text_offset(range.end)
    }

    fn text_offset(&self, window_offset: usize) -> usize {
        self.seek(window_offset, |(_, original)| original).0
    }

    /// The pair of (text offset, byte offset in the window) of the first character whose offset in the text or in the
    /// window, whichever `of` picks, is at least `wanted`.
    fn seek(&self, wanted: usize, of: fn((usize, usize)) -> usize) -> (usize, usize) {
        let index = self.landmarks.partition_point(|mark| of(*mark) <= wanted) - 1;
        let (mut text, mut original) = self.landmarks[index];
        // No further than the next landmark: a look-up must not cost more in a longer text.
        let end = self.landmarks.get(index + 1).map_or(self.text.len(), |(text, _)| *text);
        for character in valid(&self.text[text..end]).chars() {
            if of((text, original)) >= wanted {
                break;
            }
            text += character.len_utf8();
            original += self.encoding.width(character);
        }
        (text, original)
    }
}

/// The last offset at or before `at` at which `window` may be cut without cutting a character.
pub fn boundary(window: &[u8], at: usize, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Bytes => {
            let is_continuation =
                |at: usize| window.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
            // Three continuation bytes are the most that UTF-8 has; more are no UTF-8 and may be cut anywhere.
            (at.saturating_sub(3)..=at).rev().find(|at| !is_continuation(*at)).unwrap_or(at)
        }
        Encoding::Utf16Le | Encoding::Utf16Be => {
            let at = at - at % 2;
            let halves = at.checked_sub(2).and_then(|before| window.get(before..at + 2));
            // A second half behind anything but a first one stands by itself.
            let is_within = halves.is_some_and(|halves| {
                (0xd800..0xdc00).contains(&unit(&halves[..2], encoding))
                    && (0xdc00..0xe000).contains(&unit(&halves[2..], encoding))
            });
            if is_within { at - 2 } else { at }
        }
        Encoding::Utf32Le | Encoding::Utf32Be => at - at % 4,
    }
}

fn unit(pair: &[u8], encoding: Encoding) -> u16 {
    match encoding {
        Encoding::Utf16Be => u16::from_be_bytes([pair[0], pair[1]]),
        _ => u16::from_le_bytes([pair[0], pair[1]]),
    }
}

/// The characters of a window, with U+FFFD for what is none.
fn characters(window: &[u8], encoding: Encoding) -> Box<dyn Iterator<Item = char> + '_> {
    let or_replacement = |character: Option<char>| character.unwrap_or(char::REPLACEMENT_CHARACTER);
    match encoding {
        Encoding::Utf32Le | Encoding::Utf32Be => {
            let number = move |quad: &[u8]| {
                let quad = [quad[0], quad[1], quad[2], quad[3]];
                let is_big = encoding == Encoding::Utf32Be;
                if is_big { u32::from_be_bytes(quad) } else { u32::from_le_bytes(quad) }
            };
            let quads = window.chunks_exact(4).map(number);
            Box::new(quads.map(move |number| or_replacement(char::from_u32(number))))
        }
        _ => {
            let units = window.chunks_exact(2).map(move |pair| unit(pair, encoding));
            Box::new(char::decode_utf16(units).map(move |decoded| or_replacement(decoded.ok())))
        }
    }
}

fn transcode(window: &[u8], encoding: Encoding) -> (Vec<u8>, Vec<(usize, usize)>) {
    let mut text = Vec::with_capacity(window.len() / 2 + window.len() / 16);
    let mut landmarks = vec![(0, 0)];
    let mut original = 0;
    let mut utf8 = [0; 4];
    for character in characters(window, encoding) {
        if text.len() >= landmarks[landmarks.len() - 1].0 + LANDMARK_STEP {
            landmarks.push((text.len(), original));
        }
        text.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        original += encoding.width(character);
    }
    if !window.len().is_multiple_of(encoding.unit()) {
        text.extend_from_slice("\u{fffd}".as_bytes());
    }
    (text, landmarks)
}

/// Transcoded text is valid UTF-8 from any character boundary on.
fn valid(text: &[u8]) -> &str {
    std::str::from_utf8(text)
        .expect("transcoded text is UTF-8 and landmarks lie between characters")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, encoding: Encoding) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| {
                if encoding == Encoding::Utf16Be { unit.to_be_bytes() } else { unit.to_le_bytes() }
            })
            .collect()
    }

    #[test]
    fn sniffs_marks_and_patterns() {
        assert_eq!(sniff(b"\xef\xbb\xbfabc"), (Encoding::Bytes, 3));
        assert_eq!(sniff(b"\xff\xfea\0"), (Encoding::Utf16Le, 2));
        assert_eq!(sniff(b"\xfe\xff\0a"), (Encoding::Utf16Be, 2));
        let text = "aws_access_key_id = é\r\n".repeat(3);
        assert_eq!(sniff(&utf16(&text, Encoding::Utf16Le)), (Encoding::Utf16Le, 0));
        assert_eq!(sniff(&utf16(&text, Encoding::Utf16Be)), (Encoding::Utf16Be, 0));
        assert_eq!(
            sniff(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0"),
            (Encoding::Bytes, 0)
        );
        assert_eq!(sniff(b""), (Encoding::Bytes, 0));
    }

    #[test]
    fn utf_32_is_recognised_and_leads_back() {
        let text = "aws_access_key_id = é\n".repeat(3);
        let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        let little: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert_eq!(sniff(&[b"\xff\xfe\0\0", &little[..]].concat()), (Encoding::Utf32Le, 4));
        assert_eq!(sniff(&[b"\0\0\xfe\xff", &big[..]].concat()), (Encoding::Utf32Be, 4));
        for (bytes, encoding) in [(big, Encoding::Utf32Be), (little, Encoding::Utf32Le)] {
            assert_eq!(sniff(&bytes), (encoding, 0));
            let view = View::new(&bytes, 5, encoding);
            assert_eq!(view.text(), text.as_bytes());
            let at = text.rfind('=').unwrap();
            let before = text[..at].chars().count();
            assert_eq!(view.original(at), 5 + 4 * before as u64);
            assert_eq!(boundary(&bytes, 4 * before + 3, encoding), 4 * before);
        }
    }

    #[test]
    fn an_odd_byte_at_the_end_is_kept_as_a_replacement() {
        let view = View::new(b"a\0b\0c", 0, Encoding::Utf16Le);
        assert_eq!(view.text(), "ab\u{fffd}".as_bytes());
    }

    proptest! {
        #[test]
        fn utf16_maps_back_to_the_units(text in "\\PC{0,60}", big in any::<bool>(), base in 0u64..99) {
            let encoding = if big { Encoding::Utf16Be } else { Encoding::Utf16Le };
            let original = utf16(&text, encoding);
            let view = View::new(&original, base, encoding);
            prop_assert_eq!(view.text(), text.as_bytes());
            let mut expected = base;
            for (at, character) in text.char_indices() {
                prop_assert_eq!(view.original(at), expected);
                expected += 2 * character.len_utf16() as u64;
            }
            prop_assert_eq!(view.original(text.len()), expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_maps_are_monotone(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            le in any::<bool>(),
            cut in 0usize..300,
        ) {
            let encoding = if le { Encoding::Utf16Le } else { Encoding::Utf16Be };
            let view = View::new(&bytes, 0, encoding);
            let mut before = 0;
            for (at, _) in valid(view.text()).char_indices() {
                let original = view.original(at);
                prop_assert!(before <= original && original <= bytes.len() as u64 + 1);
                before = original;
            }
            let cut = boundary(&bytes, cut.min(bytes.len()), encoding);
            let range = view.text_range(0..cut);
            let part = View::new(&bytes[..cut], 0, encoding);
            prop_assert_eq!(&view.text()[range], part.text());
        }
    }

    /// What [`sniff`] promises of a head without a mark.
    fn sniffed_by_definition(head: &[u8]) -> Encoding {
        let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let nearly_all = |width: usize, place: usize| {
            let units = head.len() / width;
            let is_ascii = |unit: &&[u8]| {
                is_text(unit[place]) && (0..width).all(|other| other == place || unit[other] == 0)
            };
            units >= 8 && head.chunks_exact(width).filter(is_ascii).count() * 10 >= units * 9
        };
        let encodings = [
            (4, 0, Encoding::Utf32Le),
            (4, 3, Encoding::Utf32Be),
            (2, 0, Encoding::Utf16Le),
            (2, 1, Encoding::Utf16Be),
        ];
        let found = encodings.iter().find(|(width, place, _)| nearly_all(*width, *place));
        found.map_or(Encoding::Bytes, |(.., encoding)| *encoding)
    }

    proptest! {
        #[test]
        fn sniffs_as_is_defined(
            start in prop::collection::vec(0_u8..2, 0..4),
            unit in prop::sample::select(vec!["a\0", "\0a", "a\0\0\0", "\0\0\0a", "\0", "a"]),
            others in prop::collection::vec((0_usize..12, any::<u8>()), 0..140),
        ) {
            let mut head = start;
            for (odd, byte) in others {
                match odd {
                    0 => head.push(byte),
                    1 => head.extend_from_slice(&unit.as_bytes()[1..]),
                    _ => head.extend_from_slice(unit.as_bytes()),
                }
            }
            head.truncate(SNIFF_LEN);
            prop_assert_eq!(sniff_without_mark(&head), sniffed_by_definition(&head));
        }
    }

    #[test]
    fn halves_of_characters_are_kept_together_and_others_are_not() {
        let units = [0xd83d_u16, 0xde00, 0xde00, 0xd83d, 0xd83d, 0xde00];
        let window: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let cuts = [0, 2, 4, 6, 8, 10, 12].map(|at| boundary(&window, at, Encoding::Utf16Le));
        assert_eq!(cuts, [0, 0, 4, 6, 8, 8, 12]);
        let view = View::new(&window, 0, Encoding::Utf16Le);
        for cut in cuts {
            assert_eq!(view.original(view.text_range(0..cut).end), cut as u64);
        }
    }

    #[test]
    fn landmarks_are_used_beyond_the_first_step() {
        let text = "日本x😀".repeat(2000);
        let original = utf16(&text, Encoding::Utf16Le);
        let view = View::new(&original, 10, Encoding::Utf16Le);
        let at = text.match_indices('x').nth(1900).unwrap().0;
        let expected = 10 + 2 * text[..at].encode_utf16().count() as u64;
        assert_eq!(view.original(at), expected);
        assert_eq!(view.text_range(0..(expected - 10) as usize), 0..at);
    }
}
