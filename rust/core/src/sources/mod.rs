//! Where pixels live: strided views of images in any axes order and element type, and their statistics.

mod element;
mod image;
mod readahead;
mod statistics;

pub use element::{Element, PixelType, Swapped};
pub use image::Image;
pub use readahead::{Readahead, ask_for_pages};
pub use statistics::{Statistics, statistics};

pub(crate) use element::dispatch;
