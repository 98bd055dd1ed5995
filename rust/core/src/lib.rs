//! patchmill's core: from pixels to training batches, without Python.
//!
//! ```text
//! sources  -->  patching  -->  transforms  -->  dataset  -->  prediction
//! Image         Plan           Orientation      Batch         TileGrid, stitch
//! (strided      (which         Affine           (items into
//!  pixels)       regions)      N2vManipulate     buffers, on Pool)
//! ```
//!
//! Every random choice comes from [`random::Stream`]: a pure function of seed, purpose, epoch and item. A batch is
//! therefore the same bytes for any number of threads, in any order of work.
//!
//! Axes are always S, T, C, Z, Y, X. Functions named `draw_*` only draw, functions named `*_into` only fill a buffer.

pub mod dataset;
pub mod error;
pub mod patching;
pub mod prediction;
pub mod random;
pub mod sources;
pub mod threads;
pub mod transforms;
mod vectors;

pub use error::{Error, Result};
