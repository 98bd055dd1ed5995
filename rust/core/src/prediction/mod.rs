//! Prediction: tiles out of an image, and predicted tiles back into one.

mod stitch;
mod tiles;

pub use stitch::stitch_into;
pub use tiles::tile_into;
