//! Tiles out of an image, and predicted tiles back into one.

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use patchmill_core::prediction;
use patchmill_core::transforms::Affine;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::array::{NamedArray, images};
use crate::error::make;
use crate::patching::PyTileGrid;
use crate::run::run;

/// A channel's normalisation: shift and scale.
pub(crate) fn affines(pairs: &[(f64, f64)]) -> Vec<Affine> {
    pairs.iter().map(|&(shift, scale)| Affine::new(shift, scale)).collect()
}

/// Cuts the tiles from number `first` on out of a sample into `out`, as many as it holds.
#[pyfunction]
#[pyo3(signature = (image, sample, grid, *, first, normalization, out, num_threads))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn tiles_into<'py>(
    py: Python<'py>,
    image: NamedArray<'py>,
    sample: usize,
    grid: &PyTileGrid,
    first: usize,
    normalization: Vec<(f64, f64)>,
    out: Bound<'py, PyArrayDyn<f32>>,
    num_threads: usize,
) -> PyResult<()> {
    let arrays = [image];
    // SAFETY: `arrays` lives until the end of the function, and the views do not leave it.
    let image = &unsafe { images(&arrays) }?[0];
    let affines = affines(&normalization);
    let item_size = affines.len() * grid.0.tile_size().iter().product::<usize>();
    let n_tiles = out.shape().first().copied().unwrap_or(0);
    let fits = affines.len() == image.n_channels()
        && grid.0.size() == image.size()
        && sample < image.n_samples()
        && first + n_tiles <= grid.0.n_tiles()
        && out.len() == n_tiles * item_size;
    let mut out = out.try_readwrite()?;
    let (true, Ok(out)) = (fits, out.as_slice_mut()) else {
        return Err(wrong_tiles());
    };
    run(py, num_threads, |_| {
        out.par_chunks_mut(item_size).enumerate().for_each(|(place, tile)| {
            prediction::tile_into(image, sample, &grid.0, first + place, &affines, tile);
        });
        Ok(())
    })
}

/// Puts the predicted tiles from number `first` on into a sample, back on the scale of the pixels.
#[pyfunction]
#[pyo3(signature = (tiles, grid, *, first, normalization, out))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn stitch_into<'py>(
    py: Python<'py>,
    tiles: PyReadonlyArrayDyn<'py, f32>,
    grid: &PyTileGrid,
    first: usize,
    normalization: Vec<(f64, f64)>,
    out: Bound<'py, PyArrayDyn<f32>>,
) -> PyResult<()> {
    let affines = affines(&normalization);
    let item_size = affines.len() * grid.0.tile_size().iter().product::<usize>();
    let n_tiles = tiles.shape().first().copied().unwrap_or(0);
    let fits = tiles.len() == n_tiles * item_size
        && first + n_tiles <= grid.0.n_tiles()
        && out.len() == affines.len() * grid.0.size().iter().product::<usize>();
    let mut out = out.try_readwrite()?;
    let (true, Ok(tiles), Ok(out)) = (fits, tiles.as_slice(), out.as_slice_mut()) else {
        return Err(wrong_tiles());
    };
    run(py, 1, |_| {
        for (place, tile) in tiles.chunks_exact(item_size).enumerate() {
            prediction::stitch_into(tile, &grid.0, first + place, &affines, out);
        }
        Ok(())
    })
}

fn wrong_tiles() -> PyErr {
    make("ShapeError", "tiles: expected contiguous float32 arrays that fit the grid, the image and its channels.")
}
