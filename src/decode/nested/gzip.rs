//! Gzip inside of something that was decoded.

use std::io::Read;
use std::ops::Range;

use flate2::read::GzDecoder;

use super::Decoded;
use super::map::{Map, Scale};

/// What every gzip file of today starts with: its magic number and the method.
pub(super) const MAGIC: &[u8] = b"\x1f\x8b\x08";

/// The most that is unpacked of one, in bytes: what people compress to put it in base64 is a script or a manifest.
pub(super) const MOST: usize = 1 << 20;

/// Unpacks the gzip file at the start of `range`. What a broken one gives is taken as far as it goes, and the second
/// value says whether there was more than [`MOST`].
pub(super) fn decode(text: &[u8], range: &Range<usize>) -> (Option<Decoded>, bool) {
    let mut unpacked = Vec::new();
    let mut reader = GzDecoder::new(&text[range.clone()]).take(MOST as u64 + 1);
    let ended = reader.read_to_end(&mut unpacked);
    let more = unpacked.len() > MOST;
    unpacked.truncate(MOST);
    if unpacked.is_empty() || (ended.is_err() && !more && unpacked.len() < 20) {
        return (None, more);
    }
    let mut map = Map::default();
    map.push(range.start, unpacked.len(), Scale::Whole(range.len()));
    (Some(Decoded { range: range.clone(), text: unpacked, map }), more)
}
