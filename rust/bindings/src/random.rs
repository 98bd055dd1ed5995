//! Random words, and the order of an epoch.

use numpy::{PyArray1, ToPyArray};
use patchmill_core::random::{Permutation, Purpose, philox4x64};
use pyo3::prelude::*;

/// The four words of Philox4x64-10 for a counter and a key.
#[pyfunction]
#[pyo3(signature = (counter, key))]
pub(crate) fn random_words(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    philox4x64([counter], key)[0]
}

/// The items at places `start`, `start + step`, ... below `stop` in the order of a part of an epoch, of `n_items`.
#[pyfunction]
#[pyo3(signature = (n_items, *, seed, epoch, part = 0, start, stop, step))]
#[allow(clippy::too_many_arguments, reason = "extracted from Python")]
pub(crate) fn order(
    py: Python<'_>,
    n_items: u64,
    seed: u64,
    epoch: u64,
    part: u64,
    start: u64,
    stop: u64,
    step: usize,
) -> PyResult<Bound<'_, PyArray1<i64>>> {
    if stop > n_items || step == 0 {
        let message = format!("order: expected places below {n_items} and a step above 0, got {stop} and {step}.");
        return Err(crate::error::make("ConfigError", &message));
    }
    let order = Permutation::new(n_items, seed, Purpose::Order, epoch, part);
    let items: Vec<i64> = (start..stop).step_by(step).map(|place| order.at(place) as i64).collect();
    Ok(items.to_pyarray(py))
}

/// All items in the order in which a split keeps them for validation.
#[pyfunction]
#[pyo3(signature = (n_items, *, seed))]
pub(crate) fn split_order(py: Python<'_>, n_items: u64, seed: u64) -> Bound<'_, PyArray1<i64>> {
    let order = Permutation::new(n_items, seed, Purpose::Split, 0, 0);
    let items: Vec<i64> = (0..n_items).map(|place| order.at(place) as i64).collect();
    items.to_pyarray(py)
}
