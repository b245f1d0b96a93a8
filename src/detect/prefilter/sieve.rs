//! Lists of offsets that are filled without branches: where a condition holds for one window in a hundred, a branch on
//! it is mispredicted about as often, and each of these costs more than the test of several windows.

use super::windows::{BLOCK, BLOCKS};

/// What is left of an area of text, as offsets in it, after each of three looks.
pub(super) struct Sieve {
    /// Blocks with a window whose index is wanted.
    pub(super) hot: Offsets<BLOCKS>,
    /// For each hot block, a bit for each of its windows, the first lowest.
    pub(super) masks: [u8; BLOCKS],
    /// Windows whose index is wanted.
    pub(super) wanted: Offsets<{ BLOCKS * BLOCK }>,
    /// Windows whose context agrees with what is known of their slot.
    pub(super) likely: Offsets<{ BLOCKS * BLOCK }>,
}

impl Sieve {
    pub(super) fn new() -> Self {
        Self {
            hot: Offsets::default(),
            masks: [0; BLOCKS],
            wanted: Offsets::default(),
            likely: Offsets::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.hot.len = 0;
        self.wanted.len = 0;
        self.likely.len = 0;
    }

    /// Takes a block at `offset` with the mask of its wanted windows, if there are any.
    pub(super) fn push_block(&mut self, offset: usize, mask: u8) {
        self.masks[self.hot.len % BLOCKS] = mask;
        self.hot.push_if(mask != 0, offset);
    }
}

/// Up to `N` offsets.
pub(super) struct Offsets<const N: usize> {
    offsets: [u16; N],
    len: usize,
}

impl<const N: usize> Default for Offsets<N> {
    fn default() -> Self {
        Self { offsets: [0; N], len: 0 }
    }
}

impl<const N: usize> Offsets<N> {
    /// Appends `offset` if `condition` holds, without a branch.
    pub(super) fn push_if(&mut self, condition: bool, offset: usize) {
        self.offsets[self.len % N] = offset as u16;
        self.len += usize::from(condition);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.offsets[..self.len].iter().map(|&offset| usize::from(offset))
    }
}
