//! Items and batches: the images, the plan and the transforms put together.

mod batch;
mod buffers;
mod patch_dataset;

pub use batch::Batch;
pub use buffers::{BatchBuffers, ItemBuffers};
pub use patch_dataset::{Item, ItemDraw, Paired, PatchDataset};
