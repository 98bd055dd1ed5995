//! The fused kernel: crop, cast to float32, normalise, flip and rotate, in one pass over the pixels.

use std::sync::atomic::{Ordering, compiler_fence};

use super::gather::gather;
use super::plane::Plane;
use super::transpose::{BLOCK, Block, Transpose};
use crate::patching::Region;
use crate::sources::{Element, Image, dispatch};
use crate::transforms::{Affine, Ahead, Orientation};
use crate::vectors::{Vectors, lanes, vectorised};

/// Cuts a region of `size` (Z, Y, X) out of an image into `out`, which has the axes C, Z, Y, X: cast to float32,
/// normalised by the affine of each channel, and oriented. Meanwhile the memory that comes next is asked for.
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
    ahead: &mut Ahead<'_>,
) {
    let [depth, height, width] = size;
    assert_eq!(affines.len(), image.n_channels());
    assert_eq!(out.len(), affines.len() * depth * height * width);
    assert!((0..3).all(|axis| size[axis] > 0 && region.origin[axis] + size[axis] <= image.size()[axis]));
    let (plane_into, element_size): (PlaneKernel, usize) =
        dispatch!(image.pixel_type(), T => (plane_into::<T>, T::SIZE));
    let (vectors, mut dense) = (Vectors::widest(), Vec::new());
    for (number, out) in out.chunks_exact_mut(height * width).enumerate() {
        let (plane, affine) = (Plane::of(image, region, size, number, orientation), &affines[number / depth]);
        // SAFETY: the region lies in the image (asserted above), whose pixels are readable; pixels that are not
        // neighbours in memory are made so.
        unsafe {
            if plane.stride_x.unsigned_abs() == element_size || plane.width == 1 {
                plane_into(vectors, &plane, affine, out, ahead);
            } else {
                let plane = gather(vectors, &plane, element_size, &mut dense);
                plane_into(vectors, &plane, affine, out, ahead);
            }
        }
    }
}

/// Lays one plane down; see [`plane_into`].
type PlaneKernel = unsafe fn(Vectors, &Plane, &Affine, &mut [f32], &mut Ahead<'_>);

vectorised! {
    /// Lays a plane down. All vectors make the same bits: there is one body, and no fused multiply-add in it.
    ///
    /// # Safety
    ///
    /// Every pixel of the plane must be readable, and those of a row neighbours in memory.
    unsafe fn plane_into[T: Element][T](plane: &Plane, affine: &Affine, out: &mut [f32], ahead: &mut Ahead<'_>) {
        V => plane_body::<T, V>(plane, affine, out, ahead)
    }
}

/// # Safety
///
/// As for [`plane_into`], and the processor must have what `V` asks for.
#[inline(always)]
unsafe fn plane_body<T: Element, V: Transpose>(plane: &Plane, affine: &Affine, out: &mut [f32], ahead: &mut Ahead<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        if plane.transpose && plane.height >= BLOCK && plane.width >= BLOCK {
            return transposed_into::<T, V>(plane, affine, out, ahead);
        }
        if plane.transpose {
            small_transposed_into::<T>(plane, affine, out);
            return (0..plane.height).for_each(|_| ahead.ask());
        }
        let mut row = plane.pixels;
        for out in out.chunks_exact_mut(plane.width) {
            if plane.flip_x {
                row_into::<T, true>(row, affine, out);
            } else {
                row_into::<T, false>(row, affine, out);
            }
            row = row.wrapping_offset(plane.stride_y);
            ahead.ask();
        }
    }
}

/// Lays down a row, or the same one backwards.
///
/// # Safety
///
/// As many elements as `out` holds must be readable.
#[inline(always)]
unsafe fn row_into<T: Element, const REVERSED: bool>(row: *const u8, affine: &Affine, out: &mut [f32]) {
    let width = out.len();
    if width < BLOCK {
        for (x, pixel) in out.iter_mut().enumerate() {
            let x = if REVERSED { width - 1 - x } else { x };
            // SAFETY: `x` is below the number of elements that the caller vouches for.
            *pixel = unsafe { T::read(row.add(x * T::SIZE)) }.normalise(affine);
        }
        return;
    }
    let block_from = |x: usize| {
        // SAFETY: the block ends within the row.
        let mut pixels = unsafe { block_of_row::<T>(row.add(x * T::SIZE), affine) };
        if REVERSED {
            pixels.reverse();
        }
        pixels
    };
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let is_whole = rest.is_empty();
    for (number, block) in blocks.iter_mut().enumerate() {
        *block = block_from(if REVERSED { width - (number + 1) * BLOCK } else { number * BLOCK });
        // Compilers would otherwise take the same pixel of several blocks for a vector.
        compiler_fence(Ordering::SeqCst);
    }
    if !is_whole {
        // One more block ends with the row, and makes a part of the one before it twice.
        *out.last_chunk_mut().expect("the row is longer than a block") =
            block_from(if REVERSED { 0 } else { width - BLOCK });
    }
}

