//! `patchmill._core`: what Python sees of patchmill-core.
//!
//! Every function here extracts its arguments, checks them, leaves Python through one door ([`run`]), and maps the
//! error. Nothing here computes.

#![allow(clippy::doc_markdown, reason = "docstrings are written for Python")]

mod array;
mod dataset;
mod error;
mod filters;
mod patching;
mod prediction;
mod random;
mod run;
mod sources;
mod transforms;

/// The Rust core of patchmill.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::dataset::{PyBatch, PyPatchDataset};
    #[pymodule_export]
    use crate::filters::filter_cells;
    #[pymodule_export]
    use crate::patching::{PyPlan, PyTileGrid};
    #[pymodule_export]
    use crate::prediction::{PyBlend, stitch_into, tiles_into};
    #[pymodule_export]
    use crate::random::{order, random_words, split_order};
    #[pymodule_export]
    use crate::run::default_num_threads;
    #[pymodule_export]
    use crate::sources::{PyQuantilesAccumulator, PyStatisticsAccumulator, quantiles, statistics};
    #[pymodule_export]
    use crate::transforms::{PyAugmentation, PyN2vManipulate};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
