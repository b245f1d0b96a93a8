//! Digests of archives within archives. The same ones are met again and again, and bytes are compared several times as
//! fast as they are digested: so some are kept.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// Bytes that one thread keeps of all archives together.
const ROOM: usize = 1 << 20;

/// SHA-256 of an archive's bytes.
pub(super) type Digest = [u8; 32];

/// What one thread has digested.
#[derive(Default)]
pub(super) struct Digests {
    /// By length.
    known: HashMap<usize, (Box<[u8]>, Digest)>,
    kept: usize,
}

impl Digests {
    /// The digest of an archive.
    pub(super) fn of(&mut self, archive: &[u8]) -> Digest {
        let known = self.known.get(&archive.len());
        if let Some((_, digest)) = known.filter(|(known, _)| **known == *archive) {
            return *digest;
        }
        let digest = Sha256::digest(archive).into();
        let takes = if known.is_none() { archive.len() } else { 0 };
        if takes <= ROOM - self.kept {
            self.kept += takes;
            self.known.insert(archive.len(), (archive.into(), digest));
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_bytes() {
        let large = vec![b'l'; ROOM - 7];
        let mut digests = Digests::default();
        for archive in [&b"one"[..], b"two", b"", b"three", b"two", b"one", b"", &large] {
            assert_eq!(digests.of(archive), Digest::from(Sha256::digest(archive)));
        }
        assert!(digests.kept == 8 && digests.known.len() == 3);
    }
}
