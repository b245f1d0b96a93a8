//! Places in Jupyter notebooks, as their readers count them.

use std::fmt;

use serde::Serialize;

/// A line of a cell of a notebook, or of something that the cell put out.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
pub struct CellPlace {
    /// The cell, from 1 in the order of the notebook, cells of text included. Not the number in brackets beside it,
    /// which says when the cell was run.
    #[serde(rename = "number")]
    pub cell: u64,
    /// The output of the cell, from 1; `null` for the cell's own text.
    pub output: Option<u64>,
    /// The line of the cell's text, or of the text of the output, from 1.
    pub line: u64,
}

impl fmt::Display for CellPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {}, ", self.cell)?;
        if let Some(output) = self.output {
            write!(f, "output {output}, ")?;
        }
        write!(f, "line {}", self.line)
    }
}
