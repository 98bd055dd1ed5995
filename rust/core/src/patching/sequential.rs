//! The sequential plan: patches side by side, and one more at the far end of each axis, so that every pixel is covered.

use super::region::{ItemCounts, Region, SampleSizes};
use crate::error::Result;

/// Regions at 0, p, 2p, ... and size - p along every axis of every sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequentialPlan {
    patch: [usize; 3],
    sizes: Vec<[usize; 3]>,
    counts: ItemCounts,
}

impl SequentialPlan {
    /// The plan for patches of a size (Z, Y, X).
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn new(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        for image in images {
            image.check_patch(patch)?;
        }
        let per_sample = images.iter().map(|image| n_along(image.size, patch).iter().product::<usize>() as u64);
        Ok(Self {
            patch,
            sizes: images.iter().map(|image| image.size).collect(),
            counts: ItemCounts::new(images, per_sample.collect()),
        })
    }

    /// The size of the patches along Z, Y and X.
    pub fn patch_size(&self) -> [usize; 3] {
        self.patch
    }

    /// The number of regions.
    pub fn n_regions(&self) -> u64 {
        self.counts.total()
    }

    /// A region by its number.
    pub fn region(&self, item: u64) -> Region {
        let (image, sample, within) = self.counts.locate(item);
        let n = n_along(self.sizes[image], self.patch);
        let within = within as usize;
        let place = [within / (n[1] * n[2]), within / n[2] % n[1], within % n[2]];
        Region { image, sample, origin: self.origin(image, place) }
    }

    fn origin(&self, image: usize, place: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| (place[axis] * self.patch[axis]).min(self.sizes[image][axis] - self.patch[axis]))
    }

    /// The numbers of the regions that share a pixel with a region, itself among them.
    pub(super) fn overlapping(&self, item: u64) -> impl Iterator<Item = u64> {
        let (image, sample, within) = self.counts.locate(item);
        let n = n_along(self.sizes[image], self.patch);
        let within = within as usize;
        let place = [within / (n[1] * n[2]), within / n[2] % n[1], within % n[2]];
        let first = self.counts.first(image, sample);
        let region = self.region(item);
        // Only neighbours can overlap: all but the last region of an axis lie side by side.
        let near = move |axis: usize| place[axis].saturating_sub(1)..(place[axis] + 2).min(n[axis]);
        near(0)
            .flat_map(move |z| near(1).flat_map(move |y| near(2).map(move |x| [z, y, x])))
            .filter(move |&[z, y, x]| {
                let other = Region { image, sample, origin: self.origin(image, [z, y, x]) };
                region.overlaps(&other, self.patch)
            })
            .map(move |[z, y, x]| first + ((z * n[1] + y) * n[2] + x) as u64)
    }
}

/// How many regions lie along each axis.
fn n_along(size: [usize; 3], patch: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|axis| size[axis].div_ceil(patch[axis]))
}
