//! Plans and tiles.

use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use patchmill_core::Result;
use patchmill_core::patching::{Plan, Region, SampleSizes, TileGrid, split};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::dataset::items_of;
use crate::error::to_python;
use crate::transforms::rows;

/// An image as a plan sees it: its name, its number of samples, and their size along Z, Y and X.
type ImageSize = (String, usize, [usize; 3]);

/// The regions that an epoch can draw from.
#[pyclass(name = "Plan", module = "patchmill._core", frozen)]
pub(crate) struct PyPlan(pub(crate) Plan);

fn create(
    images: Vec<ImageSize>,
    patch: [usize; 3],
    plan: fn(&[SampleSizes], [usize; 3]) -> Result<Plan>,
) -> PyResult<PyPlan> {
    let sizes = |(image, n_samples, size)| SampleSizes { image, n_samples, size };
    let images: Vec<SampleSizes> = images.into_iter().map(sizes).collect();
    plan(&images, patch).map(PyPlan).map_err(|error| to_python(&error))
}

#[pymethods]
impl PyPlan {
    /// The cells: regions side by side, and one more at the far end of each axis.
    #[staticmethod]
    fn sequential(images: Vec<ImageSize>, patch_size: [usize; 3]) -> PyResult<Self> {
        create(images, patch_size, Plan::sequential)
    }

    /// A region near every cell, drawn anew in every epoch.
    #[staticmethod]
    fn stratified(images: Vec<ImageSize>, patch_size: [usize; 3]) -> PyResult<Self> {
        create(images, patch_size, Plan::stratified)
    }

    /// Regions drawn anew in every epoch.
    #[staticmethod]
    fn random(images: Vec<ImageSize>, patch_size: [usize; 3]) -> PyResult<Self> {
        create(images, patch_size, Plan::random)
    }

    /// Regions drawn once.
    #[staticmethod]
    fn fixed_random(images: Vec<ImageSize>, patch_size: [usize; 3]) -> PyResult<Self> {
        create(images, patch_size, Plan::fixed_random)
    }

    /// The plan with only the given cells.
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn keep(&self, kept: PyReadonlyArray1<'_, u64>) -> PyResult<Self> {
        self.0.keep(kept.as_array().iter().copied()).map(Self).map_err(|error| to_python(&error))
    }

    fn __len__(&self) -> usize {
        self.0.n_items() as usize
    }

    /// The number of cells of the whole grid.
    #[getter]
    fn n_cells(&self) -> u64 {
        self.0.n_cells()
    }

    /// The number of cells that are kept.
    #[getter]
    fn n_kept(&self) -> u64 {
        self.0.n_left()
    }

    /// The numbers of the cells that are kept; None if all are.
    fn kept<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<u64>>> {
        self.0.left().map(|left| PyArray1::from_iter(py, left.iter()))
    }

    /// The number of items up to the end of each image.
    fn image_ends<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        PyArray1::from_iter(py, self.0.image_ends().into_iter().map(|end| end as i64))
    }

    /// The regions of cells, as rows of (image, sample, z, y, x).
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn cells<'py>(&self, py: Python<'py>, numbers: PyReadonlyArray1<'py, u64>) -> PyResult<Bound<'py, PyArray2<i64>>> {
        let (numbers, n_cells) = (numbers.as_array(), self.0.n_cells());
        if let Some(number) = numbers.iter().find(|&&number| number >= n_cells) {
            return Err(PyIndexError::new_err(format!("cell: expected a number below {n_cells}, got {number}.")));
        }
        Ok(region_rows(py, numbers.iter().map(|&number| self.0.grid().region(number))))
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
        let items = items_of(&items, self.0.n_items())?;
        Ok(region_rows(py, items.into_iter().map(|item| self.0.region(seed, item.epoch, item.index))))
    }

    /// The plans for training and for validation, the number of items dropped because they overlap a validation patch,
    /// and whether `minimum` was lowered.
    #[pyo3(signature = (*, percentage, minimum, seed))]
    fn split(&self, py: Python<'_>, percentage: f64, minimum: u64, seed: u64) -> PyResult<(Self, Self, u64, bool)> {
        let found = py.detach(|| split(&self.0, percentage, minimum, seed)).map_err(|error| to_python(&error))?;
        Ok((Self(found.training), Self(found.validation), found.n_dropped, found.is_lowered))
    }
}

/// Regions as rows of (image, sample, z, y, x).
fn region_rows(py: Python<'_>, regions: impl Iterator<Item = Region>) -> Bound<'_, PyArray2<i64>> {
    let row = |region: Region| {
        let [z, y, x] = region.origin;
        [region.image, region.sample, z, y, x].map(|place| place as i64)
    };
    rows(py, &regions.flat_map(row).collect::<Vec<_>>(), 5)
}

/// The tiles of a sample.
#[pyclass(name = "TileGrid", module = "patchmill._core", frozen)]
pub(crate) struct PyTileGrid(pub(crate) TileGrid);

#[pymethods]
impl PyTileGrid {
    #[new]
    #[pyo3(signature = (size, *, tile_size, tile_overlap, margin = [0; 3]))]
    fn new(size: [usize; 3], tile_size: [usize; 3], tile_overlap: [usize; 3], margin: [usize; 3]) -> PyResult<Self> {
        let grid = TileGrid::new(size, tile_size, tile_overlap).map_err(|error| to_python(&error))?;
        Ok(Self(grid.with_margin(margin)))
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
