//! How much of a secret anyone may see, in every format, snippets included.
//!
//! Nothing else in `report` reads a credential's bytes or a scanned line. A value shows enough to find it again in a
//! console or a password store and no more: a key ID its prefix and last four characters, anything else its last four,
//! a value under twenty characters nothing. In a line, every piece of a reported credential is covered wherever it
//! turns up, whole or cut, and so is what merely looks like a key: the neighbour of a finding may be a leak that its
//! confidence kept out of the report.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::Secrets;
use super::escape;
use crate::model::finding::{Finding, Part, PartKind};
use crate::model::secret::Secret;

/// Values longer than this are shortened to a fixed number of stars.
pub(super) const LONGEST_IN_FULL: usize = 64;

/// The stars that stand for the hidden part of such a value.
pub(super) const STARS: usize = 16;

/// The characters shown at the end of a value.
pub(super) const TAIL: usize = 4;

/// Shorter values show nothing: four characters would be too much of them.
const SHORTEST_SHOWN: usize = 20;

/// At the start of a file it belongs to the encoding, not to the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Pieces of a credential as short as this are covered where they turn up in a line.
const PIECE: usize = 8;

/// How much of a credential's start and end is recognised by its pieces, in bytes: more than a line shows of it.
/// Pieces take eight times the room of what they are pieces of, and session tokens have up to 64 KiB.
const RECOGNISED: usize = 1024;

/// Decides what a reader sees of credentials and of the text around them.
pub struct Redactor {
    secrets: Secrets,
    /// Every piece of [`PIECE`] bytes of every credential of the report, sorted.
    pieces: Vec<[u8; PIECE]>,
}

impl Redactor {
    /// A redactor for reports in which these findings occur, or lines that they may stand in.
    pub fn new<'f>(secrets: Secrets, findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut pieces: Vec<[u8; PIECE]> = match secrets {
            Secrets::Shown => Vec::new(),
            Secrets::Redacted => findings
                .into_iter()
                .flat_map(|finding| &finding.parts)
                // A log can hold one token thousands of times.
                .flat_map(|part| std::iter::once(&part.value).chain(&part.raw))
                .collect::<BTreeSet<&Secret>>()
                .into_iter()
                .flat_map(|value| ends_of(value.expose()))
                .flat_map(pieces_of)
                .map(|(_, piece)| piece)
                .collect(),
        };
        pieces.sort_unstable();
        pieces.dedup();
        Self { secrets, pieces }
    }

    /// Whether credentials are shown in full.
    pub(super) fn secrets(&self) -> Secrets {
        self.secrets
    }

    /// A credential part for a reader. Redacted, it has as many characters as the value where that has at most 64, and
    /// 16 stars and the last four characters otherwise. Bytes that are no UTF-8 come out as U+FFFD.
    pub fn value(&self, kind: PartKind, value: &Secret) -> String {
        let text = String::from_utf8_lossy(value.expose());
        if self.secrets == Secrets::Shown {
            return text.into_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        let (head, tail) = shown_ends(kind, characters.len());
        let hidden = characters.len() - head - tail;
        let stars = if characters.len() <= LONGEST_IN_FULL { hidden } else { STARS };
        let mut shown: String = characters[..head].iter().collect();
        shown.extend(std::iter::repeat_n('*', stars));
        shown.extend(&characters[head + hidden..]);
        shown
    }

    /// Evidence and notes for a reader: they are not meant to hold credentials, and this makes sure of it. They quote
    /// scanned text, so what merely looks like a key is covered as in a line.
    pub fn words<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.secrets == Secrets::Shown {
            return Cow::Borrowed(text);
        }
        let mut cover = vec![false; text.len()];
        self.cover_pieces(text.as_bytes(), &mut cover);
        cover_lookalikes(text.as_bytes(), &mut cover);
        if !cover.contains(&true) {
            return Cow::Borrowed(text);
        }
        let covered =
            text.char_indices().map(|(at, character)| if cover[at] { '*' } else { character });
        Cow::Owned(covered.collect())
    }

    /// The line that `lead` stands in, with `lead` and `others` shown as far as they may be and all else that could be
    /// a credential covered. `others` are parts that [share the line](shares_line).
    pub(super) fn line(&self, lead: &Part, others: &[&Part]) -> Line {
        let text = lead.excerpt.expose();
        let characters = decode(lead);
        let mut places = vec![lead_place(lead, &characters)];
        places.extend(
            others.iter().map(|other| place_beside(lead, &characters, other).unwrap_or(0..0)),
        );
        if self.secrets == Secrets::Shown {
            let glyphs = characters.into_iter().map(|(_, character)| Glyph::Plain(character));
            return Line { glyphs: glyphs.collect(), places };
        }
        let mut cover = vec![false; text.len()];
        cover[lead.excerpt.part()].fill(true);
        for place in &places {
            cover[bytes_of(place, &characters, text.len())].fill(true);
        }
        self.cover_pieces(text, &mut cover);
        cover_lookalikes(text, &mut cover);

        let mut glyphs: Vec<Glyph> = characters
            .iter()
            .map(|&(at, character)| {
                if cover[at] {
                    Glyph::Masked { columns: escape::columns(character) }
                } else {
                    Glyph::Plain(character)
                }
            })
            .collect();
        for (part, place) in std::iter::once(&lead).chain(others).zip(&places) {
            uncover_ends(part, place, &characters, &mut glyphs);
        }
        Line { glyphs, places }
    }

    fn cover_pieces(&self, text: &[u8], cover: &mut [bool]) {
        if self.pieces.is_empty() {
            return;
        }
        for (at, piece) in pieces_of(text) {
            if self.pieces.binary_search(&piece).is_ok() {
                cover[at..at + PIECE].fill(true);
            }
        }
    }
}

