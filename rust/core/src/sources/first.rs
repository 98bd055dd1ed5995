//! What the images of a source have in common with the first of them.

use super::Image;
use crate::error::{Error, Result};

/// The first image of a source, as far as it says how the others must be. It may be gone by the time that they come.
#[derive(Debug, Clone)]
pub(super) struct First {
    pub(super) name: String,
    pub(super) n_channels: usize,
}

impl First {
    pub(super) fn of(image: &Image) -> Self {
        Self { name: image.name().into(), n_channels: image.n_channels() }
    }

    /// # Errors
    ///
    /// If an image has another number of channels.
    pub(super) fn check(&self, images: &[Image]) -> Result<()> {
        match images.iter().find(|image| image.n_channels() != self.n_channels) {
            None => Ok(()),
            Some(image) => Err(Error::Mismatch {
                image: image.name().into(),
                expected: format!("{} channels, as in {}", self.n_channels, self.name),
                got: image.n_channels().to_string(),
                remedy: "Images of one source have the same channels.",
            }),
        }
    }
}
