//! The search for any number of literals, by a table that is asked about every second window of four bytes.

use std::collections::BTreeMap;

use super::commonness::{Commonness, Pattern};
use super::{Case, Hit, Literal};

/// Bytes of one window.
const WINDOW: usize = 4;
/// The distance between windows.
const STRIDE: usize = 2;
/// Windows whose indices are computed together.
const WINDOWS: usize = 64;
/// Bytes that [`WINDOWS`] windows cover.
const CHUNK: usize = (WINDOWS - 1) * STRIDE + WINDOW;
/// Windows whose table entries are tested together.
const BLOCK: usize = 4;
/// Number of different indices, see [`index`].
const SLOTS: usize = 1 << 16;
/// Sets the bit that tells ASCII letters of one case from the other, in four bytes at once.
const FOLD: u32 = 0x2020_2020;

/// All literals, by the windows in which they are looked for.
#[derive(Debug)]
pub(super) struct Windows {
    /// By index: 1 if some literal is looked for in windows of this index.
    wanted: Box<[u8; SLOTS]>,
    /// By index: where the windows of this index start in `windows`; one more entry says where the last ends.
    starts: Box<[u32]>,
    windows: Vec<Wanted>,
    members: Vec<Member>,
    words: Vec<Word>,
}

/// Four bytes that stand in some literals at the same distance from their start.
#[derive(Clone, Debug)]
struct Wanted {
    /// The bytes after [`FOLD`]; 0 where any byte will do.
    bytes: u32,
    /// Ones where a byte matters.
    mask: u32,
    /// How far the literals start before the window; -1 if the window starts one byte before them.
    distance: isize,
    /// The literals, as a range of `members`, sorted by their words.
    members: std::ops::Range<usize>,
}

/// A word that holds a [`Wanted`] window.
#[derive(Debug)]
struct Member {
    /// Index in `words`.
    word: usize,
    /// Index in `members` of the longest of the same window's words that starts this one.
    prefix: Option<usize>,
}

/// Literals that differ in case or owner alone.
#[derive(Debug)]
struct Word {
    lowercase: Box<[u8]>,
    /// Each owner, with the exact bytes if case matters.
    owners: Vec<(usize, Option<Box<[u8]>>)>,
}

