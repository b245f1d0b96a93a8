//! Digests that other tools write down in place of values.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_64;

use crate::model::finding::Part;
use crate::model::secret::Secret;

/// A value as another tool wrote it down without saying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Digest {
    /// SHA-1 of the value.
    Sha1([u8; 20]),
    /// SHA-256 of the value.
    Sha256([u8; 32]),
    /// HMAC-SHA-256 of the value, under the list's key.
    Hmac([u8; 32]),
    /// SHA-256 of GitGuardian's `value,type` sequence.
    GitGuardian([u8; 32]),
    /// XXH3 of value, kind of source and place: Kingfisher's.
    Kingfisher(u64),
}

/// Which kinds of digest a list has, so that none is worked out in vain.
#[derive(Default)]
pub(super) struct Digested {
    /// What [`Digest::Hmac`] entries were made with.
    pub(super) key: Option<Secret>,
    kinds: [bool; 5],
}

impl Digested {
    /// Says that there is such a digest.
    pub(super) fn want(&mut self, digest: &Digest) {
        self.kinds[kind(digest)] = true;
    }

    /// Whether there is a digest of this one's kind.
    pub(super) fn is_wanted(&self, digest: &Digest) -> bool {
        self.kinds[kind(digest)]
    }

    /// The digests of a part that there may be entries for.
    pub(super) fn of(&self, part: &Part) -> Vec<Digest> {
        let value = part.value.expose();
        let mut digests = Vec::new();
        if self.is_wanted(&Digest::Sha1([0; 20])) {
            digests.push(Digest::Sha1(Sha1::digest(value).into()));
        }
        if self.is_wanted(&Digest::Sha256([0; 32])) {
            digests.push(Digest::Sha256(Sha256::digest(value).into()));
        }
        if let (true, Some(key)) = (self.is_wanted(&Digest::Hmac([0; 32])), &self.key) {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose())
                .expect("HMAC takes a key of any length");
            mac.update(value);
            digests.push(Digest::Hmac(mac.finalize().into_bytes().into()));
        }
        if self.is_wanted(&Digest::Kingfisher(0)) {
            digests.extend(["file", "git", "ext"].map(|source| kingfisher(part, source)));
        }
        digests
    }
}

/// Kingfisher's fingerprint of a part met in such a source.
fn kingfisher(part: &Part, source: &str) -> Digest {
    let mut text = part.value.expose().to_vec();
    text.extend_from_slice(source.as_bytes());
    text.extend_from_slice(&part.span.start.to_le_bytes());
    text.extend_from_slice(&part.span.end.to_le_bytes());
    Digest::Kingfisher(XxHash3_64::oneshot(&text))
}

fn kind(digest: &Digest) -> usize {
    match digest {
        Digest::Sha1(_) => 0,
        Digest::Sha256(_) => 1,
        Digest::Hmac(_) => 2,
        Digest::GitGuardian(_) => 3,
        Digest::Kingfisher(_) => 4,
    }
}
