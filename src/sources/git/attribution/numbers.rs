//! The numbers of objects, by their ids.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use super::spread::Spread;
use crate::sources::git::pack::Id;

/// The most tables that ids are dealt into.
const MAX_TABLES: usize = 16;

/// Ids in an order of their own, and their places in it. All that a look-up goes through is a number of four bytes for
/// each, which processors keep near by; a map that holds the ids as well is six times as large, and spread over all of it
/// is read.
pub(super) struct Numbers {
    ids: Vec<Id>,
    /// Each has the ids whose last byte tells so, as many tables as there are threads to fill them.
    tables: Vec<HashTable<u32>>,
    spread: Spread,
}

impl Numbers {
    /// Numbers ids in their order; one that stands there twice has its last number.
    pub(super) fn of(ids: Vec<Id>) -> Self {
        let spread = Spread::default();
        Self { tables: vec![table(&ids, spread, 0, 1)], ids, spread }
    }

    /// [`Self::of`] on the threads of the current pool.
    pub(super) fn in_parallel(ids: Vec<Id>) -> Self {
        let count = rayon::current_num_threads().next_power_of_two().min(MAX_TABLES);
        let spread = Spread::default();
        let tables = (0..count).into_par_iter().map(|number| table(&ids, spread, number, count));
        Self { tables: tables.collect(), ids, spread }
    }

    /// How many there are, those that stand there twice counted each.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, number: u32) -> Id {
        self.ids[number as usize]
    }

    pub(super) fn get(&self, id: &Id) -> Option<u32> {
        let table = &self.tables[table_of(id, self.tables.len())];
        table.find(self.spread.hash_one(id), |number| self.ids[*number as usize] == *id).copied()
    }
}

/// One of so many tables.
fn table(ids: &[Id], spread: Spread, number: usize, count: usize) -> HashTable<u32> {
    let mut table = HashTable::with_capacity(ids.len() / count * 9 / 8);
    let own = ids.iter().zip(0..).filter(|(id, _)| table_of(id, count) == number);
    for (id, number) in own {
        let is_same = |known: &u32| ids[*known as usize] == *id;
        let hash = |known: &u32| spread.hash_one(ids[*known as usize]);
        match table.entry(spread.hash_one(id), is_same, hash) {
            Entry::Occupied(mut known) => *known.get_mut() = number,
            Entry::Vacant(free) => {
                free.insert(number);
            }
        }
    }
    table
}

/// Which of so many tables an id is in; there are a power of two of them.
fn table_of(id: &Id, count: usize) -> usize {
    usize::from(id[19]) & (count - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rayon::ThreadPoolBuilder;

    use super::*;

    proptest! {
        #[test]
        fn ids_have_their_last_number(ids in prop::collection::vec((0..3_u8, 0..9_u8), 0..60), threads in 1..5_usize) {
            let id = |(first, last): (u8, u8)| {
                let mut id = [first; 20];
                id[19] = last;
                id
            };
            let ids: Vec<Id> = ids.into_iter().map(id).collect();
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let one = Numbers::of(ids.clone());
            let numbers = pool.install(|| Numbers::in_parallel(ids.clone()));
            for asked in (0..4).flat_map(|first| (0..10).map(move |last| id((first, last)))) {
                let expected = ids.iter().rposition(|id| *id == asked);
                prop_assert_eq!(numbers.get(&asked).map(|number| number as usize), expected);
                prop_assert_eq!(one.get(&asked), numbers.get(&asked));
            }
        }
    }
}
