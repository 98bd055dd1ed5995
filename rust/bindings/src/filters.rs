//! Patch filters.

use numpy::{PyArray2, PyArrayMethods, ToPyArray};
use patchmill_core::patching::{self, PatchFilter};
use pyo3::prelude::*;

use crate::array::{NamedArray, images};
use crate::error::make;
use crate::run::run;

/// The scores of every cell of the sequential grid, one or two for each.
#[pyfunction]
#[pyo3(signature = (inputs, patch_size, name, *, channel, threshold=None, num_threads))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn filter_cells<'py>(
    py: Python<'py>,
    inputs: Vec<NamedArray<'py>>,
    patch_size: [usize; 3],
    name: &str,
    channel: usize,
    threshold: Option<f64>,
    num_threads: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let filter = match (name, threshold) {
        ("max", Some(threshold)) => PatchFilter::Max { threshold },
        ("mean_std", None) => PatchFilter::MeanStd,
        ("shannon", None) => PatchFilter::Shannon,
        ("mask", None) => PatchFilter::Mask,
        _ => {
            let message = format!(
                "patch filter: expected mean_std, shannon or mask without a threshold, or max with one, got {name} \
                 with {threshold:?}."
            );
            return Err(make("ConfigError", &message));
        }
    };
    // SAFETY: `inputs` lives until the end of the function, and the views do not leave it.
    let images = unsafe { images(&inputs) }?;
    let scores = run(py, num_threads, |cancel| patching::filter_cells(&images, patch_size, channel, filter, cancel))?;
    let n_scores = filter.n_scores();
    scores.to_pyarray(py).reshape([scores.len() / n_scores, n_scores])
}
