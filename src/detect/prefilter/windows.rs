//! The search for any number of literals, by a table that is asked about every second, third or fourth window of four
//! bytes.
//!
//! A literal of `n` bytes covers windows at `n - 1` distances from its start, counting those that stick out of it by one
//! byte on either side. Windows that lie `n - 1` bytes or less apart in a text therefore hold one of them, and of those
//! that may be the one, the rarest is looked for. Sixteen bits of a window, the same for both cases of a letter, index
//! a table of bytes; what is wanted there goes through two finer looks before words are compared ([`Windows::sift`]).

use std::collections::BTreeMap;
use std::ops::Range;

use super::commonness::{Commonness, Pattern};
use super::sieve::Sieve;
use super::{Case, Hit, Literal};

/// Bytes of one window.
const WINDOW: usize = 4;
/// Windows whose table entries are tested together.
pub(super) const BLOCK: usize = 8;
/// Blocks that are tested before those with a wanted window are looked at again.
pub(super) const BLOCKS: usize = 64;
/// Bytes that the windows of one block cover at most.
const REACH: usize = (BLOCK - 1) * MAX_STRIDE + WINDOW;
/// The largest distance between windows.
const MAX_STRIDE: usize = 4;
/// Number of different indices, see [`index`].
const SLOTS: usize = 1 << 16;
/// Bytes before a window that are compared with it, so that nearly everything else than a hit falls out.
const BEFORE: usize = 2;
/// Sets the bit that tells ASCII letters of one case from the other, in eight bytes at once.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// All literals, by the windows in which they are looked for.
#[derive(Debug)]
pub(super) struct Windows {
    /// The distance between windows: the largest at which no literal slips through.
    stride: usize,
    /// By index: 1 if some word is looked for in windows of this index.
    wanted: Box<[u8; SLOTS]>,
    /// By index: which of `slots` it is, if it is wanted.
    slot_of_index: Box<[u16; SLOTS]>,
    slots: Vec<Slot>,
    places: Vec<Place>,
    members: Vec<Member>,
    words: Vec<Word>,
}

/// An index that is wanted.
#[derive(Debug)]
struct Slot {
    /// What stands around the window in all words that are looked for there.
    around: Around,
    /// As a range of `places`.
    places: Range<u32>,
}

/// Where in some words a window lies.
#[derive(Clone, Debug)]
struct Place {
    /// What stands around the window in all of the words.
    around: Around,
    /// How far the words start before the window; -1 if the window starts one byte before them.
    distance: isize,
    /// The words, as a range of `members`, sorted.
    members: Range<u32>,
}

/// The bytes around a window, as far as they are known.
#[derive(Clone, Copy, Debug)]
struct Around {
    /// A [`context`] after [`FOLD`]; 0 where any byte will do.
    bytes: u64,
    /// Ones where a byte matters.
    mask: u64,
}

impl Around {
    fn agrees(self, context: u64) -> bool {
        (context | FOLD) & self.mask == self.bytes
    }

    /// What is known of both.
    fn common(self, other: Self) -> Self {
        let differ = (self.bytes ^ other.bytes).to_le_bytes();
        let same = u64::from_le_bytes(differ.map(|byte| if byte == 0 { 0xff } else { 0 }));
        let mask = self.mask & other.mask & same;
        Self { bytes: self.bytes & mask, mask }
    }
}

/// A word that is found by a [`Place`].
#[derive(Debug)]
struct Member {
    /// Index in `words`.
    word: usize,
    /// Index in `members` of the longest of the same place's words that starts this one.
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
        let words = words(literals);
        let shortest = words.iter().map(|word| word.lowercase.len()).min();
        let stride = shortest.map_or(MAX_STRIDE, |len| (len - 1).min(MAX_STRIDE));

        let commonness = Commonness::new();
        let mut words_by_place: BTreeMap<(Pattern, isize), Vec<usize>> = BTreeMap::new();
        for (number, word) in words.iter().enumerate() {
            for place in rarest_places(&word.lowercase, stride, &commonness) {
                words_by_place.entry(place).or_default().push(number);
            }
        }

        let mut members = Vec::new();
        let mut places_by_index: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
        for ((pattern, distance), numbers) in words_by_place {
            let first = members.len() as u32;
            append_members(&mut members, &numbers, &words);
            let around = numbers.iter().map(|&number| around(&words[number].lowercase, distance));
            let around = around.reduce(Around::common).expect("a place has a word");
            let place = Place { around, distance, members: first..members.len() as u32 };
            for index in indices(pattern) {
                places_by_index.entry(index).or_default().push(place.clone());
            }
        }