impl Windows {
    /// Prepares literals that are sorted.
    pub(super) fn new(literals: &[(Literal<'_>, usize)]) -> Self {
        let mut by_lowercase: BTreeMap<Vec<u8>, Vec<_>> = BTreeMap::new();
        for (literal, owner) in literals {
            let exact = (literal.case == Case::Sensitive).then(|| Box::from(literal.bytes));
            by_lowercase
                .entry(literal.bytes.to_ascii_lowercase())
                .or_default()
                .push((*owner, exact));
        }
        let words: Vec<Word> = by_lowercase
            .into_iter()
            .map(|(lowercase, owners)| Word { lowercase: lowercase.into(), owners })
            .collect();

        let commonness = Commonness::new();
        let mut words_by_place: BTreeMap<(Pattern, isize), Vec<usize>> = BTreeMap::new();
        for (number, word) in words.iter().enumerate() {
            for place in rarest_places(&word.lowercase, &commonness) {
                words_by_place.entry(place).or_default().push(number);
            }
        }

        let mut members = Vec::new();
        let mut indexed = Vec::new();
        for ((pattern, distance), numbers) in words_by_place {
            let first = members.len();
            append_members(&mut members, &numbers, &words);
            let mask = pattern.map(|byte| if byte.is_some() { 0xff } else { 0 });
            let mask = u32::from_le_bytes(mask);
            let wanted = Wanted {
                bytes: (u32::from_le_bytes(pattern.map(Option::unwrap_or_default)) | FOLD) & mask,
                mask,
                distance,
                members: first..members.len(),
            };
            indexed.extend(indices(pattern).map(|index| (index, wanted.clone())));
        }
        indexed.sort_by_key(|(index, _)| *index);

        let mut wanted = Box::new([0; SLOTS]);
        for (index, _) in &indexed {
            wanted[usize::from(*index)] = 1;
        }
        let starts = (0..=SLOTS)
            .map(|slot| indexed.partition_point(|(index, _)| usize::from(*index) < slot) as u32)
            .collect();
        let windows = indexed.into_iter().map(|(_, window)| window).collect();
        Self { wanted, starts, windows, members, words }
    }

    /// See [`Prefilter::for_each_hit`](super::Prefilter::for_each_hit).
    pub(super) fn for_each_hit(&self, text: &[u8], mut hit: impl FnMut(Hit)) {
        let mut at = 0;
        while let Some(chunk) = text[at..].first_chunk() {
            self.search_chunk(text, at, chunk, &mut hit);
            at += WINDOWS * STRIDE;
        }
        let mut last = [0; CHUNK];
        last[..text.len() - at].copy_from_slice(&text[at..]);
        self.search_chunk(text, at, &last, &mut hit);
    }

    /// Looks at the windows of `chunk`, which are those of `text` at `at`, or zeros behind its end.
    fn search_chunk(&self, text: &[u8], at: usize, chunk: &[u8; CHUNK], hit: &mut impl FnMut(Hit)) {
        let indices = chunk_indices(chunk);
        let mut blocks = 0_u64;
        for (number, block) in indices.chunks_exact(BLOCK).enumerate() {
            let any = block.iter().fold(0, |any, index| any | self.wanted[usize::from(*index)]);
            blocks |= u64::from(any) << number;
        }
        while blocks != 0 {
            let first = blocks.trailing_zeros() as usize * BLOCK;
            blocks &= blocks - 1;
            for number in first..first + BLOCK {
                let index = usize::from(indices[number]);
                if self.wanted[index] != 0 {
                    let offset = number * STRIDE;
                    let mut bytes = [0; WINDOW];
                    bytes.copy_from_slice(&chunk[offset..offset + WINDOW]);
                    self.verify(text, at + offset, u32::from_le_bytes(bytes), index, hit);
                }
            }
        }
    }

    #[inline(never)]
    fn verify(&self, text: &[u8], at: usize, bytes: u32, index: usize, hit: &mut impl FnMut(Hit)) {
        let range = self.starts[index] as usize..self.starts[index + 1] as usize;
        for window in &self.windows[range] {
            if (bytes | FOLD) & window.mask == window.bytes
                && let Some(start) = at.checked_add_signed(-window.distance)
                && let Some(tail) = text.get(start..)
            {
                self.report(window, start, tail, hit);
            }
        }
    }

    /// Reports those of the window's literals that stand at `start`, where the text goes on with `tail`.
    ///
    /// All that do are prefixes of the greatest word that is not greater than `tail`, so only those are compared.
    fn report(&self, window: &Wanted, start: usize, tail: &[u8], hit: &mut impl FnMut(Hit)) {
        let members = &self.members[window.members.clone()];
        let above = members.partition_point(|member| {
            let word = self.words[member.word].lowercase.iter().copied();
            word.le(tail.iter().map(u8::to_ascii_lowercase))
        });
        let mut next = above.checked_sub(1);
        while let Some(number) = next {
            let word = &self.words[members[number].word];
            if let Some(found) = tail.get(..word.lowercase.len())
                && found.eq_ignore_ascii_case(&word.lowercase)
            {
                for (owner, exact) in &word.owners {
                    if exact.as_deref().is_none_or(|exact| exact == found) {
                        hit(Hit { owner: *owner, at: start });
                    }
                }
            }
            next = members[number].prefix;
        }
    }
}

/// The rarest window of a word at an even distance from its start, and that at an odd one: whatever offset the word
/// stands at in a text, one of them is looked at. A window may stick out of the word by one byte on either side.
fn rarest_places(word: &[u8], commonness: &Commonness) -> [(Pattern, isize); STRIDE] {
    [0, -1].map(|first| {
        let distances = (first..=word.len() as isize - 3).step_by(STRIDE);
        let places = distances.map(|distance| {
            let byte = |nth| word.get(distance.checked_add(nth)? as usize).copied();
            ([0, 1, 2, 3].map(byte), distance)
        });
        places
            .min_by(|(a, _), (b, _)| commonness.of(*a).total_cmp(&commonness.of(*b)))
            .expect("a word has at least three bytes")
    })
}

/// Appends the words of one window, given in ascending order.
fn append_members(members: &mut Vec<Member>, numbers: &[usize], words: &[Word]) {
    let first = members.len();
    for &word in numbers {
        let starts_this = |prefix: &usize| {
            let member: &Member = &members[first + prefix];
            words[word].lowercase.starts_with(&words[member.word].lowercase)
        };
        let before = (members.len() - first).checked_sub(1);
        let prefix =
            std::iter::successors(before, |at| members[first + at].prefix).find(starts_this);
        members.push(Member { word, prefix });
    }
}

/// The indices of windows that agree with `pattern`.
fn indices(pattern: Pattern) -> impl Iterator<Item = u16> {
    let choices = |byte: Option<u8>| byte.map_or(0..=7, |byte| byte..=byte);
    let [first, second, third, fourth] = pattern;
    let [second, third] = [second, third].map(|byte| byte.unwrap_or_default());
    choices(first).flat_map(move |first| {
        choices(fourth).map(move |fourth| {
            index(u16::from_le_bytes([first, second]), u16::from_le_bytes([third, fourth]))
        })
    })
}

/// The index of a window, given as two pairs with the earlier byte lowest: five bits of each byte in the middle, three
/// of each at the ends. Letters of both cases, and much else, fall together.
fn index(first: u16, second: u16) -> u16 {
    (first & 0x1f00) << 3 | (second & 0x001f) << 6 | (second & 0x0700) >> 5 | first & 0x0007
}

/// The indices of all windows of a chunk. Loops of this form become vector code.
fn chunk_indices(chunk: &[u8; CHUNK]) -> [u16; WINDOWS] {
    let mut pairs = [0; WINDOWS + 1];
    for (number, pair) in pairs.iter_mut().enumerate() {
        *pair = u16::from_le_bytes([chunk[number * 2], chunk[number * 2 + 1]]);
    }
    let mut indices = [0; WINDOWS];
    for (number, slot) in indices.iter_mut().enumerate() {
        *slot = index(pairs[number], pairs[number + 1]);
    }
    indices
}
