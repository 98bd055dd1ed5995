//! Where pixels live: strided views of images in any axes order and element type, their statistics and
//! quantiles.

mod blocks;
mod element;
mod image;
mod moments;
mod quantiles;
mod readahead;
mod statistics;

pub use element::{Element, PixelType, Swapped};
pub use image::Image;
pub use quantiles::quantiles;
pub use readahead::{Readahead, ask_for_pages};
pub use statistics::{Statistics, statistics};

pub(crate) use element::dispatch;
