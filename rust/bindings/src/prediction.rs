//! Tiles out of an image, and predicted tiles back into one.

use std::sync::Mutex;

use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use patchmill_core::prediction;
use patchmill_core::prediction::{Blend, Profile, Window};
use patchmill_core::transforms::Affine;
use pyo3::prelude::*;

use crate::array::{NamedArray, images};
use crate::error::make;
use crate::patching::PyTileGrid;
use crate::run::{lock, run_each};

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
    let item_size = n_floats(affines.len(), grid.0.tile_size());
    let n_tiles = out.shape().first().copied().unwrap_or(0);
    let fits = affines.len() == image.n_channels()
        && grid.0.size() == image.size()
        && sample < image.n_samples()
        && first.checked_add(n_tiles).is_some_and(|end| end <= grid.0.n_tiles())
        && item_size.and_then(|size| size.checked_mul(n_tiles)) == Some(out.len());
    let mut out = out.try_readwrite()?;
    let (true, Some(item_size), Ok(out)) = (fits, item_size, out.as_slice_mut()) else {
        return Err(wrong_tiles());
    };
    run_each(py, num_threads, out.chunks_mut(item_size).enumerate(), |(place, tile)| {
        prediction::tile_into(image, sample, &grid.0, first + place, &affines, tile);
        Ok(())
    })
}

/// How predicted tiles are weighted where they overlap.
#[pyclass(frozen, module = "patchmill._core", name = "Blend")]
pub(crate) struct PyBlend(Blend);

#[pymethods]
impl PyBlend {
    #[new]
    fn new(grid: &PyTileGrid, profile: &str) -> PyResult<Self> {
        let profile = match profile {
            "linear" => Profile::Linear,
            "gaussian" => Profile::Gaussian,
            other => {
                let message = format!("blend: expected \"linear\", \"gaussian\" or None, got {other:?}.");
                return Err(make("ConfigError", &message));
            }
        };
        Ok(Self(Blend::new(&grid.0, profile)))
    }
}

/// Puts the predicted tiles from number `first` on into a window of a sample, back on the scale of the pixels.
#[pyfunction]
#[pyo3(signature = (tiles, grid, *, first, normalization, out, origin = None, blend = None))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn stitch_into<'py>(
    py: Python<'py>,
    tiles: PyReadonlyArrayDyn<'py, f32>,
    grid: &PyTileGrid,
    first: usize,
    normalization: Vec<(f64, f64)>,
    out: Bound<'py, PyArrayDyn<f32>>,
    origin: Option<[usize; 3]>,
    blend: Option<&PyBlend>,
) -> PyResult<()> {
    let (grid, blend) = (&grid.0, blend.map(|blend| &blend.0));
    let affines = affines(&normalization);
    let item_size = n_floats(affines.len(), grid.tile_size());
    let n_tiles = tiles.shape().first().copied().unwrap_or(0);
    let window = match *out.shape() {
        [n_channels, z, y, x] if n_channels == affines.len() => {
            Window { origin: origin.unwrap_or([0; 3]), size: [z, y, x] }
        }
        _ => return Err(wrong_tiles()),
    };
    let fits = item_size.and_then(|size| size.checked_mul(n_tiles)) == Some(tiles.len())
        && first.checked_add(n_tiles).is_some_and(|end| end <= grid.n_tiles())
        && blend.is_none_or(|blend| blend.grid() == grid)
        && (first..first + n_tiles).all(|tile| {
            let filled = blend.map_or_else(|| Window::kept(grid, tile), |blend| blend.covered(tile));
            window.holds(&filled)
        });
    let mut out = out.try_readwrite()?;
    let (true, Some(item_size), Ok(tiles), Ok(out)) = (fits, item_size, tiles.as_slice(), out.as_slice_mut()) else {
        return Err(wrong_tiles());
    };
    // One thread at a time, as blended tiles overlap.
    let out = Mutex::new(out);
    run_each(py, 1, tiles.chunks_exact(item_size).enumerate(), |(place, tile)| {
        let out = &mut **lock(&out);
        match blend {
            None => prediction::stitch_into(tile, grid, first + place, &affines, &window, out),
            Some(blend) => prediction::blend_into(tile, blend, first + place, &affines, &window, out),
        }
        Ok(())
    })
}

/// The floats of some channels of a size.
fn n_floats(n_channels: usize, size: [usize; 3]) -> Option<usize> {
    size.iter().try_fold(n_channels, |n, &along| n.checked_mul(along))
}

fn wrong_tiles() -> PyErr {
    make("ShapeError", "tiles: expected contiguous float32 arrays that fit the grid, the image and its channels.")
}
