//! Which regions of the images become patches: a plan is an ordered list of regions that nobody stores.

mod plan;
mod random;
mod region;
mod sequential;
mod split;
mod tiled;

pub use plan::Plan;
pub use random::RandomPlan;
pub use region::{Region, SampleSizes};
pub use sequential::SequentialPlan;
pub use split::{Split, split};
pub use tiled::{TileGrid, TileSpan};
