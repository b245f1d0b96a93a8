//! The source lines of a finding with its parts underlined, cut to the width of the report.

use std::ops::Range;

use super::paint::{Paint, Role};
use crate::model::finding::{Part, PartKind};
use crate::report::escape;
use crate::report::redact::{Glyph, LONGEST_IN_FULL, Redactor, STARS, TAIL, shares_line};

/// Stands for what was cut out of a line.
const CUT: &str = "…";

/// One source line, or a piece of one, and the parts in it.
pub(super) struct Row {
    /// Line number, from 1.
    pub(super) number: u64,
    cells: Vec<Cell>,
    marks: Vec<Mark>,
    cut_before: bool,
    cut_after: bool,
}

/// One character as it is shown.
#[derive(Clone)]
struct Cell {
    text: String,
    columns: usize,
}

/// An underlined part.
#[derive(Clone)]
struct Mark {
    cells: Range<usize>,
    kind: PartKind,
    primary: bool,
}

/// The rows of some parts in order of position, each at most `width` columns wide. The first part is the primary one.
pub(super) fn rows(parts: &[&Part], redactor: &Redactor, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut rest = parts;
    while let [lead, others @ ..] = rest {
        let beside = others.iter().take_while(|other| shares_line(lead, other)).count();
        let primary = rest.len() == parts.len();
        let row = Row::new(lead, &others[..beside], primary, redactor);
        rows.extend(row.fit(width));
        rest = &others[beside..];
    }
    rows
}

/// Whether a value is too long for a source line to show all of it.
pub(super) fn is_shortened(part: &Part) -> bool {
    part.value.len() > LONGEST_IN_FULL
}

impl Row {
    fn new(lead: &Part, others: &[&Part], primary: bool, redactor: &Redactor) -> Self {
        let line = redactor.line(lead, others);
        let mut marks: Vec<Mark> = std::iter::once(&lead)
            .chain(others)
            .zip(line.places)
            .enumerate()
            .map(|(index, (part, cells))| Mark {
                cells,
                kind: part.kind,
                primary: primary && index == 0,
            })
            .collect();
        marks.sort_by_key(|mark| (mark.cells.start, mark.cells.end));
        let mut row = Self {
            number: lead.start.line,
            cells: line.glyphs.into_iter().map(Cell::from).collect(),
            marks,
            cut_before: lead.excerpt.cut_before(),
            cut_after: lead.excerpt.cut_after(),
        };
        for index in 0..row.marks.len() {
            row.shorten(index);
        }
        row
    }

    /// Cuts the middle out of a part that is too long to be read.
    fn shorten(&mut self, index: usize) {
        let Range { start, end } = self.marks[index].cells;
        let end = end.min(self.cells.len());
        if end.saturating_sub(start) <= LONGEST_IN_FULL {
            return;
        }
        let gap = start + STARS..end - TAIL;
        let removed = gap.len() - 1;
        self.cells.splice(gap.clone(), [Cell::cut()]);
        let moved = |at: usize| match at {
            at if at <= gap.start => at,
            at if at >= gap.end => at - removed,
            _ => gap.start,
        };
        for mark in &mut self.marks {
            mark.cells = moved(mark.cells.start)..moved(mark.cells.end);
        }
    }

    /// The row cut to a width; parts too far apart for one row come out as several.
    fn fit(self, width: usize) -> Vec<Self> {
        let ellipses = usize::from(self.cut_before) + usize::from(self.cut_after);
        if self.columns(0..self.cells.len()) + ellipses <= width {
            return vec![self];
        }
        let room = width.saturating_sub(2);
        let mut pieces: Vec<Vec<Mark>> = Vec::new();
        for mark in &self.marks {
            match pieces.last_mut() {
                Some(piece)
                    if self.columns(
                        piece[0].cells.start..mark.cells.end.max(piece[0].cells.start),
                    ) <= room =>
                {
                    piece.push(mark.clone());
                }
                _ => pieces.push(vec![mark.clone()]),
            }
        }
        pieces.into_iter().map(|marks| self.around(marks, room)).collect()
    }

