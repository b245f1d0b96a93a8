//! What stands between two candidates, as the cost of joining them.

use std::ops::Range;

use crate::detect::candidate::Spot;
use crate::detect::context::lines::{Line, is_section_header, line_at};
use crate::detect::context::names::{Name, Role, Strength};
use crate::detect::inspect::Inspected;

/// Candidates further apart than this many bytes are never joined. Session tokens of some thousand characters may
/// stand between.
pub(crate) const REACH: usize = 16 * 1024;

/// Candidates of one record may stand this many lines apart, others ten (CREDENTIALS.md, 2.6).
const LINES_IN_RECORD: u32 = 200;
const LINES_ELSEWHERE: u32 = 10;

/// Further candidates looked at from each one: more would be crossings of pairs that are already better joined.
const PARTNERS: usize = 12;

/// Further candidates passed from each one, of its own role or not.
pub(crate) const PASSED: usize = 64;

/// How far back the start of a candidate's line is looked for, in bytes.
const LINE_REACH: usize = 2 * 1024;

/// Quotes and spaces between a value and the brackets around it, in bytes.
const WRAPPING: usize = 4;

/// What joining two candidates costs; see [`Between::cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The earlier one.
    pub(crate) first: Spot,
    /// The later one.
    pub(crate) second: Spot,
    /// Never above [`MAX_COST`].
    pub(crate) cost: u32,
}

/// Beyond this, two candidates are better reported each by itself.
pub(crate) const MAX_COST: u32 = 2_000 * UNIT;

/// Costs are counted finely enough that single bytes and their squares tell without rounding: a unit is 16 bytes.
pub(crate) const UNIT: u32 = 16 * BYTE;
const BYTE: u32 = 256;

/// Bytes apart, beyond which distance on a line says nothing more.
const FAR: usize = 400;

/// A candidate as far as links need it.
#[derive(Clone, Debug)]
pub(crate) struct End<'a> {
    pub(crate) role: Role,
    pub(crate) range: Range<usize>,
    pub(crate) name: Option<&'a Name>,
}

impl<'a> End<'a> {
    /// Of what was inspected, if it is part of a credential.
    pub(crate) fn of(inspected: &'a Inspected) -> Option<Self> {
        let name = inspected.context.name.as_ref().map(|(name, _)| name);
        Some(Self { role: inspected.kind.role()?, range: inspected.range.clone(), name })
    }
}

/// Whether rows of this text are records by themselves: a table with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Records,
    Lines,
}

/// Links between the candidates `ends` (in order of place) of `text`, from each that starts in `core` to those after
/// it. `place` says which candidate stands at an offset of the text.
pub(crate) fn links(
    text: &[u8],
    ends: &[End<'_>],
    core: &Range<usize>,
    rows: Rows,
    place: impl Fn(&Range<usize>) -> Spot,
) -> Vec<Link> {
    let mut links = Vec::new();
    for (index, first) in ends.iter().enumerate().filter(|(_, end)| core.contains(&end.range.start))
    {
        let mut between = Between::after(text, first);
        let (mut partners, mut passed) = (0, 0);
        for second in &ends[index + 1..] {
            let apart = second.range.start.saturating_sub(first.range.end);
            if apart > REACH || partners == PARTNERS || passed == PASSED || between.is_over() {
                break;
            }
            between.extend_to(text, second.range.start);
            passed += 1;
            if second.role != first.role {
                partners += 1;
                if let Some(cost) = between.cost(text, first, second, rows) {
                    links.push(Link {
                        first: place(&first.range),
                        second: place(&second.range),
                        cost,
                    });
                }
            }
            between.pass(second);
        }
    }
    links
}

/// What was met on the way from one candidate to a later one.
#[derive(Debug)]
struct Between {
    at: usize,
    /// Bytes that belong to other candidates: a session token makes its neighbours no stranger to each other.
    values: usize,
    lines: u32,
    blank_lines: u32,
    headers: u32,
    braces: Depth,
    parentheses: Depth,
    closed_tags: u32,
    /// The smallest indent among whole lines in between.
    least_indent: usize,
    /// The same, where list items `- name:` count from their first word.
    least_in_list: usize,
    /// The first candidate stands in a `value:` line.
    in_value_slot: bool,
    /// Mark and indent of the first candidate's line.
    mark: Option<u8>,
    indent: usize,
    line_start: usize,
}

/// How far a nesting was left, and how deep another was entered.
#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    now: i32,
    least: i32,
}

impl Depth {
    fn open(&mut self) {
        self.now += 1;
    }

    fn close(&mut self) {
        self.now -= 1;
        self.least = self.least.min(self.now);
    }

