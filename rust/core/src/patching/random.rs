//! Random items: as many of every sample as would cover it, wherever chance puts them.

use std::sync::Arc;

use super::item_counts::{ItemCounts, Run};
use super::{CellGrid, CellSet, Region};
use crate::random::below;

/// The items of every sample, and where a filter lets them lie.
#[derive(Debug)]
pub(super) struct RandomItems {
    counts: ItemCounts,
    /// The cells near which they lie; anywhere, if nothing is filtered.
    kept: Option<Arc<CellSet>>,
}

impl RandomItems {
    /// `ceil(pixels of a sample / pixels of a patch)` items a sample, or the share of them that the kept ones are of its
    /// cells, rounded up.
    pub(super) fn new(grid: &CellGrid, kept: Option<Arc<CellSet>>) -> Self {
        let n_pixels = |size: [usize; 3]| size.iter().product::<usize>();
        let patch_pixels = n_pixels(grid.patch_size());
        let mut runs = Vec::new();
        for (image, (n_samples, size)) in grid.images().enumerate() {
            let n_items = n_pixels(size).div_ceil(patch_pixels) as u64;
            match &kept {
                None => runs.push(Run { image, samples: (0, n_samples), per_sample: n_items }),
                Some(kept) => runs.extend((0..n_samples).map(|sample| Run {
                    image,
                    samples: (sample, sample + 1),
                    per_sample: share(n_items, grid, image, sample, kept),
                })),
            }
        }
        Self { counts: ItemCounts::new(runs), kept }
    }

    /// The number of items in an epoch.
    pub(super) fn n_items(&self) -> u64 {
        self.counts.total()
    }

    /// The number of items up to the end of each of `n_images` images.
    pub(super) fn image_ends(&self, n_images: usize) -> Vec<u64> {
        self.counts.image_ends(n_images)
    }

    /// How an item's region is drawn from four words: anywhere in its sample, or in the stratum of one of its kept cells.
    #[inline]
    pub(super) fn draw<'a>(&'a self, grid: &'a CellGrid, item: u64) -> impl Fn([u64; 4]) -> Region + 'a {
        let (image, sample, _) = self.counts.locate(item);
        let kept = self.kept.as_deref().map(|kept| (kept, places(grid, image, sample, kept)));
        move |words| match &kept {
            None => grid.draw_in_sample(image, sample, words),
            Some((kept, places)) => {
                let place = places.start + below(words[3], places.end - places.start);
                grid.draw_in_stratum(kept.at(place), words)
            }
        }
    }
}

/// The places of a sample's cells in a set.
fn places(grid: &CellGrid, image: usize, sample: usize, kept: &CellSet) -> std::ops::Range<u64> {
    let cells = grid.of_sample(image, sample);
    kept.n_before(cells.start)..kept.n_before(cells.end)
}

fn share(n_items: u64, grid: &CellGrid, image: usize, sample: usize, kept: &CellSet) -> u64 {
    let (cells, places) = (grid.of_sample(image, sample), places(grid, image, sample, kept));
    let n_kept = u128::from(n_items) * u128::from(places.end - places.start);
    n_kept.div_ceil(u128::from(cells.end - cells.start)) as u64
}
