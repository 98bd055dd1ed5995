//! The plan: which regions an epoch can draw from.

use std::sync::Arc;

use super::{RandomPlan, Region, SampleSizes, SequentialPlan};
use crate::error::Result;

/// An ordered list of regions, computed and not stored.
#[derive(Debug, Clone)]
pub enum Plan {
    /// The regions of a grid: all of them, or those with the given numbers.
    Sequential(SequentialPlan, Option<Arc<[u64]>>),
    /// Regions drawn anew in every epoch.
    Random(RandomPlan),
}

impl Plan {
    /// All regions of the sequential grid.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn sequential(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        Ok(Self::Sequential(SequentialPlan::new(images, patch)?, None))
    }

    /// Random regions.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn random(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        Ok(Self::Random(RandomPlan::new(images, patch)?))
    }

    /// The size of the patches along Z, Y and X.
    pub fn patch_size(&self) -> [usize; 3] {
        match self {
            Self::Sequential(grid, _) => grid.patch_size(),
            Self::Random(random) => random.patch_size(),
        }
    }

    /// The number of items in an epoch.
    pub fn n_items(&self) -> u64 {
        match self {
            Self::Sequential(_, Some(selected)) => selected.len() as u64,
            Self::Sequential(grid, None) => grid.n_regions(),
            Self::Random(random) => random.n_regions(),
        }
    }

    /// The region of an item; random plans draw it.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub fn region(&self, seed: u64, epoch: u64, item: u64) -> Region {
        assert!(item < self.n_items(), "item {item} of a plan of {}", self.n_items());
        match self {
            Self::Sequential(grid, None) => grid.region(item),
            Self::Sequential(grid, Some(selected)) => grid.region(selected[item as usize]),
            Self::Random(random) => random.draw_region(seed, epoch, item),
        }
    }
}
