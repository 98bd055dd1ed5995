//! Prediction: tiles out of an image, and predicted tiles back into one.

mod blend;
mod stitch;
mod tiles;

pub use blend::{Blend, Profile, blend_into};
pub use stitch::{Window, stitch_into};
pub use tiles::tile_into;
