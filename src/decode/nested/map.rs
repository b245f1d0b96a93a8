//! The way back from decoded text to what it was decoded from.

use std::ops::Range;

/// How a stretch of text came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// It stands in the original as it is.
    Same,
    /// Three bytes for four base64 digits, the first of which starts a group.
    Sextets,
    /// One byte for two of the original.
    Pairs,
    /// Each byte for the whole of so many bytes of the original.
    Whole(usize),
}

/// `len` bytes of text from `text` on, which came from `origin` on.
#[derive(Clone, Copy, Debug)]
struct Segment {
    text: usize,
    origin: usize,
    len: usize,
    scale: Scale,
}

/// Where each byte of a text came from. Text and original run in the same order.
#[derive(Clone, Debug, Default)]
pub struct Map {
    segments: Vec<Segment>,
}

/// Where a stretch of text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The bytes of the original that made it.
    pub range: Range<usize>,
    /// Tells stretches apart that came from the same bytes: the offset of the first byte among all that they made.
    pub nth: usize,
}

impl Map {
    /// The end of the text so far.
    pub(super) fn len(&self) -> usize {
        self.segments.last().map_or(0, |last| last.text + last.len)
    }

    /// Appends `len` bytes of text.
    pub(super) fn push(&mut self, origin: usize, len: usize, scale: Scale) {
        if len == 0 {
            return;
        }
        let text = self.len();
        if let Some(last) = self.segments.last_mut()
            && scale == Scale::Same
            && last.scale == Scale::Same
            && last.origin + last.len == origin
        {
            last.len += len;
            return;
        }
        self.segments.push(Segment { text, origin, len, scale });
    }

    /// Appends all of `other`.
    pub(super) fn append(&mut self, other: &Self) {
        for segment in &other.segments {
            self.push(segment.origin, segment.len, segment.scale);
        }
    }

    /// Where the text in `range` came from.
    ///
    /// # Panics
    /// When `range` is empty or not within the text.
    pub fn source(&self, range: &Range<usize>) -> Source {
        let (first, nth) = self.of_byte(range.start);
        let (last, _) = self.of_byte(range.end - 1);
        Source { range: first.start..last.end, nth }
    }

    fn of_byte(&self, at: usize) -> (Range<usize>, usize) {
        let segment = &self.segments[self.index(at)];
        let offset = at - segment.text;
        assert!(offset < segment.len, "the text ends before {at}");
        let origin = segment.origin;
        match segment.scale {
            Scale::Same => (origin + offset..origin + offset + 1, 0),
            Scale::Sextets => (origin + offset * 4 / 3..origin + (offset * 4 + 4).div_ceil(3), 0),
            Scale::Pairs => (origin + 2 * offset..origin + 2 * offset + 2, 0),
            Scale::Whole(len) => (origin..origin + len, offset),
        }
    }

    fn index(&self, at: usize) -> usize {
        self.segments.partition_point(|segment| segment.text <= at) - 1
    }

    /// The first offset of the text that came from `origin` or from behind it; the text's length if none did.
    pub fn text_at(&self, origin: usize) -> usize {
        let starts_before = |segment: &Segment| segment.start_of(segment.len - 1) < origin;
        let index = self.segments.partition_point(starts_before);
        let Some(segment) = self.segments.get(index) else { return self.len() };
        let (mut low, mut high) = (0, segment.len - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            if segment.start_of(middle) < origin {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        segment.text + low
    }

    /// Whether the text in `range`, one of `before` bytes before it or the one behind it is not as it stands in the
    /// original, or something that stands there is left out.
    pub fn touches_decoded(&self, range: &Range<usize>, before: usize) -> bool {
        let last = (range.end + 1).min(self.len()).saturating_sub(1);
        let segment = self.index(range.start.saturating_sub(before));
        self.segments[segment].scale != Scale::Same || self.index(last) != segment
    }
}

impl Segment {
    fn start_of(&self, offset: usize) -> usize {
        match self.scale {
            Scale::Same => self.origin + offset,
            Scale::Sextets => self.origin + offset * 4 / 3,
            Scale::Pairs => self.origin + 2 * offset,
            Scale::Whole(_) => self.origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_to_what_made_them() {
        let mut map = Map::default();
        map.push(10, 3, Scale::Same);
        map.push(13, 1, Scale::Whole(6));
        map.push(19, 6, Scale::Sextets);
        map.push(27, 2, Scale::Pairs);
        map.push(31, 5, Scale::Whole(9));
        let source = |range: Range<usize>| map.source(&range).range;
        assert_eq!(source(0..3), 10..13);
        assert_eq!(source(2..4), 12..19);
        assert_eq!(source(4..5), 19..21);
        assert_eq!(source(5..6), 20..22);
        assert_eq!(source(6..7), 21..23);
        assert_eq!(source(4..10), 19..27);
        assert_eq!(source(10..12), 27..31);
        assert_eq!(map.source(&(14..16)), Source { range: 31..40, nth: 2 });
        assert_eq!((map.text_at(0), map.text_at(11), map.text_at(14)), (0, 1, 4));
        assert_eq!((map.text_at(20), map.text_at(31), map.text_at(32)), (5, 12, 17));
    }

    #[test]
    fn what_is_left_out_touches_both_sides() {
        let mut map = Map::default();
        map.push(0, 10, Scale::Same);
        map.push(14, 10, Scale::Same);
        assert!(!map.touches_decoded(&(0..9), 1));
        assert!(map.touches_decoded(&(0..10), 1));
        assert!(map.touches_decoded(&(10..20), 1));
        assert!(!map.touches_decoded(&(11..20), 1));
        assert!(map.touches_decoded(&(11..20), 2));
    }
}
