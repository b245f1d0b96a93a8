//! Hashes of ids and numbers for tables, by multiplying them with a number that is chosen at random: it takes next to
//! nothing, and whoever makes a repository cannot choose ids that all end up in one place of a table.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The factor of one table.
#[derive(Clone, Copy)]
pub(super) struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading { numbers: 0, factor: self.0 }
    }
}

/// What is hashed.
pub(super) struct Spreading {
    numbers: u64,
    factor: u64,
}

impl Spreading {
    fn product(&self) -> u64 {
        // Tables take the lowest bits first; the highest ones of a product depend on all of both factors.
        self.numbers.wrapping_mul(self.factor).rotate_left(26)
    }
}

impl Hasher for Spreading {
    fn finish(&self) -> u64 {
        self.product()
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.write_u64(rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.numbers = self.product() ^ number;
    }

    /// Pairs of these are one number, with nothing to multiply in between.
    fn write_u32(&mut self, number: u32) {
        self.numbers = self.numbers.rotate_left(32) ^ u64::from(number);
    }

    /// All ids are of one length.
    fn write_usize(&mut self, _length: usize) {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sources::git::pack::Id;

    /// Ids that differ in two bytes only do not share what tables look at first. (With one factor in some hundreds they
    /// would, as any numbers can; which one a table has is not known to who makes ids.)
    #[test]
    fn ids_that_are_alike_are_spread() {
        let spread = Spread(0x9e37_79b9_7f4a_7c15);
        for place in 0..19 {
            let ids = (0..1_u16 << 12).map(|number| {
                let mut id: Id = [7; 20];
                id[place..place + 2].copy_from_slice(&number.to_be_bytes());
                id
            });
            let first: HashSet<u64> = ids.map(|id| spread.hash_one(id) & 0xffff).collect();
            assert!(first.len() > 1 << 10, "{place}: {}", first.len());
        }
    }
}
