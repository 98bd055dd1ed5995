//! The fused kernel: crop, cast to float32, normalise, flip and rotate, in one pass over the pixels.

use crate::patching::Region;
use crate::sources::{Element, Image, dispatch};
use crate::transforms::transpose::{BLOCK, Plain, Transpose};
use crate::transforms::{Affine, Orientation};

/// Cuts a region of `size` (Z, Y, X) out of an image into `out`, which has the axes C, Z, Y, X: cast to float32,
/// normalised by the affine of each channel, and oriented.
///
/// # Panics
///
/// If the region leaves the image, or `out` or `affines` are of another length than the patch asks for.
pub fn crop_into(
    image: &Image,
    region: &Region,
    size: [usize; 3],
    orientation: Orientation,
    affines: &[Affine],
    out: &mut [f32],
) {
    let [depth, height, width] = size;
    assert_eq!(affines.len(), image.n_channels());
    assert_eq!(out.len(), affines.len() * depth * height * width);
    assert!((0..3).all(|axis| size[axis] > 0 && region.origin[axis] + size[axis] <= image.size()[axis]));
    let (plane_into, element_size): (PlaneKernel, usize) =
        dispatch!(image.pixel_type(), T => (plane_into::<T>, T::SIZE));
    let [_, stride_y, stride_x] = image.strides();
    let mut planes = out.chunks_exact_mut(height * width);
    for (channel, affine) in affines.iter().enumerate() {
        for z in 0..depth {
            let [origin_z, origin_y, origin_x] = region.origin;
            let pixels = image.pixel(region.sample, channel, [origin_z + z, origin_y, origin_x]);
            let plane = Plane { pixels, stride_y, stride_x, height, width, orientation };
            let plane_out = planes.next().expect("the length of `out` was checked");
            // SAFETY: the region lies in the image (asserted above), whose pixels are readable.
            unsafe { plane_into(&plane.with_rows_along_memory(element_size), affine, plane_out) };
        }
    }
}

/// Asks the processor for the pixels of a region, to be at hand when [`crop_into`] comes to them. The rows of a region
/// lie far apart, so that their latency, and not the work on them, would be what takes time.
///
/// # Panics
///
/// If the region leaves the image.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "only x86-64 has a stable prefetch"))]
pub fn prefetch(image: &Image, region: &Region, size: [usize; 3]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        const LINE: usize = 64;

        let [depth, height, width] = size;
        let [_, stride_y, stride_x] = image.strides();
        let [origin_z, origin_y, origin_x] = region.origin;
        let (n_rows, stride, length) = if stride_y.unsigned_abs() < stride_x.unsigned_abs() {
            (width, stride_x, height * stride_y.unsigned_abs())
        } else {
            (height, stride_y, width * stride_x.unsigned_abs())
        };
        for channel in 0..image.n_channels() {
            for z in 0..depth {
                let pixels = image.pixel(region.sample, channel, [origin_z + z, origin_y, origin_x]);
                for row in 0..n_rows {
                    let row = pixels.wrapping_offset(row as isize * stride);
                    let n_lines = (row as usize % LINE + length).div_ceil(LINE);
                    for line in 0..n_lines {
                        // SAFETY: any address may be asked for; one that cannot be read is ignored.
                        unsafe { _mm_prefetch::<_MM_HINT_T1>(row.wrapping_add(line * LINE).cast()) };
                    }
                }
            }
        }
    }
}

/// Lays one plane down; see [`plane_into`].
type PlaneKernel = unsafe fn(&Plane, &Affine, &mut [f32]);

/// One YX plane of a region, and how it is to be laid down.
#[derive(Clone, Copy)]
struct Plane {
    pixels: *const u8,
    stride_y: isize,
    stride_x: isize,
    height: usize,
    width: usize,
    orientation: Orientation,
}

