//! Statistics and quantiles of a source.

use numpy::{PyArray1, ToPyArray};
use patchmill_core::sources;
use pyo3::prelude::*;

use crate::array::{NamedArray, images};
use crate::run::run;

type Vector<'py> = Bound<'py, PyArray1<f64>>;

/// Mean, standard deviation, minimum and maximum of every channel.
#[pyfunction]
#[pyo3(signature = (inputs, *, num_threads))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn statistics<'py>(
    py: Python<'py>,
    inputs: Vec<NamedArray<'py>>,
    num_threads: usize,
) -> PyResult<(Vector<'py>, Vector<'py>, Vector<'py>, Vector<'py>)> {
    // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
    let images = unsafe { images(&inputs) }?;
    let found = run(py, num_threads, |cancel| sources::statistics(&images, cancel))?;
    Ok((found.mean.to_pyarray(py), found.std.to_pyarray(py), found.min.to_pyarray(py), found.max.to_pyarray(py)))
}

/// Quantiles of every channel.
#[pyfunction]
#[pyo3(signature = (inputs, levels, *, num_threads))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn quantiles<'py>(
    py: Python<'py>,
    inputs: Vec<NamedArray<'py>>,
    levels: Vec<f64>,
    num_threads: usize,
) -> PyResult<Vec<Vec<f64>>> {
    // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
    let images = unsafe { images(&inputs) }?;
    run(py, num_threads, |cancel| sources::quantiles(&images, &levels, cancel))
}