/// A credential whole, or its start and its end.
fn ends_of(value: &[u8]) -> [&[u8]; 2] {
    if value.len() <= 2 * RECOGNISED {
        return [value, &[]];
    }
    [&value[..RECOGNISED], &value[value.len() - RECOGNISED..]]
}

/// Every piece of [`PIECE`] bytes of a text, with its offset.
fn pieces_of(text: &[u8]) -> impl Iterator<Item = (usize, [u8; PIECE])> {
    text.windows(PIECE)
        .map(|window| window.try_into().expect("a window has the length asked for"))
        .enumerate()
}

/// A source line as a reader may see it. Glyphs stand for code points, one for one, so that columns still count.
pub(super) struct Line {
    /// The line's characters.
    pub(super) glyphs: Vec<Glyph>,
    /// Where the lead and the other parts lie, as ranges of `glyphs`.
    pub(super) places: Vec<Range<usize>>,
}

/// One character of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    /// Shown. Scanned text: to be escaped on its way to a terminal.
    Plain(char),
    /// Covered by stars, as many as the character would take columns.
    Masked {
        /// Columns on a terminal.
        columns: usize,
    },
}

/// Whether `other` lies on the same line as `lead`, within the text that is known of that line.
pub(super) fn shares_line(lead: &Part, other: &Part) -> bool {
    place_beside(lead, &decode(lead), other).is_some()
}

/// Characters shown at the start and at the end of a value.
fn shown_ends(kind: PartKind, characters: usize) -> (usize, usize) {
    match kind {
        _ if characters < SHORTEST_SHOWN => (0, 0),
        PartKind::AccessKeyId => (4, TAIL),
        PartKind::SecretAccessKey | PartKind::SessionToken | PartKind::Token => (0, TAIL),
    }
}

/// The characters of a part's line with the offset of each: a sequence that is no UTF-8 is one U+FFFD, as columns
/// count it. A byte order mark is left out, and so is what lies next to a cut: fewer bytes than a [`PIECE`], which may
/// be the start of a credential that nothing would recognise.
fn decode(part: &Part) -> Vec<(usize, char)> {
    let excerpt = &part.excerpt;
    let text = excerpt.expose();
    let within = excerpt.part();
    let mut start = 0;
    if excerpt.cut_before() {
        let continues = |at: &usize| text[*at] & 0b1100_0000 == 0b1000_0000;
        start = (PIECE - 1).min(within.start);
        start += (start..within.start).take(3).take_while(continues).count();
    } else if part.start.line == 1 && text.starts_with(BYTE_ORDER_MARK) {
        start = BYTE_ORDER_MARK.len();
    }
    let mut end = text.len();
    if excerpt.cut_after() {
        end = end.saturating_sub(PIECE - 1).max(within.end);
    }

    let mut characters = Vec::with_capacity(end - start);
    for chunk in text[start..].utf8_chunks() {
        characters.extend(chunk.valid().char_indices().map(|(at, c)| (start + at, c)));
        start += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            characters.push((start, char::REPLACEMENT_CHARACTER));
            start += chunk.invalid().len();
        }
    }
    characters.truncate(characters.partition_point(|&(at, _)| at < end));
    characters
}

fn lead_place(lead: &Part, characters: &[(usize, char)]) -> Range<usize> {
    let part = lead.excerpt.part();
    let index = |offset: usize| characters.partition_point(|&(at, _)| at < offset);
    index(part.start)..index(part.end)
}

