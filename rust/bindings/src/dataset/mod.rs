//! The patch dataset, and batches in the making.

mod batch;
mod patch_dataset;

pub(crate) use batch::PyBatch;
pub(crate) use patch_dataset::{PyPatchDataset, items_of};
