//! What happens to a patch between the source and the batch.
//!
//! [`crop_into`] does the greater part in one pass: crop, cast, normalise, flip and rotate. [`N2vManipulate`] masks
//! the pixels of the patch that it leaves.

mod ahead;
mod crop;
mod gather;
mod median;
mod n2v_manipulate;
mod normalize;
mod orientation;
mod plane;
mod struct_pattern;
mod transpose;

pub use ahead::{Ahead, Strip};
pub use crop::crop_into;
pub use n2v_manipulate::{MaskedPixel, N2vManipulate, N2vStrategy};
pub use normalize::Affine;
pub use orientation::{Augmentation, Orientation};
pub use struct_pattern::{StructAxis, StructPattern};
