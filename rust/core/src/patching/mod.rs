//! Which regions of the images become patches: a plan is an ordered list of regions that nobody stores.

mod axis;
mod cell_grid;
mod cell_set;
mod filters;
mod item_counts;
mod plan;
mod random;
mod region;
mod split;
mod tiled;

pub use cell_grid::CellGrid;
pub use cell_set::CellSet;
pub use filters::{PatchFilter, filter_cells};
pub use plan::Plan;
pub use region::{Region, SampleSizes};
pub use split::{Split, split};
pub use tiled::{TileGrid, TileSpan};
