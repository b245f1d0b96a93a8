//! The only types that hold a credential's bytes.
//!
//! [`Secret`] is a value, [`Excerpt`] the lines it stands in. Neither prints its bytes through `Debug`, neither has
//! `Display` or `Serialize`: the one way from here to a reader is `report::redact`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The bytes of a credential part as they stand in the (decoded) text. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Takes over the bytes of one credential part.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves. Callers are few on purpose: fingerprints, comparisons and `report::redact`.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// One line of scanned text around a credential part, cut to a bounded length on both sides.
///
/// The text is UTF-8 or near it (a UTF-16 blob gives its decoded text); bytes that are no UTF-8 are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: Box<[u8]>,
    part: Range<usize>,
    first_column: u64,
    cut_before: bool,
    cut_after: bool,
}

impl Excerpt {
    /// An excerpt of `text` in which the credential part lies at `part`.
    ///
    /// `first_column` is the column (from 1) of the first byte of `text`; `cut_before` and `cut_after` say whether the
    /// line goes on beyond the excerpt.
    ///
    /// # Panics
    /// When `part` does not lie within `text`.
    pub fn new(
        text: impl Into<Box<[u8]>>,
        part: Range<usize>,
        first_column: u64,
        (cut_before, cut_after): (bool, bool),
    ) -> Self {
        let text = text.into();
        assert!(
            part.start <= part.end && part.end <= text.len(),
            "the part lies within its excerpt"
        );
        Self { text, part, first_column, cut_before, cut_after }
    }

    /// The raw text: for `report::redact` alone.
    pub fn expose(&self) -> &[u8] {
        &self.text
    }

    /// Where the credential part lies in the text.
    pub fn part(&self) -> Range<usize> {
        self.part.clone()
    }

    /// Column (from 1, in code points) of the first byte of the text.
    pub fn first_column(&self) -> u64 {
        self.first_column
    }

    /// Whether the line starts before the excerpt does.
    pub fn cut_before(&self) -> bool {
        self.cut_before
    }

    /// Whether the line goes on after the excerpt.
    pub fn cut_after(&self) -> bool {
        self.cut_after
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({} bytes, part at {:?})", self.text.len(), self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_bytes() {
        let secret = Secret::new(*b"hunter2hunter2");
        let excerpt = Excerpt::new(*b"password hunter2hunter2", 9..23, 1, (false, false));
        let shown = format!("{secret:?} {excerpt:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
