//! Standard input as one named blob.

use std::io;
use std::path::Path;

use super::patient::Patient;
use super::{Visitor, over_limit};
use crate::model::blob::{Blob, Brings, Content, Lines, Origin};

/// Pushes standard input as one blob called `name`, up to `limit` bytes.
pub fn push(name: &Path, limit: Option<u64>, visitor: &dyn Visitor) {
    let is_cancelled = || visitor.is_cancelled();
    let mut input = Patient::new(|| Ok(io::stdin()), limit, &is_cancelled);
    let origin = Origin::Stdin { name: name.to_path_buf() };
    let scanned = visitor.worker().visit(Blob {
        origin,
        content: Content::Stream(&mut input),
        lines: Lines::All,
        brings: Brings::Nothing,
        inherited: None,
    });
    if let Some(limit) = limit.filter(|_| input.is_over_limit()) {
        visitor.problem(over_limit(name, limit, scanned));
    }
}
