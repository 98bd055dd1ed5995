//! Where pixels live: strided views of images in any axes order and element type, their statistics and
//! quantiles.

mod blocks;
mod element;
mod first;
mod image;
mod moments;
mod quantiles;
mod readahead;
mod sortable;
mod statistics;

pub use element::{Element, PixelType, Swapped};
pub use image::Image;
pub use quantiles::{QuantilesAccumulator, quantiles};
pub use readahead::{Readahead, ask_for_pages};
pub use statistics::{Statistics, StatisticsAccumulator, statistics};

pub(crate) use blocks::{Block, changed_pixels, is_transposed};
pub(crate) use element::dispatch;
pub(crate) use moments::Moments;
pub(crate) use sortable::Sortable;