impl Plane {
    /// The same plane described so that X, wherever possible, is the axis along which pixels are neighbours in memory.
    fn with_rows_along_memory(mut self, element_size: usize) -> Self {
        let Orientation { transpose, flip_y, flip_x } = self.orientation;
        if self.stride_x.unsigned_abs() != element_size && self.stride_y.unsigned_abs() == element_size {
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
    fn row(&self, y: usize) -> *const u8 {
        let y = if self.orientation.flip_y { self.height - 1 - y } else { y };
        self.pixels.wrapping_offset(y as isize * self.stride_y)
    }
}

/// Lays a plane down with the widest vectors that this processor has. All of them make the same bits: there is one
/// body, and no fused multiply-add in it.
///
/// # Safety
///
/// Every pixel of the plane must be readable.
unsafe fn plane_into<T: Element>(plane: &Plane, affine: &Affine, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use super::transpose::Avx2;

        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,f16c")]
        unsafe fn avx512<T: Element>(plane: &Plane, affine: &Affine, out: &mut [f32]) {
            // SAFETY: the caller's promise is passed on, and the processor has AVX2.
            unsafe { plane_body::<T, Avx2>(plane, affine, out) }
        }
        #[target_feature(enable = "avx2,f16c")]
        unsafe fn avx2<T: Element>(plane: &Plane, affine: &Affine, out: &mut [f32]) {
            // SAFETY: as above.
            unsafe { plane_body::<T, Avx2>(plane, affine, out) }
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
            let has_avx512 = is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            // SAFETY: the processor has the features; the caller's promise is passed on.
            return unsafe { if has_avx512 { avx512::<T>(plane, affine, out) } else { avx2::<T>(plane, affine, out) } };
        }
    }
    // SAFETY: the caller's promise is passed on; `Plain` asks for nothing.
    unsafe { plane_body::<T, Plain>(plane, affine, out) }
}

/// # Safety
///
/// Every pixel of the plane must be readable, and the processor must have what `V` asks for.
#[inline(always)]
unsafe fn plane_body<T: Element, V: Transpose>(plane: &Plane, affine: &Affine, out: &mut [f32]) {
    let is_dense = plane.stride_x == T::SIZE as isize;
    // SAFETY: the caller's promise is passed on; `is_dense` is what `row_into` asks for.
    unsafe {
        match (plane.orientation.transpose, is_dense) {
            (true, _) => transposed_into::<T, V>(plane, affine, out),
            (false, true) => {
                for (y, row) in out.chunks_exact_mut(plane.width).enumerate() {
                    if plane.orientation.flip_x {
                        reversed_row_into::<T>(plane.row(y), affine, row);
                    } else {
                        row_into::<T>(plane.row(y), affine, row);
                    }
                }
            }
            (false, false) => {
                for (y, row) in out.chunks_exact_mut(plane.width).enumerate() {
                    for (x, pixel) in row.iter_mut().enumerate() {
                        let x = if plane.orientation.flip_x { plane.width - 1 - x } else { x };
                        *pixel = T::read(plane.row(y).wrapping_offset(x as isize * plane.stride_x)).normalise(affine);
                    }
                }
            }
        }
    }
}

/// # Safety
///
/// As many dense elements as `out` holds must be readable.
#[inline(always)]
unsafe fn row_into<T: Element>(row: *const u8, affine: &Affine, out: &mut [f32]) {
    for (x, pixel) in out.iter_mut().enumerate() {
        // SAFETY: `x` is below the number of elements that the caller vouches for.
        *pixel = unsafe { T::read(row.add(x * T::SIZE)) }.normalise(affine);
    }
}

/// # Safety
///
/// As many dense elements as `out` holds must be readable.
#[inline(always)]
unsafe fn reversed_row_into<T: Element>(row: *const u8, affine: &Affine, out: &mut [f32]) {
    let width = out.len();
    for (x, pixel) in out.iter_mut().enumerate() {
        // SAFETY: `width - 1 - x` is below the number of elements that the caller vouches for.
        *pixel = unsafe { T::read(row.add((width - 1 - x) * T::SIZE)) }.normalise(affine);
    }
}

/// Columns of the plane become rows of `out`, block by block, so that both sides stay in cache.
///
/// # Safety
///
/// Every pixel of the plane must be readable, and the processor must have what `V` asks for.
#[inline(always)]
unsafe fn transposed_into<T: Element, V: Transpose>(plane: &Plane, affine: &Affine, out: &mut [f32]) {
    let Plane { height, width, stride_x, .. } = *plane;
    let is_dense = stride_x == T::SIZE as isize;
    let mut block = [[0.0f32; BLOCK]; BLOCK];
    let mut columns = [[0.0f32; BLOCK]; BLOCK];
    for y in (0..height).step_by(BLOCK) {
        for x in (0..width).step_by(BLOCK) {
            let (block_height, block_width) = (BLOCK.min(height - y), BLOCK.min(width - x));
            for (row, line) in block.iter_mut().enumerate().take(block_height) {
                let pixels = plane.row(y + row).wrapping_offset(x as isize * stride_x);
                // SAFETY: the block lies in the plane, whose pixels are readable.
                unsafe {
                    if is_dense && block_width == BLOCK {
                        // All reads before the first write: so the compiler sees that it may use vectors.
                        let elements: [T; BLOCK] = std::array::from_fn(|x| T::read(pixels.add(x * T::SIZE)));
                        *line = elements.map(|element| element.normalise(affine));
                    } else {
                        for (column, pixel) in line.iter_mut().enumerate().take(block_width) {
                            *pixel = T::read(pixels.wrapping_offset(column as isize * stride_x)).normalise(affine);
                        }
                    }
                }
            }
            // SAFETY: the caller vouches for the processor.
            unsafe { V::transpose(&block, &mut columns) };
            for (column, line) in columns.iter().enumerate().take(block_width) {
                let row = if plane.orientation.flip_x { width - 1 - x - column } else { x + column };
                let start = row * height + y;
                if block_height == BLOCK {
                    out[start..start + BLOCK].copy_from_slice(line);
                } else {
                    out[start..start + block_height].copy_from_slice(&line[..block_height]);
                }
            }
        }
    }
}
