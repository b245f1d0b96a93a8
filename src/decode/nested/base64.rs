//! Base64, standard and URL-safe, with or without padding, wrapped over lines or not.

use std::ops::Range;

use super::map::{Map, Scale};
use super::{Decoded, gzip, is_plain, is_text};

/// Digits that are decoded on each side of a probe's hit, with the line ends between them, in bytes.
const REACH: usize = super::LONGEST;

/// The shortest line that a wrapped text is continued after.
const SHORTEST_LINE: usize = 32;

/// White space between two lines of a wrapped text, at most.
const JOINT: usize = 64;

/// Digits at the start of a run that decide whether it is text.
pub(super) const HEAD: usize = 24;

/// What ends a line, as it stands or escaped; each before what it ends with.
const NEWLINES: [&[u8]; 10] = [
    b"\r\n",
    b"\n",
    b"\\r\\n",
    b"\\n",
    b"%0D%0A",
    b"%0A",
    b"\\u000D\\u000A",
    b"\\u000A",
    b"\\u000d\\u000a",
    b"\\u000a",
];

/// The value of each base64 digit, whichever of the two alphabets it is from; [`NONE`] for what is no digit.
static SEXTETS: [u8; 256] = {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        table[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// More than six bits have.
const NONE: u8 = 0x80;

fn sextet(digit: u8) -> Option<u8> {
    let value = SEXTETS[usize::from(digit)];
    (value != NONE).then_some(value)
}

/// Whether the digits at the start of `run` stand for text or for gzip.
pub(super) fn starts_well(run: &[u8]) -> bool {
    let mut head = [0; HEAD / 4 * 3];
    let mut len = 0;
    for four in run[..run.len().min(HEAD)].as_chunks().0 {
        let Some(bits) = bits(*four) else { break };
        let three = &bits.to_be_bytes()[1..];
        // Most runs are names or digests, and told from text by their first digits.
        if !three.iter().all(|byte| *byte == 0 || is_plain(*byte)) {
            return len == 0 && three == gzip::MAGIC;
        }
        head[len..len + 3].copy_from_slice(three);
        len += 3;
    }
    is_text(&head[..len])
}

/// What four digits stand for, three bytes.
fn bits([first, second, third, fourth]: [u8; 4]) -> Option<u32> {
    let value = |digit| u32::from(SEXTETS[usize::from(digit)]);
    let (first, second, third, fourth) = (value(first), value(second), value(third), value(fourth));
    // Digits are as good as random: a branch for each would be guessed wrong half of the time.
    let are_digits = (first | second | third | fourth) < u32::from(NONE);
    are_digits.then_some(first << 18 | second << 12 | third << 6 | fourth)
}

/// How much of a text in base64 is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it, or nothing if it is too long.
    Whole,
    /// As much as stands around the hit.
    Around,
}

/// Decodes the digits around `at`, which starts a group of four. Also says how far they have been looked at.
pub(super) fn decode(text: &[u8], at: usize, extent: Extent) -> (Option<Decoded>, usize) {
    let lines = Lines::around(text, at);
    let until = lines.after.last().map_or(at, |line| line.end);
    let is_cut = until >= at + REACH || lines.start() + REACH <= at;
    if is_cut && extent == Extent::Whole {
        return (None, until);
    }
    (Some(lines.decode(text, at)), until)
}

/// The lines of digits around a place.
struct Lines {
    /// Those before it and the start of its own, the nearest first.
    before: Vec<Range<usize>>,
    /// The rest of its own and those after it.
    after: Vec<Range<usize>>,
}

impl Lines {
    fn around(text: &[u8], at: usize) -> Self {
        let low = at.saturating_sub(REACH);
        let high = text.len().min(at + REACH);
        let start = run_start(text, at, low);
        let own = start..run_end(text, at, at, high);
        let mut lines = Self { before: Vec::new(), after: Vec::new() };
        lines.before.push(start..at);
        lines.after.push(at..own.end);
        let (mut last, width) = (own.clone(), own.len());
        let mut digits = last.end - at;
        while last.len() == width && width >= SHORTEST_LINE {
            let Some(next) = joint_after(text, last.end) else { break };
            let end = run_end(text, next, next + (4 - digits % 4) % 4, high);
            if end == next || end - next > width || !ends_line(text, end) {
                break;
            }
            last = next..end;
            digits += last.len();
            lines.after.push(last.clone());
        }
        let (mut first, mut width) = (own, None);
        while let Some(end) = joint_before(text, first.start).filter(|end| *end > low) {
            let start = run_start(text, end, low);
            let line = start..end;
            let fits = width.map_or(line.len() >= first.len(), |width| line.len() == width);
            if !fits || line.len() < SHORTEST_LINE {
                break;
            }
            width = Some(line.len());
            lines.before.push(line.clone());
            first = line;
        }
        lines
    }

    fn start(&self) -> usize {
        self.before.last().map_or(0, |line| line.start)
    }

    fn decode(&self, text: &[u8], at: usize) -> Decoded {
        let before: usize = self.before.iter().map(ExactSizeIterator::len).sum();
        let mut skip = before % 4;
        let mut digits = Digits::default();
        for line in self.before.iter().rev().chain(&self.after) {
            let from = line.start + skip.min(line.len());
            skip -= from - line.start;
            digits.line(text, from..line.end);
        }
        let end = digits.finish();
        let Some(start) = digits.first else {
            return Decoded { range: at..at, text: Vec::new(), map: Map::default() };
        };
        // What fills up the last group belongs to it.
        let padding = text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        Decoded { range: start..end + padding, text: digits.text, map: digits.map }
    }
}

/// Turns lines of digits into bytes.
#[derive(Default)]
struct Digits {
    text: Vec<u8>,
    map: Map,
    /// Digits of a group that the lines so far have not filled, with their places.
    pending: Vec<(usize, u8)>,
    first: Option<usize>,
    end: usize,
}

impl Digits {
    fn line(&mut self, text: &[u8], line: Range<usize>) {
        if line.is_empty() {
            return;
        }
        self.first.get_or_insert(line.start);
        self.end = line.end;
        let mut at = line.start;
        while !self.pending.is_empty() && at < line.end {
            self.digit(at, text[at]);
            at += 1;
        }
        let whole = (line.end - at) / 4 * 4;
        let before = self.text.len();
        self.text.resize(before + whole / 4 * 3, 0);
        let groups = text[at..at + whole].as_chunks().0.iter();
        for (three, four) in self.text[before..].as_chunks_mut::<3>().0.iter_mut().zip(groups) {
            [_, three[0], three[1], three[2]] = bits(*four).unwrap_or_default().to_be_bytes();
        }
        self.map.push(at, self.text.len() - before, Scale::Sextets);
        for (at, digit) in (at + whole..line.end).zip(&text[at + whole..]) {
            self.digit(at, *digit);
        }
    }

    fn digit(&mut self, at: usize, digit: u8) {
        self.pending.push((at, sextet(digit).unwrap_or_default()));
        if self.pending.len() == 4 {
            self.flush();
        }
    }

    /// Bytes of a group whose digits may stand apart.
    fn flush(&mut self) {
        for (two, shift) in self.pending.windows(2).zip([2, 4, 6]) {
            let (high, low) = (u16::from(two[0].1), u16::from(two[1].1));
            self.text.push((high << shift | low >> (6 - shift)) as u8);
            self.map.push(two[0].0, 1, Scale::Whole(two[1].0 + 1 - two[0].0));
        }
        self.pending.clear();
    }

    fn finish(&mut self) -> usize {
        self.flush();
        self.end
    }
}

/// What the signs of the URL-safe alphabet may stand for to be digits: names have them as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Ascii,
    Any,
}

