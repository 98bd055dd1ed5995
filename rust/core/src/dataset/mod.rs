//! Items and batches: the images, the plan and the transforms put together.

mod batch;
mod patch_dataset;

pub use batch::{Batch, BatchBuffers};
pub use patch_dataset::{Item, ItemBuffers, ItemDraw, Paired, PatchDataset};
