//! 7z.

use super::Sink;
use super::budget::Budget;
use super::input::{Anywhere, Range};
use crate::model::coverage::ProblemKind;

/// Unpacks the archive in `bytes`.
pub(super) fn unpack(bytes: &dyn Anywhere, _budget: &Budget, sink: &mut dyn Sink) {
    sink.problem(None, ProblemKind::Unsupported, "7z".to_owned());
    if let Ok(size) = bytes.size() {
        sink.own(0, &mut Range::new(bytes, 0, size));
    }
}