/// Whether the byte at `at` is a sign of the URL-safe alphabet that is a digit; a group starts at `group`, or at a
/// multiple of four digits from it.
fn is_sign_of_text(text: &[u8], at: usize, group: usize, script: Script) -> bool {
    if !matches!(text[at], b'-' | b'_') {
        return false;
    }
    let back = if at < group { (group - at).wrapping_neg() % 4 } else { (at - group) % 4 };
    at.checked_sub(back).is_some_and(|start| match script {
        Script::Ascii => stands_for_ascii(text, start),
        Script::Any => stands_for_text(text, start),
    })
}

fn stands_for_ascii(text: &[u8], start: usize) -> bool {
    let is_text = |byte: &u8| (b' '..0x7f).contains(byte) || b"\t\n\r".contains(byte);
    let bits = text[start..].first_chunk().and_then(|four| bits(*four));
    bits.is_some_and(|bits| bits.to_be_bytes()[1..].iter().all(is_text))
}

/// Whether the group of digits at `start` stands for text, beside what the groups next to it stand for: a character
/// beyond ASCII lies in two of them.
fn stands_for_text(text: &[u8], start: usize) -> bool {
    let digits_from = |from: usize| {
        let digits = text[from..].iter().take(start + 8 - from).map_while(|digit| sextet(*digit));
        digits.collect::<Vec<u8>>()
    };
    let with_group_before = start.checked_sub(4).map(digits_from).filter(|digits| digits.len() > 4);
    let own = if with_group_before.is_some() { 3 } else { 0 };
    let bytes = bytes(&with_group_before.unwrap_or_else(|| digits_from(start)));
    let is_text = |from: usize| {
        let first = bytes[from..].utf8_chunks().next();
        let Some((valid, invalid)) = first.map(|chunk| (chunk.valid(), chunk.invalid())) else {
            return false;
        };
        let is_known = from + valid.len() >= own + 3;
        // The rest of a last character is not at hand.
        let is_cut = from + valid.len() + invalid.len() == bytes.len();
        let is_control = |char: char| char.is_control() && !"\t\n\r".contains(char);
        (is_known || is_cut) && !valid.contains(is_control)
    };
    // The first bytes may be the end of a character, or none of the text.
    let rest = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    bytes.len() >= own + 3 && (is_text(rest) || is_text(own))
}

