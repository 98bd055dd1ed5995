//! One YX plane of a region as it lies in memory.

use crate::patching::Region;
use crate::sources::Image;
use crate::transforms::Orientation;

/// One YX plane of a region, and how it is to be laid down: its rows in their order, each of them as it lies or
/// backwards, or its columns in the same way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// The first pixel in memory of the row that comes first.
    pub(super) pixels: *const u8,
    pub(super) stride_y: isize,
    /// Above zero, and not greater than that of Y.
    pub(super) stride_x: isize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Whether columns become rows.
    pub(super) transpose: bool,
    /// Whether the last column comes first.
    pub(super) flip_x: bool,
}

impl Plane {
    /// A plane of a region of `size` (Z, Y, X), by its number, channel by channel. It is described so that X is the axis
    /// along which pixels are closest in memory, and so that the orientation leaves its rows in their order.
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
        let mut pixels = image.pixel(region.sample, number / depth, origin);
        let Orientation { mut transpose, flip_y, flip_x } = orientation;
        let (mut y, mut x) = ((stride_y, height, flip_y), (stride_x, width, flip_x));
        if stride_y.unsigned_abs() < stride_x.unsigned_abs() {
            (y, x) = (x, y);
            transpose = !transpose;
        }
        let ((mut stride_y, height, flip_y), (mut stride_x, width, mut flip_x)) = (y, x);
        if flip_y {
            pixels = pixels.wrapping_offset(stride_y * (height as isize - 1));
            stride_y = -stride_y;
        }
        if stride_x < 0 {
            pixels = pixels.wrapping_offset(stride_x * (width as isize - 1));
            stride_x = -stride_x;
            flip_x = !flip_x;
        }
        Self { pixels, stride_y, stride_x, height, width, transpose, flip_x }
    }

    /// The first pixel of a row in memory.
    #[inline(always)]
    pub(super) fn row(&self, y: usize) -> *const u8 {
        self.pixels.wrapping_offset(y as isize * self.stride_y)
    }
}