        let mut wanted = vec![0; SLOTS];
        let mut slot_of_index = vec![0; SLOTS];
        let mut slots = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        for (index, here) in places_by_index {
            wanted[index] = 1;
            slot_of_index[index] = slots.len() as u16;
            let around = here.iter().map(|place| place.around);
            let around = around.reduce(Around::common).expect("a slot has a place");
            let first = places.len() as u32;
            places.extend(here);
            slots.push(Slot { around, places: first..places.len() as u32 });
        }
        let why = "the table has one entry for each index";
        let wanted = wanted.into_boxed_slice().try_into().expect(why);
        let slot_of_index = slot_of_index.into_boxed_slice().try_into().expect(why);
        Self { stride, wanted, slot_of_index, slots, places, members, words }
    }

    /// See [`Prefilter::for_each_hit`](super::Prefilter::for_each_hit).
    pub(super) fn for_each_hit(&self, text: &[u8], hit: impl FnMut(Hit)) {
        match self.stride {
            2 => self.search::<2>(text, hit),
            3 => self.search::<3>(text, hit),
            _ => self.search::<MAX_STRIDE>(text, hit),
        }
    }

    fn search<const STRIDE: usize>(&self, text: &[u8], mut hit: impl FnMut(Hit)) {
        let mut sieve = Sieve::new();
        let mut at = 0;
        while text.len() - at >= REACH {
            let covered = self.sift::<STRIDE>(text, at, &text[at..], &mut sieve);
            self.report_likely(text, at, &sieve, &mut hit);
            at += covered;
        }
        let mut last = [0; 2 * REACH];
        last[..text.len() - at].copy_from_slice(&text[at..]);
        self.sift::<STRIDE>(text, at, &last, &mut sieve);
        self.report_likely(text, at, &sieve, &mut hit);
    }

    /// Looks at up to [`BLOCKS`] blocks of `area`, which is `text` from `at` on, or zeros behind its end. Returns how
    /// many bytes need not be looked at again.
    ///
    /// Three loops without a branch that depends on the text, each over what the one before it has left.
    fn sift<const STRIDE: usize>(
        &self,
        text: &[u8],
        at: usize,
        area: &[u8],
        sieve: &mut Sieve,
    ) -> usize {
        sieve.clear();
        let mut covered = 0;
        for _ in 0..BLOCKS {
            let Some(block) = area.get(covered..).and_then(<[u8]>::first_chunk) else { break };
            let indices = indices_of_block::<STRIDE>(block).into_iter().rev();
            let wanted = indices.fold(0, |bits, index| bits << 1 | self.wanted[index]);
            sieve.push_block(covered, wanted);
            covered += BLOCK * STRIDE;
        }
        for (block, mask) in sieve.hot.iter().zip(sieve.masks) {
            // Few blocks hold more than two, so these branches are predicted.
            let nth = |mask: u8| block + mask.trailing_zeros() as usize * STRIDE;
            sieve.wanted.push_if(true, nth(mask));
            let mut rest = mask & (mask - 1);
            sieve.wanted.push_if(rest != 0, nth(rest));
            rest &= rest.wrapping_sub(1);
            while rest != 0 {
                sieve.wanted.push_if(true, nth(rest));
                rest &= rest - 1;
            }
        }
        for offset in sieve.wanted.iter() {
            let context = context(text, at + offset);
            let likely = self.slot(context).around.agrees(context);
            sieve.likely.push_if(likely, offset);
        }
        covered
    }

    fn report_likely(&self, text: &[u8], at: usize, sieve: &Sieve, hit: &mut impl FnMut(Hit)) {
        for offset in sieve.likely.iter() {
            let context = context(text, at + offset);
            let places = self.slot(context).places.clone();
            for place in &self.places[places.start as usize..places.end as usize] {
                if place.around.agrees(context) {
                    self.report(place, text, at + offset, hit);
                }
            }
        }
    }

    /// The slot of the window inside a context, if it is wanted.
    fn slot(&self, context: u64) -> &Slot {
        let index = index((context >> (8 * BEFORE)) as u32);
        &self.slots[usize::from(self.slot_of_index[index])]
    }

    /// Reports those of the place's words that stand around the window at `at`.
    ///
    /// All that do are prefixes of the greatest word that is not greater than the text from their start on, so only
    /// those are compared.
    fn report(&self, place: &Place, text: &[u8], at: usize, hit: &mut impl FnMut(Hit)) {
        let Some(start) = at.checked_add_signed(-place.distance) else { return };
        let Some(tail) = text.get(start..) else { return };
        let members = &self.members[place.members.start as usize..place.members.end as usize];
        let above = match members {
            [_] => 1,
            _ => members.partition_point(|member| {
                let word = self.words[member.word].lowercase.iter().copied();
                word.le(tail.iter().map(u8::to_ascii_lowercase))
            }),
        };
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

/// The literals, those that fold to the same lower case together, in ascending order.
fn words(literals: &[(Literal<'_>, usize)]) -> Vec<Word> {
    let mut by_lowercase: BTreeMap<Vec<u8>, Vec<_>> = BTreeMap::new();
    for (literal, owner) in literals {
        let exact = (literal.case == Case::Sensitive).then(|| Box::from(literal.bytes));
        by_lowercase.entry(literal.bytes.to_ascii_lowercase()).or_default().push((*owner, exact));
    }
    let words = by_lowercase.into_iter();
    words.map(|(lowercase, owners)| Word { lowercase: lowercase.into(), owners }).collect()
}

/// The rarest windows of a word, one for each remainder of its distance from the word's start by `stride`: whatever
/// offset the word stands at in a text, one of them is looked at. A window may stick out of the word by one byte on
/// either side, so a word of `len` bytes has `len - 1` windows.
fn rarest_places(
    word: &[u8],
    stride: usize,
    commonness: &Commonness,
) -> impl Iterator<Item = (Pattern, isize)> {
    (0..stride).map(move |first| {
        let places = (first..word.len() - 1).step_by(stride).map(|after| {
            let byte = |nth: usize| word.get((after + nth).checked_sub(1)?).copied();
            ([0, 1, 2, 3].map(byte), after.cast_signed() - 1)
        });
        places
            .min_by(|(a, _), (b, _)| commonness.of(*a).total_cmp(&commonness.of(*b)))
            .expect("the stride is smaller than the shortest word")
    })
}

/// What a word says about the context of a window that lies at `distance` in it.
fn around(word: &[u8], distance: isize) -> Around {
    let byte = |nth: usize| {
        let offset = nth.checked_add_signed(distance)?.checked_sub(BEFORE)?;
        word.get(offset).copied()
    };
    let known = [0, 1, 2, 3, 4, 5, 6, 7].map(byte);
    let mask = u64::from_le_bytes(known.map(|byte| byte.map_or(0, |_| 0xff)));
    let bytes = u64::from_le_bytes(known.map(Option::unwrap_or_default));
    Around { bytes: (bytes | FOLD) & mask, mask }
}

/// Appends the words of one place, given in ascending order.
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
fn indices(pattern: Pattern) -> impl Iterator<Item = usize> {
    let [first, second, third, fourth] = pattern;
    let middle = [second, third].map(Option::unwrap_or_default);
    let choices = |byte: Option<u8>| byte.map_or(0..=u8::MAX, |byte| byte..=byte);
    let mut indices: Vec<usize> = choices(first)
        .flat_map(|first| choices(fourth).map(move |fourth| (first, fourth)))
        .map(|(first, fourth)| index(u32::from_le_bytes([first, middle[0], middle[1], fourth])))
        .collect();
    indices.sort_unstable();
    indices.dedup();
    indices.into_iter()
}

/// The index of a window, given with its first byte lowest: the three low bits of its first byte, the five low bits of
/// the two in the middle, and bits 2 to 4 of the last. Letters of both cases, and much else, fall together.
///
/// The bits are chosen so that one shift brings them together: the gaps that the first two bytes leave among the low
/// 16 bits have the size of what is taken from the others.
fn index(window: u32) -> usize {
    let bits = window & 0x1c1f_1f07;
    usize::from((bits | bits >> 13) as u16)
}

fn indices_of_block<const STRIDE: usize>(block: &[u8; REACH]) -> [usize; BLOCK] {
    std::array::from_fn(|number| {
        let at = number * STRIDE;
        index(u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]))
    })
}

/// The window at `at` with [`BEFORE`] bytes before it and two behind it, the first byte lowest; zeros stand for what
/// lies outside the text.
fn context(text: &[u8], at: usize) -> u64 {
    let whole = at.checked_sub(BEFORE).and_then(|from| text.get(from..)?.first_chunk());
    u64::from_le_bytes(whole.copied().unwrap_or_else(|| {
        let byte = |nth: usize| text.get((at + nth).checked_sub(BEFORE)?).copied();
        std::array::from_fn(|nth| byte(nth).unwrap_or_default())
    }))
}
