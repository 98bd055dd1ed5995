//! One image of a source, wherever and however its pixels lie.

use std::sync::Arc;

use super::PixelType;
use crate::error::{Error, Result};

/// One image: a strided view of pixels with the axes S, T, C, Z, Y, X, in their own element type.
///
/// The pixels belong to somebody else, who may write to them while they are read: they are only ever read through raw
/// pointers, element by element, so that a write gives other pixels and nothing worse.
#[derive(Debug, Clone)]
pub struct Image {
    name: Arc<str>,
    pixels: *const u8,
    pixel_type: PixelType,
    shape: [usize; 6],
    strides: [isize; 6],
}

// SAFETY: an `Image` is only read, and its constructor's caller vouches that the pixels stay readable from any thread.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// An image over pixels that somebody else owns. Shape and strides (in bytes, of any sign) are those of the axes
    /// S, T, C, Z, Y, X; `pixels` is the first of them.
    ///
    /// # Errors
    ///
    /// If an axis is empty.
    ///
    /// # Safety
    ///
    /// Every element that shape and strides reach from `pixels` must stay readable, from any thread, for as long as
    /// the image or a clone of it lives.
    pub unsafe fn new(
        name: impl Into<Arc<str>>,
        pixels: *const u8,
        pixel_type: PixelType,
        shape: [usize; 6],
        strides: [isize; 6],
    ) -> Result<Self> {
        let name = name.into();
        if shape.contains(&0) {
            return Err(Error::Mismatch {
                image: name.to_string(),
                expected: "at least one pixel along every axis".into(),
                got: format!("the shape {shape:?} (S, T, C, Z, Y, X)"),
                remedy: "Leave the image out.",
            });
        }
        Ok(Self { name, pixels, pixel_type, shape, strides })
    }

    /// What errors call the image.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The element type of the pixels.
    pub fn pixel_type(&self) -> PixelType {
        self.pixel_type
    }

    /// The number of samples: S times T.
    pub fn n_samples(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// The number of channels.
    pub fn n_channels(&self) -> usize {
        self.shape[2]
    }

    /// The size of a sample along Z, Y and X.
    pub fn size(&self) -> [usize; 3] {
        [self.shape[3], self.shape[4], self.shape[5]]
    }

    /// The steps in bytes along Z, Y and X.
    pub fn strides(&self) -> [isize; 3] {
        [self.strides[3], self.strides[4], self.strides[5]]
    }

    /// The address of a pixel. `sample` is `s * T + t`.
    ///
    /// # Panics
    ///
    /// If the pixel lies outside of the image.
    pub fn pixel(&self, sample: usize, channel: usize, origin: [usize; 3]) -> *const u8 {
        let [n_s, n_t, n_c, ..] = self.shape;
        assert!(
            sample < n_s * n_t && channel < n_c && (0..3).all(|axis| origin[axis] < self.shape[3 + axis]),
            "sample {sample}, channel {channel}, pixel {origin:?} of an image of shape {:?}",
            self.shape
        );
        let index = [sample / n_t, sample % n_t, channel, origin[0], origin[1], origin[2]];
        let offset: isize = index.iter().zip(&self.strides).map(|(&i, &stride)| i as isize * stride).sum();
        self.pixels.wrapping_offset(offset)
    }
}
