//! Regions, and the samples that they are counted over.

use crate::error::{Error, Result};

/// Where a patch lies: its origin (Z, Y, X) in a sample of an image. Its size is the plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// The image's place in its source.
    pub image: usize,
    /// The sample in the image, `s * T + t`.
    pub sample: usize,
    /// The first pixel along Z, Y and X.
    pub origin: [usize; 3],
}

impl Region {
    /// Whether two regions of one size share a pixel.
    pub fn overlaps(&self, other: &Self, size: [usize; 3]) -> bool {
        (self.image, self.sample) == (other.image, other.sample)
            && (0..3).all(|axis| self.origin[axis].abs_diff(other.origin[axis]) < size[axis])
    }
}

/// What a plan has to know of an image: its name for errors, how many samples it has, and their size (Z, Y, X).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleSizes {
    /// What errors call the image.
    pub image: String,
    /// The number of samples.
    pub n_samples: usize,
    /// The size of each of them along Z, Y and X.
    pub size: [usize; 3],
}

impl SampleSizes {
    /// Checks that a patch fits into the image's samples.
    pub(super) fn check_patch(&self, patch: [usize; 3]) -> Result<()> {
        for (axis, (letter, &size)) in ['Z', 'Y', 'X'].into_iter().zip(&self.size).enumerate() {
            if patch[axis] == 0 || patch[axis] > size {
                return Err(Error::PatchLargerThanImage {
                    image: self.image.clone(),
                    axis: letter,
                    patch: patch[axis],
                    size,
                });
            }
        }
        Ok(())
    }
}

/// Items counted over the samples of all images: which sample an item belongs to, and which of its items it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemCounts {
    /// The number of items of each sample, image by image.
    per_sample: Vec<u64>,
    /// The number of items up to the end of each image.
    ends: Vec<u64>,
}

impl ItemCounts {
    pub(super) fn new(images: &[SampleSizes], per_sample: Vec<u64>) -> Self {
        let ends = images
            .iter()
            .zip(&per_sample)
            .scan(0, |end, (image, count)| {
                *end += image.n_samples as u64 * count;
                Some(*end)
            })
            .collect();
        Self { per_sample, ends }
    }

    pub(super) fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The image, the sample, and the item's number in the sample.
    #[inline]
    pub(super) fn locate(&self, item: u64) -> (usize, usize, u64) {
        let image = self.ends.partition_point(|&end| end <= item);
        let in_image = item - if image == 0 { 0 } else { self.ends[image - 1] };
        let count = self.per_sample[image];
        (image, (in_image / count) as usize, in_image % count)
    }

    /// The first item of a sample.
    pub(super) fn first(&self, image: usize, sample: usize) -> u64 {
        let start = if image == 0 { 0 } else { self.ends[image - 1] };
        start + sample as u64 * self.per_sample[image]
    }
}
