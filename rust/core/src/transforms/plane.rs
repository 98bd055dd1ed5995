//! One YX plane of a region as it lies in memory.

use crate::patching::Region;
use crate::sources::Image;
use crate::transforms::Orientation;

/// One YX plane of a region, and how it is to be laid down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) pixels: *const u8,
    pub(super) stride_y: isize,
    pub(super) stride_x: isize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) orientation: Orientation,
}

impl Plane {
    /// A plane of a region of `size` (Z, Y, X), by its number, channel by channel. It is described so that X is the axis
    /// along which pixels are closest in memory.
    #[inline]
    pub(super) fn of(
        image: &Image,
        region: &Region,
        [depth, height, width]: [usize; 3],
        number: usize,
        orientation: Orientation,
    ) -> Self {
        let [_, stride_y, stride_x] = image.strides();
        let [origin_z, origin_y, origin_x] = region.origin;
        let origin = [origin_z + number % depth, origin_y, origin_x];
        let pixels = image.pixel(region.sample, number / depth, origin);
        Self { pixels, stride_y, stride_x, height, width, orientation }.with_rows_along_memory()
    }

    fn with_rows_along_memory(mut self) -> Self {
        let Orientation { transpose, flip_y, flip_x } = self.orientation;
        if self.stride_y.unsigned_abs() < self.stride_x.unsigned_abs() {
            (self.stride_y, self.stride_x) = (self.stride_x, self.stride_y);
            (self.height, self.width) = (self.width, self.height);
            self.orientation = Orientation { transpose: !transpose, flip_y: flip_x, flip_x: flip_y };
        }
        if self.stride_x < 0 {
            self.pixels = self.pixels.wrapping_offset(self.stride_x * (self.width as isize - 1));
            self.stride_x = -self.stride_x;
            self.orientation.flip_x = !self.orientation.flip_x;
        }
        self
    }

    /// The first pixel of a row, counted as the orientation counts Y.
    #[inline(always)]
    pub(super) fn row(&self, y: usize) -> *const u8 {
        let y = if self.orientation.flip_y { self.height - 1 - y } else { y };
        self.pixels.wrapping_offset(y as isize * self.stride_y)
    }
}
