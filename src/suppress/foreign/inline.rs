//! Other tools' comments.

use std::path::Path;

use crate::suppress::{Directive, Mark};

/// What such comments are found by. Matched as they stand, upper and lower case apart.
pub const TOKENS: &[&str] = &[];

/// The comments at these marks of the blob at `path`, which are sorted by place. Marks of other tokens are passed over.
pub fn directives(_marks: &[Mark], _path: &Path) -> Vec<Directive> {
    Vec::new()
}
