//! What a notebook's structure says about its values: the cell they stand in, and that an image holds none.

use std::ops::Range;

use super::candidate::Spot;
use super::matcher::Match;
use super::pair::link::{self, End, Link, MAX_COST, Rows, UNIT};
use crate::decode::nested::Hit;
use crate::decode::notebook::{self, Notebook};
use crate::decode::text::View;
use crate::model::notebook::CellPlace;

/// What joining values of two cells costs more for each cell that they are apart, as much as a closed object: the parts
/// of a credential mostly stand in one cell. Beyond some cells it says nothing more.
const CELL: u32 = 120 * UNIT;
const MOST_CELLS: u64 = 4;

/// The cells and images of a blob, none if it is no notebook.
#[derive(Default)]
pub(super) struct Cells<'t> {
    notebook: Option<Notebook<'t>>,
    images: Vec<Range<usize>>,
}

impl<'t> Cells<'t> {
    /// Those of a blob that `view` is the whole of.
    pub(super) fn of(view: &'t View<'_>) -> Self {
        let text = view.text();
        if view.original(text.len()) > notebook::LONGEST {
            return Self::default();
        }
        let notebook = Notebook::of(text);
        let images = notebook.as_ref().map(Notebook::images).unwrap_or_default();
        Self { notebook, images }
    }

    /// Takes out what was seen in images.
    pub(super) fn drop_images(&self, found: &mut Vec<Match>, hits: &mut Vec<Hit>) {
        if !self.images.is_empty() {
            found.retain(|found| !self.is_in_image(found.range.start));
            hits.retain(|hit| !hit.is_at_place() || !self.is_in_image(hit.at));
        }
    }

    /// Whether `at` lies in an image.
    pub(super) fn is_in_image(&self, at: usize) -> bool {
        let next = self.images.partition_point(|image| image.end <= at);
        self.images.get(next).is_some_and(|image| image.start <= at)
    }

    /// Links values that stand in the sources of different cells, `ends` in order of place: what lies between them in the
    /// file, JSON and what cells put out, is not what they are apart.
    pub(super) fn links(&self, view: &View<'_>, ends: &[End<'_>]) -> Vec<Link> {
        let Some(notebook) = self.notebook.as_ref().filter(|_| ends.len() > 1) else {
            return Vec::new();
        };
        let script = notebook.script();
        let ends: Vec<End<'_>> = ends
            .iter()
            .filter_map(|end| Some(End { range: script.place(&end.range)?, ..end.clone() }))
            .collect();
        let spot = |range: &Range<usize>| Spot { start: range.start as u64, nth: 0 };
        let whole = 0..script.text().len();
        let links = link::links(script.text(), &ends, &whole, Rows::Lines, spot).into_iter();
        links
            .filter_map(|link| {
                let (first, first_cell) = script.source(link.first.start as usize)?;
                let (second, second_cell) = script.source(link.second.start as usize)?;
                let apart = second_cell.checked_sub(first_cell).filter(|apart| *apart > 0)?;
                let cost = link.cost + apart.min(MOST_CELLS) as u32 * CELL;
                let spot = |at: usize| Spot { start: view.original(at), nth: 0 };
                let cost = cost.min(MAX_COST);
                Some(Link { first: spot(first), second: spot(second), cost })
            })
            .collect()
    }

    /// The cell and line of `at`, which must not be before that of the call before.
    pub(super) fn place(&mut self, at: usize) -> Option<CellPlace> {
        self.notebook.as_mut()?.place(at)
    }
}