/// Where `other` lies in the lead's excerpt, if it does: by columns, since offsets do not serve where the text was
/// decoded.
fn place_beside(lead: &Part, characters: &[(usize, char)], other: &Part) -> Option<Range<usize>> {
    if other.start.line != lead.start.line || other.end.line != other.start.line {
        return None;
    }
    let origin = lead_place(lead, characters).start as u64;
    let index =
        |column: u64| usize::try_from((origin + column).checked_sub(lead.start.column)?).ok();
    let place = index(other.start.column)?..index(other.end.column)?;
    (place.start <= place.end && place.end <= characters.len()).then_some(place)
}

fn bytes_of(place: &Range<usize>, characters: &[(usize, char)], len: usize) -> Range<usize> {
    let offset = |index: usize| characters.get(index).map_or(len, |&(at, _)| at);
    offset(place.start)..offset(place.end)
}

/// Shows the ends of a part, provided that the line holds there what the part says.
fn uncover_ends(
    part: &Part,
    place: &Range<usize>,
    characters: &[(usize, char)],
    glyphs: &mut [Glyph],
) {
    let Some(there) = characters.get(place.clone()) else { return };
    let value = String::from_utf8_lossy(part.value.expose());
    if !value.chars().eq(there.iter().map(|&(_, character)| character)) {
        return;
    }
    let (head, tail) = shown_ends(part.kind, there.len());
    for index in (0..head).chain(there.len() - tail..there.len()) {
        glyphs[place.start + index] = Glyph::Plain(there[index].1);
    }
}

/// Covers what could be a key among the bytes not covered yet: key IDs by their shape, and long runs that mix upper
/// case, lower case and digits the way random text does and words do not.
fn cover_lookalikes(text: &[u8], cover: &mut [bool]) {
    const ID: usize = 20;
    for at in 0..text.len().saturating_sub(ID - 1) {
        let window = &text[at..at + ID];
        let body = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if (window.starts_with(b"AKIA") || window.starts_with(b"ASIA")) && window.iter().all(body) {
            cover[at..at + ID].fill(true);
        }
    }
    let in_run = |at: usize, cover: &[bool]| {
        !cover[at] && (text[at].is_ascii_alphanumeric() || br"+/_\%.-".contains(&text[at]))
    };
    let mut start = 0;
    while start < text.len() {
        let len = (start..text.len()).take_while(|&at| in_run(at, cover)).count();
        if looks_random(&text[start..start + len]) {
            cover[start..start + len].fill(true);
        }
        start += len + 1;
    }
}

