//! Statistics and quantiles of a source, whose images are at hand together or come one after the other.

use numpy::{PyArray1, ToPyArray};
use patchmill_core::sources;
use pyo3::prelude::*;

use crate::array::{NamedArray, images};
use crate::error::to_python;
use crate::run::run;

type Vector<'py> = Bound<'py, PyArray1<f64>>;
type Vectors<'py> = (Vector<'py>, Vector<'py>, Vector<'py>, Vector<'py>);

fn vectors<'py>(py: Python<'py>, found: &sources::Statistics) -> Vectors<'py> {
    (found.mean.to_pyarray(py), found.std.to_pyarray(py), found.min.to_pyarray(py), found.max.to_pyarray(py))
}

/// Mean, standard deviation, minimum and maximum of every channel.
#[pyfunction]
#[pyo3(signature = (inputs, *, per_channel=true, num_threads))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn statistics<'py>(
    py: Python<'py>,
    inputs: Vec<NamedArray<'py>>,
    per_channel: bool,
    num_threads: usize,
) -> PyResult<Vectors<'py>> {
    // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
    let images = unsafe { images(&inputs) }?;
    let found = run(py, num_threads, |cancel| sources::statistics(&images, per_channel, cancel))?;
    Ok(vectors(py, &found))
}

/// Quantiles of every channel.
#[pyfunction]
#[pyo3(signature = (inputs, levels, *, per_channel=true, num_threads))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn quantiles<'py>(
    py: Python<'py>,
    inputs: Vec<NamedArray<'py>>,
    levels: Vec<f64>,
    per_channel: bool,
    num_threads: usize,
) -> PyResult<Vec<Vec<f64>>> {
    // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
    let images = unsafe { images(&inputs) }?;
    run(py, num_threads, |cancel| sources::quantiles(&images, &levels, per_channel, cancel))
}

/// Statistics of images that come one after the other.
#[pyclass(name = "StatisticsAccumulator", module = "patchmill._core")]
pub(crate) struct PyStatisticsAccumulator(sources::StatisticsAccumulator);

#[pymethods]
impl PyStatisticsAccumulator {
    #[new]
    #[pyo3(signature = (*, per_channel=true))]
    fn new(per_channel: bool) -> Self {
        Self(sources::StatisticsAccumulator::new(per_channel))
    }

    /// Adds all pixels of some images.
    #[pyo3(signature = (inputs, *, num_threads))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn update<'py>(&mut self, py: Python<'py>, inputs: Vec<NamedArray<'py>>, num_threads: usize) -> PyResult<()> {
        // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
        let images = unsafe { images(&inputs) }?;
        run(py, num_threads, |cancel| self.0.update(&images, cancel))
    }

    /// Mean, standard deviation, minimum and maximum of every channel.
    fn finish<'py>(&self, py: Python<'py>) -> Vectors<'py> {
        vectors(py, &self.0.finish())
    }
}

/// Quantiles of images that come one after the other, once or several times.
#[pyclass(name = "QuantilesAccumulator", module = "patchmill._core")]
pub(crate) struct PyQuantilesAccumulator(sources::QuantilesAccumulator);

#[pymethods]
impl PyQuantilesAccumulator {
    #[new]
    #[pyo3(signature = (levels, *, per_channel=true))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn new(levels: Vec<f64>, per_channel: bool) -> PyResult<Self> {
        sources::QuantilesAccumulator::new(&levels, per_channel).map(Self).map_err(|error| to_python(&error))
    }

    /// Counts all pixels of some images in this pass.
    #[pyo3(signature = (inputs, *, num_threads))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn update<'py>(&mut self, py: Python<'py>, inputs: Vec<NamedArray<'py>>, num_threads: usize) -> PyResult<()> {
        // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
        let images = unsafe { images(&inputs) }?;
        run(py, num_threads, |cancel| self.0.update(&images, cancel))
    }

    /// Quantiles of every channel, or None if all images are needed once more.
    fn end_pass(&mut self) -> PyResult<Option<Vec<Vec<f64>>>> {
        self.0.end_pass().map_err(|error| to_python(&error))
    }
}