    /// The piece of the row around some of its marks, at most `room` columns wide.
    fn around(&self, marks: Vec<Mark>, room: usize) -> Self {
        let mut low = marks[0].cells.start;
        let mut high = marks.iter().map(|mark| mark.cells.end).max().unwrap_or(low).max(low);
        while high > low + 1 && self.columns(low..high) > room {
            high -= 1;
        }
        // What stands before a value says what it is, so it gets most of the room.
        let spare = room.saturating_sub(self.columns(low..high));
        low = self.extend_left(low, spare * 3 / 4);
        let spare = room.saturating_sub(self.columns(low..high));
        high = self.extend_right(high, spare);
        let spare = room.saturating_sub(self.columns(low..high));
        low = self.extend_left(low, spare);

        let within = |at: usize| at.clamp(low, high) - low;
        Self {
            number: self.number,
            cells: self.cells[low..high].to_vec(),
            marks: marks
                .into_iter()
                .map(|mark| Mark {
                    cells: within(mark.cells.start)..within(mark.cells.end),
                    ..mark
                })
                .collect(),
            cut_before: self.cut_before || low > 0,
            cut_after: self.cut_after || high < self.cells.len(),
        }
    }

    fn extend_left(&self, from: usize, mut room: usize) -> usize {
        let taken = self.cells[..from].iter().rev().take_while(|cell| take(&mut room, cell));
        from - taken.count()
    }

    fn extend_right(&self, from: usize, mut room: usize) -> usize {
        from + self.cells[from..].iter().take_while(|cell| take(&mut room, cell)).count()
    }

    fn columns(&self, cells: Range<usize>) -> usize {
        self.cells[cells].iter().map(|cell| cell.columns).sum()
    }

    /// The source line.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if self.cut_before {
            text.push_str(CUT);
        }
        text.extend(self.cells.iter().map(|cell| cell.text.as_str()));
        if self.cut_after {
            text.push_str(CUT);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The lines below the source line: carets, and what they stand under.
    pub(super) fn underlines(&self, width: usize, paint: Paint, caret: Role) -> Vec<String> {
        let spans: Vec<Range<usize>> = self.marks.iter().map(|mark| self.span(mark)).collect();
        let mut carets = String::new();
        let mut reached = 0;
        for (mark, span) in self.marks.iter().zip(&spans) {
            let start = span.start.max(reached);
            let end = span.end.max(start);
            let (sign, role) = if mark.primary { ("^", caret) } else { ("-", Role::Frame) };
            carets.push_str(&" ".repeat(start - reached));
            carets.push_str(&paint.paint(role, &sign.repeat(end - start)));
            reached = end;
        }
        if let [mark] = self.marks.as_slice() {
            let label = mark.kind.describe();
            if reached + 1 + label.len() <= width {
                return vec![format!("{carets} {}", paint.paint(mark.role(caret), label))];
            }
        }
        let mut lines = vec![carets];
        lines.extend(self.labels(&spans, width, paint, caret));
        lines
    }

    /// Labels below the carets, each under the start of its part, on as few lines as keep them apart.
    fn labels(
        &self,
        spans: &[Range<usize>],
        width: usize,
        paint: Paint,
        caret: Role,
    ) -> Vec<String> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (mark, span) in self.marks.iter().zip(spans) {
            let label = mark.kind.describe();
            let start = span.start.min(width.saturating_sub(label.len()));
            let free = |(reached, _): &(usize, String)| reached + 2 <= start;
            let index = lines.iter().position(free).unwrap_or(lines.len());
            if index == lines.len() {
                lines.push((0, String::new()));
            }
            let (reached, line) = &mut lines[index];
            line.push_str(&" ".repeat(start - *reached));
            line.push_str(&paint.paint(mark.role(caret), label));
            *reached = start + label.len();
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// The columns that a mark covers, from 0, at least one.
    fn span(&self, mark: &Mark) -> Range<usize> {
        let end = mark.cells.end.min(self.cells.len());
        let first = usize::from(self.cut_before) + self.columns(0..mark.cells.start.min(end));
        first..first + self.columns(mark.cells.start.min(end)..end).max(1)
    }
}

impl Mark {
    fn role(&self, caret: Role) -> Role {
        if self.primary { caret } else { Role::Frame }
    }
}

impl Cell {
    fn cut() -> Self {
        Self { text: CUT.into(), columns: 1 }
    }
}

impl From<Glyph> for Cell {
    fn from(glyph: Glyph) -> Self {
        match glyph {
            Glyph::Plain(character) => {
                let (text, columns) = escape::cell(character);
                Self { text: text.into_owned(), columns }
            }
            Glyph::Masked { columns } => Self { text: "*".repeat(columns), columns },
        }
    }
}

/// Takes a cell's columns from the room left, if there is enough.
fn take(room: &mut usize, cell: &Cell) -> bool {
    match room.checked_sub(cell.columns) {
        Some(left) => {
            *room = left;
            true
        }
        None => false,
    }
}
