//! Plans and tiles.

use numpy::{PyArray2, PyReadonlyArray2};
use patchmill_core::patching::{Plan, SampleSizes, TileGrid, split};
use pyo3::prelude::*;

use crate::dataset::items_of;
use crate::error::to_python;
use crate::transforms::rows;

/// An image as a plan sees it: its name, its number of samples, and their size along Z, Y and X.
type ImageSize = (String, usize, [usize; 3]);

/// The regions that an epoch can draw from.
#[pyclass(name = "Plan", module = "patchmill._core", frozen)]
pub(crate) struct PyPlan {
    pub(crate) plan: Plan,
    images: Vec<SampleSizes>,
}

fn sample_sizes(images: Vec<ImageSize>) -> Vec<SampleSizes> {
    images.into_iter().map(|(image, n_samples, size)| SampleSizes { image, n_samples, size }).collect()
}

#[pymethods]
impl PyPlan {
    /// Regions side by side, and one more at the far end of each axis.
    #[staticmethod]
    fn sequential(images: Vec<ImageSize>, patch_size: [usize; 3]) -> PyResult<Self> {
        let images = sample_sizes(images);
        let plan = Plan::sequential(&images, patch_size).map_err(|error| to_python(&error))?;
        Ok(Self { plan, images })
    }

    /// Regions drawn anew in every epoch.
    #[staticmethod]
    fn random(images: Vec<ImageSize>, patch_size: [usize; 3]) -> PyResult<Self> {
        let images = sample_sizes(images);
        let plan = Plan::random(&images, patch_size).map_err(|error| to_python(&error))?;
        Ok(Self { plan, images })
    }

    fn __len__(&self) -> usize {
        self.plan.n_items() as usize
    }

    /// The regions of items, as rows of (image, sample, z, y, x).
    #[pyo3(signature = (items, *, seed))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn regions<'py>(
        &self,
        py: Python<'py>,
        items: PyReadonlyArray2<'py, i64>,
        seed: u64,
    ) -> PyResult<Bound<'py, PyArray2<i64>>> {
        let mut regions = Vec::new();
        for item in items_of(&items, self.plan.n_items())? {
            let region = self.plan.region(seed, item.epoch, item.index);
            regions.extend([region.image as i64, region.sample as i64]);
            regions.extend(region.origin.map(|origin| origin as i64));
        }
        Ok(rows(py, &regions, 5))
    }

    /// The plans for training and for validation, the number of regions dropped because they overlap a validation
    /// patch, and whether `minimum` was lowered.
    #[pyo3(signature = (*, percentage, minimum, seed))]
    fn split(&self, percentage: f64, minimum: u64, seed: u64) -> PyResult<(Self, Self, u64, bool)> {
        let found = split(&self.plan, &self.images, percentage, minimum, seed).map_err(|error| to_python(&error))?;
        let with = |plan| Self { plan, images: self.images.clone() };
        Ok((with(found.training), with(found.validation), found.n_dropped, found.is_lowered))
    }
}

/// The tiles of a sample.
#[pyclass(name = "TileGrid", module = "patchmill._core", frozen)]
pub(crate) struct PyTileGrid(pub(crate) TileGrid);

#[pymethods]
impl PyTileGrid {
    #[new]
    #[pyo3(signature = (size, *, tile_size, tile_overlap))]
    fn new(size: [usize; 3], tile_size: [usize; 3], tile_overlap: [usize; 3]) -> PyResult<Self> {
        TileGrid::new(size, tile_size, tile_overlap).map(Self).map_err(|error| to_python(&error))
    }

    fn __len__(&self) -> usize {
        self.0.n_tiles()
    }

    /// A tile's spans along Z, Y and X, each (origin, crop_start, crop_end, stitch_start).
    fn tile(&self, number: usize) -> PyResult<[(usize, usize, usize, usize); 3]> {
        if number >= self.0.n_tiles() {
            let message = format!("tile: expected a number below {}, got {number}.", self.0.n_tiles());
            return Err(crate::error::make("ConfigError", &message));
        }
        Ok(self.0.tile(number).map(|span| (span.origin, span.crop_start, span.crop_end, span.stitch_start)))
    }
}
