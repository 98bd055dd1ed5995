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
