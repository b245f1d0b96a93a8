//! Standard input as one named blob.

use std::io::Read;
use std::path::PathBuf;

use super::Visitor;
use crate::model::blob::{Blob, Content, Origin};

/// Pushes everything that `input` holds as one blob called `name`.
pub fn push(input: &mut dyn Read, name: PathBuf, visitor: &dyn Visitor) {
    visitor
        .worker()
        .visit(Blob { origin: Origin::Stdin { name }, content: Content::Stream(input) });
}