    /// Levels left since the first candidate.
    fn left(self) -> u32 {
        self.least.unsigned_abs()
    }
}

impl Between {
    fn after(text: &[u8], first: &End<'_>) -> Self {
        let line_start = line_start(text, first.range.start);
        let own_line = Line::new(&text[line_start..first.range.start]);
        let after_wrapping = wrapping_end(text, &first.range).unwrap_or(first.range.end);
        Self {
            at: after_wrapping,
            values: after_wrapping - first.range.end,
            lines: 0,
            blank_lines: 0,
            headers: 0,
            braces: Depth::default(),
            parentheses: Depth::default(),
            closed_tags: 0,
            least_indent: usize::MAX,
            least_in_list: usize::MAX,
            in_value_slot: is_value_slot(own_line.body),
            mark: own_line.mark,
            indent: own_line.indent(),
            line_start,
        }
    }

    fn extend_to(&mut self, text: &[u8], to: usize) {
        while self.at < to {
            match text[self.at] {
                b'\n' => self.end_line(text),
                b'{' | b'[' => self.braces.open(),
                b'}' | b']' => self.braces.close(),
                b'(' => self.parentheses.open(),
                b')' => self.parentheses.close(),
                b'/' if text[..self.at].ends_with(b"<") || text.get(self.at + 1) == Some(&b'>') => {
                    self.closed_tags += 1;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Nothing from here on can be joined with the first candidate.
    fn is_over(&self) -> bool {
        self.headers > 0 || self.lines > LINES_IN_RECORD
    }

    /// Goes on behind a candidate that has been reached; there is nothing in it to be counted.
    fn pass(&mut self, candidate: &End<'_>) {
        self.values += candidate.range.end.saturating_sub(self.at);
        self.at = self.at.max(candidate.range.end);
    }

    /// Takes account of the line that ends at `at`, unless it is the first candidate's own.
    fn end_line(&mut self, text: &[u8]) {
        if self.lines > 0 {
            let line = &text[self.line_start..self.at];
            let Line { mark, body } = Line::new(line);
            if body.trim_ascii().is_empty() {
                self.blank_lines += 1;
            } else if mark == self.mark {
                // Lines with another mark, such as comments, are no part of the record's layout.
                let indent = Line { mark, body }.indent();
                let dash = if body[indent..].starts_with(b"- ") { 2 } else { 0 };
                self.least_indent = self.least_indent.min(indent);
                self.least_in_list = self.least_in_list.min(indent + dash);
                let next = line_at(text, self.at + 1);
                self.headers += u32::from(is_section_header(line, next));
            }
        }
        self.lines += 1;
        self.line_start = self.at + 1;
    }

    /// What joining costs; `None` where it may not be. In units, a line apart costs about 10, so that a closed object
    /// (120) outweighs a few lines and the distance itself decides between equals.
    fn cost(&self, text: &[u8], first: &End<'_>, second: &End<'_>, rows: Rows) -> Option<u32> {
        let own_line = Line::new(&text[line_start(text, second.range.start)..second.range.start]);
        let indents = self.indent.min(own_line.indent());
        let least = if self.in_value_slot && is_value_slot(own_line.body) {
            self.least_in_list
        } else {
            self.least_indent
        };
        let outdented = self.lines > 1 && least < indents;
        let left_record = self.headers > 0 || self.braces.left() > 0 || outdented;
        let names = names(first, second);
        let limit = match (left_record, names) {
            (false, Names::Match | Names::Resemble) => LINES_IN_RECORD,
            _ => LINES_ELSEWHERE,
        };
        if self.headers > 0 || self.lines > limit || (rows == Rows::Records && self.lines > 0) {
            return None;
        }
        // Distance counts squared, so that of two IDs and two secrets in a row the order is kept.
        let lines = self.lines.min(30);
        let mut units = 10 * lines + lines * lines;
        units += 120 * self.braces.left().min(4) + 20 * self.parentheses.left().min(4);
        units += 30 * self.closed_tags.saturating_sub(1).min(6);
        units += 120 * u32::from(outdented) + 15 * self.blank_lines.min(6);
        // The secret of another record may stand before an ID, less so on its line.
        let reversal = if self.lines == 0 { 15 } else { 25 };
        units += reversal * u32::from(first.role > second.role);
        units += match names {
            Names::Differ => 300,
            Names::Resemble => 5,
            Names::Match | Names::Unknown => 0,
        };
        let apart = second.range.start.saturating_sub(first.range.end + self.values);
        let bytes = apart.min(FAR) as u32;
        Some((UNIT * units + BYTE * bytes + bytes * bytes).min(MAX_COST))
    }
}

/// Whether two names belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Both are named, with the same stem.
    Match,
    /// Both are named, and one's stem is part of the other's: `UPLOADER_KEY`, `SECRET_FOR_UPLOADER`.
    Resemble,
    /// Both are named, with different stems.
    Differ,
    /// At least one has no name that says anything.
    Unknown,
}

fn names(first: &End<'_>, second: &End<'_>) -> Names {
    let telling = |end: &End<'_>| end.name.is_some_and(|name| name.strength > Strength::Generic);
    match (first.name, second.name) {
        (Some(one), Some(other)) if telling(first) && telling(second) => {
            let (one, other) = (one.stem.as_str(), other.stem.as_str());
            let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
            match () {
                () if short == long => Names::Match,
                () if !short.is_empty() && long.contains(short) => Names::Resemble,
                () => Names::Differ,
            }
        }
        _ => Names::Unknown,
    }
}

/// Behind the bracket that closes around a value and nothing else, `[ID] [SECRET]`: leaving it leaves no record.
fn wrapping_end(text: &[u8], value: &Range<usize>) -> Option<usize> {
    let is_wrap = |byte: &u8| !matches!(byte, b' ' | b'"' | b'\'' | b'`');
    let open = text[..value.start].iter().rev().take(WRAPPING).find(|byte| is_wrap(byte))?;
    let gap = text[value.end..].iter().take(WRAPPING).position(is_wrap)?;
    let close = text[value.end + gap];
    matches!((open, close), (b'[', b']') | (b'{', b'}') | (b'(', b')'))
        .then_some(value.end + gap + 1)
}

/// `value:`, where the name stands on the line of the list item: `- name: X`.
fn is_value_slot(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"value:"))
}

fn line_start(text: &[u8], at: usize) -> usize {
    let low = at.saturating_sub(LINE_REACH);
    memchr::memrchr(b'\n', &text[low..at]).map_or(low, |newline| low + newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(at: usize) -> Spot {
        Spot { start: at as u64, nth: 0 }
    }

    /// Links of a text in which `I` and `S` between `<` and `>` stand for an ID and a secret.
    fn costs(text: &str) -> Vec<Option<u32>> {
        let text = text.as_bytes();
        let ends: Vec<End<'_>> = memchr::memchr2_iter(b'@', b'#', text)
            .map(|at| End {
                role: if text[at] == b'@' { Role::Id } else { Role::Secret },
                range: at..at + 1,
                name: None,
            })
            .collect();
        let links = links(text, &ends, &(0..text.len()), Rows::Lines, |range| place(range.start));
        (1..ends.len())
            .map(|second| {
                let wanted = (place(ends[second - 1].range.start), place(ends[second].range.start));
                links.iter().find(|link| (link.first, link.second) == wanted).map(|link| link.cost)
            })
            .collect()
    }

    #[test]
    fn a_closed_object_costs_more_than_a_line() {
        let costs = costs("[{\"a\":\"@\",\"b\":\"#\"},{\"a\":\"@\",\"b\":\"#\"}]");
        assert!(costs[0] < costs[1]);
        assert_eq!(costs[0], costs[2]);
    }

    #[test]
    fn outdented_lines_leave_the_map() {
        let costs = costs("prod:\n  id: @\n  key: #\ndev:\n  id: @\n  key: #\n");
        assert!(costs[0] < costs[1]);
        assert_eq!(costs[0], costs[2]);
    }

    #[test]
    fn sections_and_distance_end_a_record() {
        assert_eq!(costs("[a]\nid = @\n[b]\nkey = #\n"), [None]);
        assert!(costs(&format!("@{}#", "\n".repeat(10)))[0].is_some());
        assert_eq!(costs(&format!("@{}#", "\n".repeat(11))), [None]);
    }

    #[test]
    fn the_order_of_equals_is_kept() {
        let text = "@\n@\n#\n#\n".as_bytes();
        let ends: Vec<End<'_>> =
            [(0, Role::Id), (2, Role::Id), (4, Role::Secret), (6, Role::Secret)]
                .into_iter()
                .map(|(at, role)| End { role, range: at..at + 1, name: None })
                .collect();
        let links = links(text, &ends, &(0..8), Rows::Lines, |range| place(range.start));
        let cost = |first, second| {
            links
                .iter()
                .find(|link| (link.first, link.second) == (place(first), place(second)))
                .unwrap()
                .cost
        };
        assert!(cost(0, 4) + cost(2, 6) < cost(0, 6) + cost(2, 4));
    }
}