/// What digits stand for, without the bits that make no byte.
fn bytes(digits: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut bits, mut count) = (0u16, 0);
    for digit in digits {
        bits = bits << 6 | u16::from(*digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Where the run ends that goes on at `from`; a group starts at `group`, or at a multiple of four digits from it.
fn run_end(text: &[u8], from: usize, group: usize, high: usize) -> usize {
    let mut at = from;
    while at < high {
        at += text[at..high].iter().take_while(|byte| super::is_digit64(**byte)).count();
        if at == high || !is_sign_of_text(text, at, group, Script::Any) {
            return at;
        }
        at += 1;
    }
    at
}

/// Where the run starts that goes on to `end`, where a group starts.
fn run_start(text: &[u8], end: usize, low: usize) -> usize {
    let start = |script| {
        let mut start = end;
        while start > low {
            let digits = text[low..start].iter().rev().take_while(|byte| super::is_digit64(**byte));
            start -= digits.count();
            if start == low || !is_sign_of_text(text, start - 1, end, script) {
                break;
            }
            start -= 1;
        }
        after_escape(text, start..end)
    };
    // A name before the digits seldom has the length that makes groups of it.
    let furthest = start(Script::Any);
    if (end - furthest).is_multiple_of(4) { furthest } else { start(Script::Ascii) }
}

/// Where a run starts: the end of an escape is none of the digits.
fn after_escape(text: &[u8], run: Range<usize>) -> usize {
    let start = run.start;
    match (start.checked_sub(1).map(|at| text[at]), &text[run]) {
        (Some(b'\\'), [b'n' | b'r' | b't', ..]) => start + 1,
        (Some(b'\\'), [b'u', b'0', b'0', b'0', b'A' | b'a' | b'D' | b'd', ..]) => start + 5,
        (Some(b'%'), [b'0', b'A', ..]) => start + 2,
        _ => start,
    }
}

/// Where the next line starts, if a line ends at `end`.
fn joint_after(text: &[u8], end: usize) -> Option<usize> {
    let rest = &text[end..];
    let newline = NEWLINES.iter().find(|newline| rest.starts_with(newline))?.len();
    let indent = rest[newline..].iter().take(JOINT).take_while(|byte| **byte == b' ').count();
    Some(end + newline + indent)
}

/// Where the line before ends, if a line starts at `start`.
fn joint_before(text: &[u8], start: usize) -> Option<usize> {
    let spaces = text[..start].iter().rev().take(JOINT).take_while(|byte| **byte == b' ').count();
    let before = &text[..start - spaces];
    NEWLINES.iter().find_map(|newline| before.strip_suffix(*newline)).map(<[u8]>::len)
}

/// A line of digits holds nothing else: `AWS_SECRET: ` is none.
fn ends_line(text: &[u8], end: usize) -> bool {
    text.get(end).is_none_or(|byte| b"\r\n=\\\"'<`,%&".contains(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for three in bytes.chunks(3) {
            let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - three.len()));
            for place in 0..=three.len() {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]));
            }
            text.extend(std::iter::repeat_n('=', 3 - three.len()));
        }
        text
    }

    #[test]
    fn heads_of_text_and_of_other_things() {
        assert!(starts_well(encode(b"[default]\naws_access_key").as_bytes()));
        assert!(starts_well(encode(b"\x1f\x8b\x08\0\0\0\0\0\0\0\0\0\0\0").as_bytes()));
        assert!(!starts_well(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"));
        assert!(!starts_well(b"da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert!(!starts_well(b"DescribeReservedInstancesOfferingsRequest"));
    }

    #[test]
    fn names_are_not_digits() {
        let text = format!("data_{}-x", encode(b"some text of thirty characters"));
        let (decoded, _) = decode(text.as_bytes(), 5, Extent::Whole);
        assert_eq!(decoded.unwrap().text, b"some text of thirty characters");
    }

    #[test]
    fn digits_of_urls_stand_for_text_in_any_script() {
        for text in ["?a — b?\n>ÿ", "„ä“ 'ö' …", "日本語>?", "🔑🗝~~?", "— — — —"]
        {
            for shift in ["", "x", "xy"] {
                let text = format!("some text to begin with {shift}{text}{text}{text}");
                let url = encode(text.as_bytes()).replace('+', "-").replace('/', "_");
                let url = url.trim_end_matches('=');
                for at in [0, url.len() / 8 * 4] {
                    let (decoded, _) = decode(url.as_bytes(), at, Extent::Whole);
                    let decoded = decoded.unwrap();
                    assert_eq!(String::from_utf8_lossy(&decoded.text), text, "from {at}");
                }
            }
        }
    }

    #[test]
    fn nothing_comes_of_what_is_no_digit() {
        let (decoded, _) = decode(b"x: [FLSU", 3, Extent::Around);
        assert_eq!(decoded.unwrap().range, 3..3);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            bytes in prop::collection::vec(any::<u8>(), 1..400),
            width in 32usize..80,
            at in any::<prop::sample::Index>(),
            newline in prop_oneof![Just("\n"), Just("\r\n"), Just("\n    "), Just("\\n"), Just("\\u000A")],
        ) {
            let encoded = encode(&bytes);
            let lines: Vec<&str> = encoded
                .as_bytes()
                .chunks(width)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            let text = format!("x: {}\n", lines.join(newline));
            let group = at.index(bytes.len().div_ceil(3)) * 4;
            let place = 3 + group + group / width * newline.len();
            let (decoded, _) = decode(text.as_bytes(), place, Extent::Whole);
            let decoded = decoded.unwrap();
            prop_assert_eq!(&decoded.text, &bytes);
            let digits = encoded.trim_end_matches('=');
            for at in 0..bytes.len() {
                let source = decoded.map.source(&(at..at + 1)).range;
                let first = digits.as_bytes()[at * 4 / 3];
                let last = digits.as_bytes()[(at * 4).div_ceil(3).max(at * 4 / 3 + 1)];
                prop_assert_eq!(text.as_bytes()[source.start], first);
                prop_assert_eq!(text.as_bytes()[source.end - 1], last);
            }
        }
    }
}
