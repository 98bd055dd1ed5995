//! One cell of the sequential grid, and what it is to score it.

use std::sync::atomic::AtomicBool;

use crate::error::Error;
use crate::sources::{Block, Image, changed_pixels, dispatch, is_transposed};

/// The pixels of a patch in one channel.
pub(super) struct Cell<'a> {
    pub(super) image: &'a Image,
    pub(super) sample: usize,
    pub(super) channel: usize,
    pub(super) origin: [usize; 3],
    pub(super) size: [usize; 3],
    pub(super) cancel: &'a AtomicBool,
}

impl<'a> Cell<'a> {
    pub(super) fn n_pixels(&self) -> usize {
        self.size.iter().product()
    }

    /// What is given along Z, Y and X as it is along Z, from row to row, and along rows. These run along Y where that is
    /// how memory runs.
    pub(super) fn in_order_of_memory(&self, [z, y, x]: [usize; 3]) -> [usize; 3] {
        if is_transposed(self.image) { [z, x, y] } else { [z, y, x] }
    }

    /// The planes of the patch, one after the other along Z.
    #[inline(always)]
    pub(super) fn planes(&self) -> impl Iterator<Item = Block<'a>> {
        let Self { image, sample, channel, origin: [first, y, x], size: [depth, height, width], cancel } = *self;
        (first..first + depth).map(move |z| Block::of_plane(image, sample, channel, [z, y, x], [height, width], cancel))
    }

    /// The error for the first bad pixel, if there is known to be one.
    pub(super) fn bad_pixel(&self) -> Error {
        let found = dispatch!(self.image.pixel_type(), T => self.planes().find_map(|plane| plane.bad_pixel::<T>()));
        found.unwrap_or_else(|| changed_pixels(self.image))
    }
}

/// A way to score cells.
pub(super) trait Score: Sync {
    /// The scores of a cell.
    const N_SCORES: usize;

    /// The memory that a thread needs.
    type Scratch;

    /// Makes the memory that a thread needs.
    fn scratch(&self) -> Self::Scratch;

    /// Scores a cell. False if one of its pixels is bad; the scores mean nothing then.
    fn score(&self, cell: &Cell<'_>, scratch: &mut Self::Scratch, scores: &mut [f64]) -> bool;
}
