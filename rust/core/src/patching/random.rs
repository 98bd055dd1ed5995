//! Random items: as many of every sample as would cover it, wherever chance puts them.

use std::ops::Range;
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
        Self { counts: count(grid, kept.as_deref(), None), kept }
    }

    /// The same items without those of samples in which no cell is free. Without a filter, no other region is free there
    /// either: what overlaps the cell that a region begins in overlaps the region.
    pub(super) fn in_samples_with(&self, grid: &CellGrid, free: &CellSet) -> Self {
        Self { counts: count(grid, self.kept.as_deref(), Some(free)), kept: self.kept.clone() }
    }

    /// The number of items in an epoch.
    pub(super) fn n_items(&self) -> u64 {
        self.counts.total()
    }

    /// The number of items up to the end of each of `n_images` images.
    pub(super) fn image_ends(&self, n_images: usize) -> Vec<u64> {
        self.counts.image_ends(n_images)
    }

    /// The cells of a set, or all of them, that lie in an item's sample: their places in the set.
    pub(super) fn places(&self, grid: &CellGrid, item: u64, cells: Option<&CellSet>) -> Range<u64> {
        let (image, sample, _) = self.counts.locate(item);
        cells.map_or_else(|| grid.of_sample(image, sample), |cells| places(grid, image, sample, cells))
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

/// The items of every sample, by the share of its cells that are kept, and in those samples alone where a cell is free.
fn count(grid: &CellGrid, kept: Option<&CellSet>, free: Option<&CellSet>) -> ItemCounts {
    let n_pixels = |size: [usize; 3]| size.iter().product::<usize>();
    let patch_pixels = n_pixels(grid.patch_size());
    let mut runs = Vec::new();
    for (image, (n_samples, size)) in grid.images().enumerate() {
        let n_items = n_pixels(size).div_ceil(patch_pixels) as u64;
        if kept.is_none() && free.is_none() {
            runs.push(Run { image, samples: (0, n_samples), per_sample: n_items });
            continue;
        }
        runs.extend((0..n_samples).map(|sample| {
            let is_free = free.is_none_or(|free| !places(grid, image, sample, free).is_empty());
            let per_sample = match kept {
                _ if !is_free => 0,
                None => n_items,
                Some(kept) => share(n_items, grid, image, sample, kept),
            };
            Run { image, samples: (sample, sample + 1), per_sample }
        }));
    }
    ItemCounts::new(runs)
}

/// The places of a sample's cells in a set.
fn places(grid: &CellGrid, image: usize, sample: usize, cells: &CellSet) -> Range<u64> {
    let of_sample = grid.of_sample(image, sample);
    cells.n_before(of_sample.start)..cells.n_before(of_sample.end)
}

fn share(n_items: u64, grid: &CellGrid, image: usize, sample: usize, kept: &CellSet) -> u64 {
    let (cells, places) = (grid.of_sample(image, sample), places(grid, image, sample, kept));
    let n_kept = u128::from(n_items) * u128::from(places.end - places.start);
    n_kept.div_ceil(u128::from(cells.end - cells.start)) as u64
}
