//! Memory in which one object is put after the other. What it held before is written over; nothing is cleared first.

use std::ops::Deref;

/// Bytes behind the content that may be written, too. Who writes into memory in large steps needs no look at where it
/// ends as long as so many are left; libdeflate has a slow loop for its last 299 bytes.
const PAST: usize = 320;

/// Bytes, and memory for more.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// Makes room for a content of `len` bytes and some more behind it. What stands there is left from before.
    pub(crate) fn room(&mut self, len: usize) -> &mut [u8] {
        let wanted = len + PAST;
        if self.bytes.len() < wanted {
            let grown = wanted.max(2 * self.bytes.len());
            // What it held is of no use, so it is not copied over.
            self.bytes = Vec::new();
            self.bytes = vec![0; grown];
        }
        self.len = len;
        &mut self.bytes[..wanted]
    }

    /// Gives back what is more than four times as much as the content needs.
    pub(crate) fn fit(&mut self) {
        let needed = self.len + PAST;
        if self.bytes.len() / 4 > needed {
            self.bytes.truncate(needed);
            self.bytes.shrink_to_fit();
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_too_large_is_given_back_and_the_content_stays() {
        let mut buffer = Buffer::default();
        buffer.room(1 << 20);
        buffer.room(3)[..3].copy_from_slice(b"abc");
        let large = buffer.size();
        buffer.fit();
        assert_eq!(*buffer, *b"abc");
        assert!(buffer.size() < large / 1000 && buffer.bytes.capacity() < large / 1000);
        let size = buffer.size();
        buffer.room(100);
        buffer.fit();
        assert!(buffer.size() >= size && buffer.len() == 100);
    }
}
