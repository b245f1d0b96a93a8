//! What a notebook's structure says about its values: the cell they stand in, and that an image holds none.

use std::ops::Range;

use super::matcher::Match;
use crate::decode::nested::Hit;
use crate::decode::notebook::{self, Notebook};
use crate::decode::text::View;
use crate::model::notebook::CellPlace;

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

    /// The cell and line of `at`, which must not be before that of the call before.
    pub(super) fn place(&mut self, at: usize) -> Option<CellPlace> {
        self.notebook.as_mut()?.place(at)
    }
}
