//! Patch filters: scores of every cell of the sequential grid, which say whether there is something to learn from it.

mod cell;
mod margined;
mod mask;
mod max;
mod mean_std;
mod shannon;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use self::cell::{Cell, Score};
use self::mask::Mask;
use self::max::Max;
use self::mean_std::MeanStd;
use self::shannon::Shannon;
use super::{CellGrid, SampleSizes};
use crate::error::{Error, Result};
use crate::sources::Image;

/// About how many pixels a thread scores before it looks for other work.
const PIXELS: usize = 1 << 18;

/// What a cell is scored by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PatchFilter {
    /// The share of the pixels near which, in a window of half a patch, there is one above the threshold.
    Max {
        /// What is exceeded.
        threshold: f64,
    },
    /// The mean and the population standard deviation.
    MeanStd,
    /// The entropy of the distribution of values, in bits (Shannon, "A mathematical theory of communication", 1948).
    Shannon,
    /// The share of the pixels that are not zero.
    Mask,
}

impl PatchFilter {
    /// The number of scores that a cell has.
    pub fn n_scores(self) -> usize {
        match self {
            Self::MeanStd => 2,
            Self::Max { .. } | Self::Shannon | Self::Mask => 1,
        }
    }
}

/// Scores every cell of the sequential grid, in the order of the grid, by its pixels in one channel, on the threads of the
/// current pool.
///
/// # Errors
///
/// If an image is smaller than the patch or has no such channel, if the threshold is NaN, if a pixel is NaN, infinite or
/// beyond 2^53, or if `cancel` is set.
pub fn filter_cells(
    images: &[Image],
    patch: [usize; 3],
    channel: usize,
    filter: PatchFilter,
    cancel: &AtomicBool,
) -> Result<Vec<f64>> {
    check_channel(images, channel)?;
    let sizes = images.iter().map(|image| SampleSizes {
        image: image.name().into(),
        n_samples: image.n_samples(),
        size: image.size(),
    });
    let grid = CellGrid::new(&sizes.collect::<Vec<_>>(), patch)?;
    let cells = Cells { images, grid, channel, cancel };
    match filter {
        PatchFilter::Max { threshold } if threshold.is_nan() => {
            let (expected, got) = ("a number".into(), threshold.to_string());
            Err(Error::Argument { argument: "threshold", expected, got })
        }
        PatchFilter::Max { threshold } => cells.scores(&Max::new(threshold, patch)),
        PatchFilter::MeanStd => cells.scores(&MeanStd),
        PatchFilter::Shannon => cells.scores(&Shannon),
        PatchFilter::Mask => cells.scores(&Mask),
    }
}

fn check_channel(images: &[Image], channel: usize) -> Result<()> {
    match images.iter().find(|image| channel >= image.n_channels()) {
        None => Ok(()),
        Some(image) => Err(Error::Mismatch {
            image: image.name().into(),
            expected: format!("more than {channel} channels, for the reference channel {channel}"),
            got: image.n_channels().to_string(),
            remedy: "Channels are counted from 0: choose another one.",
        }),
    }
}

/// The cells of the sequential grid of some images.
struct Cells<'a> {
    images: &'a [Image],
    grid: CellGrid,
    channel: usize,
    cancel: &'a AtomicBool,
}

impl Cells<'_> {
    fn cell(&self, number: u64) -> Cell<'_> {
        let region = self.grid.region(number);
        Cell {
            image: &self.images[region.image],
            sample: region.sample,
            channel: self.channel,
            origin: region.origin,
            size: self.grid.patch_size(),
            cancel: self.cancel,
        }
    }

    fn scores<S: Score>(&self, score: &S) -> Result<Vec<f64>> {
        let n_together = (PIXELS / self.grid.patch_size().iter().product::<usize>()).max(1);
        let first_bad = AtomicU64::new(u64::MAX);
        let mut scores = vec![0.0; self.grid.n_cells() as usize * S::N_SCORES];
        let tasks = scores.par_chunks_mut(n_together * S::N_SCORES).enumerate();
        tasks.for_each_init(
            || score.scratch(),
            |scratch, (task, scores)| {
                for (place, scores) in scores.chunks_exact_mut(S::N_SCORES).enumerate() {
                    let number = (task * n_together + place) as u64;
                    // All cells before the first bad one are scored, so that it is the same one whoever was faster.
                    if self.cancel.load(Ordering::Relaxed) || number > first_bad.load(Ordering::Relaxed) {
                        return;
                    }
                    if !score.score(&self.cell(number), scratch, scores) {
                        first_bad.fetch_min(number, Ordering::Relaxed);
                    }
                }
            },
        );
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        match first_bad.into_inner() {
            u64::MAX => Ok(scores),
            number => Err(self.cell(number).bad_pixel()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{Element, PixelType, dispatch};
    use crate::vectors::Vectors;

    #[test]
    fn all_vectors_make_the_same_scores() {
        // No byte has the bits of a NaN or an infinity, in either byte order, and some pixels of every type are zero.
        let bytes: Vec<u8> = (0..2 * 3 * 70 * 90 * 8).map(|i: usize| (i / 8 * (i / 8) % 61) as u8).collect();
        for pixel_type in PixelType::ALL {
            let size = dispatch!(pixel_type, T => T::SIZE);
            for step in [size, 2 * size] {
                let strides = [0, 0, 0, 70 * 90 * step, 90 * step, step].map(|stride| stride as isize);
                // SAFETY: rows of 90 pixels at `step` bytes lie in `bytes`, which outlives the image.
                let image = unsafe { Image::new("image", bytes.as_ptr(), pixel_type, [1, 1, 1, 3, 70, 90], strides) };
                let (image, cancel) = (image.unwrap(), AtomicBool::new(false));
                let (sample, channel, origin, size) = (0, 0, [0, 3, 2], [3, 67, 85]);
                let cell = Cell { image: &image, sample, channel, origin, size, cancel: &cancel };
                for threshold in [0.0, 20.0, 1e5] {
                    let max = Max::new(threshold, size);
                    let near =
                        Vectors::all().into_iter().map(|vectors| max.count_near(vectors, &cell, &mut Vec::new()));
                    assert_all_equal(&near.collect::<Vec<_>>(), pixel_type);
                }
                let inside = Vectors::all().into_iter().map(|vectors| Mask::count_inside(vectors, &cell));
                assert_all_equal(&inside.collect::<Vec<_>>(), pixel_type);
            }
        }
    }

    fn assert_all_equal<S: PartialEq + std::fmt::Debug>(found: &[S], pixel_type: PixelType) {
        assert!(found.iter().all(|score| *score == found[0]), "{pixel_type:?}: {found:?}");
    }
}