/// # Safety
///
/// The elements of a block's row must be readable.
#[inline(always)]
unsafe fn block_of_row<T: Element>(row: *const u8, affine: &Affine) -> [f32; BLOCK] {
    // SAFETY: the caller's promise.
    lanes(|x| unsafe { T::read(row.add(x * T::SIZE)) }.normalise(affine))
}

/// Columns of the plane become rows of `out`, block by block, so that both sides stay in cache. The last blocks end
/// with the plane.
///
/// # Safety
///
/// As for [`plane_body`]; and the plane must have room for a block.
#[inline(always)]
unsafe fn transposed_into<T: Element, V: Transpose>(
    plane: &Plane,
    affine: &Affine,
    out: &mut [f32],
    ahead: &mut Ahead<'_>,
) {
    let Plane { height, width, .. } = *plane;
    let stride = if plane.flip_x { -(height as isize) } else { height as isize };
    let n_blocks = width.div_ceil(BLOCK);
    let mut block: Block = [[0.0; BLOCK]; BLOCK];
    for y in (0..height).step_by(BLOCK) {
        let y = y.min(height - BLOCK);
        for number in 0..n_blocks {
            let x = (number * BLOCK).min(width - BLOCK);
            let mut row_to_ask = number;
            for (row, pixels) in block.iter_mut().enumerate() {
                // SAFETY: the block lies in the plane.
                *pixels = unsafe { block_of_row::<T>(plane.row(y + row).add(x * T::SIZE), affine) };
                if row == row_to_ask {
                    ahead.ask();
                    row_to_ask += n_blocks;
                }
            }
            let first = if plane.flip_x { width - 1 - x } else { x };
            // SAFETY: columns `x` to `x + BLOCK` of the plane are rows of `out`, and `y` to `y + BLOCK` places in them;
            // the caller vouches for the processor.
            unsafe { V::transpose_into(&block, out.as_mut_ptr().add(first * height + y), stride) };
        }
    }
}

/// The same without blocks, for planes that are smaller than one.
///
/// # Safety
///
/// As for [`plane_into`].
#[inline(always)]
unsafe fn small_transposed_into<T: Element>(plane: &Plane, affine: &Affine, out: &mut [f32]) {
    for (row, out) in out.chunks_exact_mut(plane.height).enumerate() {
        let x = if plane.flip_x { plane.width - 1 - row } else { row };
        for (y, pixel) in out.iter_mut().enumerate() {
            // SAFETY: the pixel lies in the plane.
            *pixel = unsafe { T::read(plane.row(y).add(x * T::SIZE)) }.normalise(affine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::PixelType;

    /// A plane laid down as a kernel does it.
    fn laid_down(vectors: Vectors, pixel_type: PixelType, plane: &Plane) -> Vec<u32> {
        let kernel: PlaneKernel = dispatch!(pixel_type, T => plane_into::<T>);
        let mut out = vec![f32::NAN; plane.height * plane.width];
        // SAFETY: the callers' planes are readable.
        unsafe { kernel(vectors, plane, &Affine::new(3.3, 0.7), &mut out, &mut Ahead::nothing()) };
        out.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn all_vectors_make_the_same_bits() {
        let bytes: Vec<u8> = (0..50 * 50 * 8).map(|i| (i * i / 7 + i) as u8).collect();
        for pixel_type in PixelType::ALL {
            let element_size = dispatch!(pixel_type, T => T::SIZE);
            for (height, width) in [(1, 1), (3, 40), (40, 3), (16, 16), (17, 48), (33, 47)] {
                for orientation in Orientation::ALL {
                    let Orientation { transpose, flip_y, flip_x } = orientation;
                    let (first, sign) = if flip_y { (height - 1, -1) } else { (0, 1) };
                    let plane = Plane {
                        pixels: bytes[first * 50 * element_size..].as_ptr(),
                        stride_y: sign * (50 * element_size) as isize,
                        stride_x: element_size as isize,
                        height,
                        width,
                        transpose,
                        flip_x,
                    };
                    let plain = laid_down(Vectors::Plain, pixel_type, &plane);
                    for vectors in Vectors::all() {
                        let same = laid_down(vectors, pixel_type, &plane) == plain;
                        assert!(same, "{vectors:?}, {pixel_type:?}, {plane:?}");
                    }
                }
            }
        }
    }
}
