//! The grid of cells: regions side by side, and one more at the far end of each axis, so that every pixel is covered.

use std::ops::Range;

use super::CellSet;
use super::axis::Axis;
use super::item_counts::{ItemCounts, Run};
use super::region::{Region, SampleSizes};
use crate::error::Result;
use crate::random::below;

/// Cells at 0, p, 2p, ... and size - p along every axis of every sample, numbered with X fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellGrid {
    patch: [usize; 3],
    sizes: Vec<[usize; 3]>,
    /// One run for each image.
    counts: ItemCounts,
}

impl CellGrid {
    /// The grid for patches of a size (Z, Y, X).
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn new(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        for image in images {
            image.check_patch(patch)?;
        }
        let sizes: Vec<[usize; 3]> = images.iter().map(|image| image.size).collect();
        let n_cells = |size: [usize; 3]| axes(size, patch).map(Axis::n_cells).iter().product::<usize>() as u64;
        let runs = images.iter().enumerate().map(|(number, image)| Run {
            image: number,
            samples: (0, image.n_samples),
            per_sample: n_cells(image.size),
        });
        let counts = ItemCounts::new(runs.collect());
        Ok(Self { patch, sizes, counts })
    }

    /// The size of the patches along Z, Y and X.
    pub fn patch_size(&self) -> [usize; 3] {
        self.patch
    }

    /// The number of cells.
    pub fn n_cells(&self) -> u64 {
        self.counts.total()
    }

    /// The region of a cell.
    ///
    /// # Panics
    ///
    /// If there is no such cell.
    pub fn region(&self, cell: u64) -> Region {
        let (image, sample, places) = self.places(cell);
        Region { image, sample, origin: places.map(|(axis, place)| axis.origin(place)) }
    }

    /// A region of the stratum of a cell: each origin of it is as likely along every axis.
    #[inline]
    pub(super) fn draw_in_stratum(&self, cell: u64, words: [u64; 4]) -> Region {
        let (image, sample, places) = self.places(cell);
        let strata = places.map(|(axis, place)| axis.stratum(place));
        let origin = |axis: usize| strata[axis].start + below(words[axis], strata[axis].len() as u64) as usize;
        Region { image, sample, origin: std::array::from_fn(origin) }
    }

    /// A region of a sample: each origin is as likely along every axis.
    #[inline]
    pub(super) fn draw_in_sample(&self, image: usize, sample: usize, words: [u64; 4]) -> Region {
        let n_origins = self.axes(image).map(Axis::n_origins);
        let origin = std::array::from_fn(|axis| below(words[axis], n_origins[axis] as u64) as usize);
        Region { image, sample, origin }
    }

    /// The cells that share a pixel with a patch, in rows along X.
    pub(super) fn overlapping(&self, region: Region) -> impl Iterator<Item = Range<u64>> {
        let axes = self.axes(region.image);
        let [_, n_y, n_x] = axes.map(Axis::n_cells);
        let [z, y, x]: [Range<usize>; 3] = std::array::from_fn(|axis| axes[axis].overlapping(region.origin[axis]));
        let first = self.of_sample(region.image, region.sample).start;
        z.flat_map(move |z| y.clone().map(move |y| first + ((z * n_y + y) * n_x) as u64))
            .map(move |row| row + x.start as u64..row + x.end as u64)
    }

    /// Whether a patch shares a pixel with one of some cells.
    #[inline(never)]
    pub(super) fn touches(&self, region: Region, cells: &CellSet) -> bool {
        self.overlapping(region).any(|mut row| row.any(|cell| cells.contains(cell)))
    }

    /// The number of images.
    pub(super) fn n_images(&self) -> usize {
        self.sizes.len()
    }

    /// The number of cells up to the end of each image.
    pub(super) fn image_ends(&self) -> Vec<u64> {
        self.counts.image_ends(self.sizes.len())
    }

    /// The cells of a sample.
    #[inline]
    pub(super) fn of_sample(&self, image: usize, sample: usize) -> Range<u64> {
        self.counts.of_sample(image, sample)
    }

    /// Of every image the number of its samples and their size.
    pub(super) fn images(&self) -> impl Iterator<Item = (usize, [usize; 3])> {
        self.counts.runs().iter().map(|run| (run.samples.1, self.sizes[run.image]))
    }

    /// The image and the sample of a cell, and its place along every axis.
    #[inline]
    fn places(&self, cell: u64) -> (usize, usize, [(Axis, usize); 3]) {
        let (image, sample, within) = self.counts.locate(cell);
        let [z, y, x] = self.axes(image);
        let within = within as usize;
        let (row, place_x) = (within / x.n_cells(), within % x.n_cells());
        (image, sample, [(z, row / y.n_cells()), (y, row % y.n_cells()), (x, place_x)])
    }

    #[inline]
    fn axes(&self, image: usize) -> [Axis; 3] {
        axes(self.sizes[image], self.patch)
    }
}

fn axes(size: [usize; 3], patch: [usize; 3]) -> [Axis; 3] {
    std::array::from_fn(|axis| Axis { size: size[axis], patch: patch[axis] })
}