/// Whether a run of at least twenty characters mixes its classes like random text. Random base64 changes between
/// upper case, lower case and digits at 62 in 100 steps, names and paths at about 20; 30 keeps names readable and
/// misses a random run of 40 less than once in 10,000 times.
fn looks_random(run: &[u8]) -> bool {
    const SHORTEST: usize = 20;
    const DISTINCT: usize = 16;
    if run.len() < SHORTEST {
        return false;
    }
    let class = |byte: u8| match byte {
        b'A'..=b'Z' => Some(0),
        b'a'..=b'z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let classes: Vec<usize> = run.iter().filter_map(|&byte| class(byte)).collect();
    let changes = classes.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let distinct: BTreeSet<u8> = run.iter().copied().collect();
    (0..3).all(|class| classes.contains(&class))
        && distinct.len() >= DISTINCT
        && changes * 10 >= classes.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Excerpt;
    use crate::model::span::{Position, Span};
    use crate::rules::placeholder::{self, Kind, expand};

    fn redactor() -> Redactor {
        Redactor::new(Secrets::Redacted, &[])
    }

    fn value(kind: PartKind, text: &str) -> String {
        redactor().value(kind, &Secret::new(text.as_bytes()))
    }

    /// A part on the second line of a text that starts at `first_column`.
    fn part(line: &str, range: Range<usize>, first_column: u64, cut: (bool, bool)) -> Part {
        let column = |at: usize| first_column + line[..at].chars().count() as u64;
        Part {
            kind: PartKind::SecretAccessKey,
            value: Secret::new(&line.as_bytes()[range.clone()]),
            span: Span::new(0, range.len() as u64),
            start: Position { line: 2, column: column(range.start) },
            end: Position { line: 2, column: column(range.end) },
            evidence: Vec::new(),
            excerpt: Excerpt::new(line.as_bytes(), range, first_column, cut),
            decoded: Vec::new(),
            raw: None,
            cell: None,
            copy: Some(0),
        }
    }

    fn shown(line: &Line) -> String {
        let glyph = |glyph: &Glyph| match glyph {
            Glyph::Plain(character) => *character,
            Glyph::Masked { .. } => '*',
        };
        line.glyphs.iter().map(glyph).collect()
    }

    /// What stands of `line` beside a part that is at its start.
    fn beside_a_part(line: &str) -> String {
        let line = format!("1234567890abcdefghij {line}");
        shown(&redactor().line(&part(&line, 0..20, 1, (false, false)), &[]))[21..].to_owned()
    }

    #[test]
    fn values_show_their_ends_only() {
        assert_eq!(value(PartKind::AccessKeyId, "AKIAIOSFODNN7EXAMPLE"), "AKIA************MPLE");
        assert_eq!(
            value(PartKind::SecretAccessKey, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            format!("{}EKEY", "*".repeat(36))
        );
        assert_eq!(
            value(PartKind::SessionToken, &"ab".repeat(500)),
            format!("{}abab", "*".repeat(16))
        );
        assert_eq!(value(PartKind::Token, "short"), "*****");
        assert_eq!(value(PartKind::AccessKeyId, ""), "");
        assert_eq!(value(PartKind::Token, &"日".repeat(20)), format!("{}日日日日", "*".repeat(16)));
        assert_eq!(value(PartKind::Token, &"x".repeat(64)).len(), 64);
        assert_eq!(value(PartKind::Token, &"x".repeat(65)).len(), 20);
    }

    #[test]
    fn neighbours_that_look_like_keys_are_covered() {
        for number in 0..500 {
            for kind in [Kind::AwsSecretAccessKey, Kind::AwsAccessKeyId, Kind::AwsSessionToken] {
                let value = placeholder::value(kind, number);
                let value = value.trim_end_matches('=');
                let covered = beside_a_part(&format!("name = \"{value}\";"));
                assert_eq!(covered, format!("name = \"{}\";", "*".repeat(value.len())));
            }
        }
    }

    #[test]
    fn names_and_links_stay_readable() {
        for text in [
            "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY_2']",
            "spring.cloud.aws.credentials.secretKey2",
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingBucket2.html",
            "arn:aws:iam::123456789012:role/DeployRole",
            "com.amazonaws.services.s3.AmazonS3ClientBuilder.standard",
            "0123456789abcdef0123456789abcdef01234567",
            "2025-11-22T01:37:00Z",
        ] {
            assert_eq!(beside_a_part(text), text);
        }
    }

    #[test]
    fn a_credential_cut_off_by_the_excerpt_is_covered() {
        let secret = placeholder::value(Kind::AwsSecretAccessKey, 1);
        for visible in 1..secret.len() {
            let line = format!("x=1234567890abcdefghij, y={}", &secret[..visible]);
            let lead = part(&line, 2..22, 1, (false, true));
            let other = part(&secret, 0..secret.len(), 1, (false, false));
            let redactor =
                Redactor { secrets: Secrets::Redacted, pieces: pieces(&[lead.clone(), other]) };
            let shown = shown(&redactor.line(&lead, &[]));
            let tail = shown.split_once("y=").map_or("", |(_, tail)| tail);
            assert!(tail.chars().all(|character| character == '*'), "{visible}: {shown}");
        }
    }

    fn pieces(parts: &[Part]) -> Vec<[u8; PIECE]> {
        let mut pieces: Vec<_> =
            parts.iter().flat_map(|part| pieces_of(part.value.expose())).map(|(_, p)| p).collect();
        pieces.sort_unstable();
        pieces
    }

    #[test]
    fn characters_cut_in_two_do_not_move_the_places() {
        let text = "鍵鍵鍵鍵k=1234567890abcdefghij 鍵鍵鍵鍵".as_bytes();
        let within = 14..34;
        let cut = part("k=1234567890abcdefghij", 2..22, 9, (false, false));
        let lead = Part {
            excerpt: Excerpt::new(&text[1..46], within.start - 1..within.end - 1, 7, (true, true)),
            ..cut
        };
        let line = redactor().line(&lead, &[]);
        assert_eq!(shown(&line), format!("鍵k={}ghij 鍵鍵", "*".repeat(16)));
        assert_eq!(line.places.as_slice(), std::slice::from_ref(&(3..23)));
    }

    #[test]
    fn words_that_hold_a_credential_lose_it() {
        let (text, expansions) = expand("named {{aws-secret-access-key:1}} 鍵");
        let secret = part(&text, expansions[0].range.clone(), 1, (false, false));
        let redactor = Redactor { secrets: Secrets::Redacted, pieces: pieces(&[secret]) };
        assert_eq!(redactor.words(&text), format!("named {} 鍵", "*".repeat(40)));
        assert_eq!(redactor.words("entropy 4.81"), "entropy 4.81");
        let (unreported, _) = expand("in the section [x] # was {{aws-secret-access-key:2}}");
        assert_eq!(
            redactor.words(&unreported),
            format!("in the section [x] # was {}", "*".repeat(40))
        );
        let name = "named spring.cloud.aws.credentials.secretKey2";
        assert_eq!(redactor.words(name), name);
    }
}
