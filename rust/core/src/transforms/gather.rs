//! Pixels that are not neighbours in memory made so, for kernels that know nothing else.

use super::plane::Plane;
use crate::vectors::{Vectors, vectorised};

/// Copies the pixels of a plane, of elements of some bytes, side by side into `pixels`. Returns the copy's plane.
///
/// # Safety
///
/// Every pixel of the plane must be readable.
pub(super) unsafe fn gather(vectors: Vectors, plane: &Plane, element_size: usize, pixels: &mut Vec<u8>) -> Plane {
    let Plane { height, width, .. } = *plane;
    pixels.resize(height * width * element_size, 0);
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match element_size {
            1 => rows_into::<1>(vectors, plane, pixels),
            2 => rows_into::<2>(vectors, plane, pixels),
            4 => rows_into::<4>(vectors, plane, pixels),
            _ => rows_into::<8>(vectors, plane, pixels),
        }
    }
    Plane {
        pixels: pixels.as_ptr(),
        stride_y: (width * element_size) as isize,
        stride_x: element_size as isize,
        ..*plane
    }
}

vectorised! {
    /// # Safety
    ///
    /// Every pixel of the plane must be readable, and `pixels` must have room for all.
    unsafe fn rows_into[const SIZE: usize][SIZE](plane: &Plane, pixels: &mut [u8]) {
        V => rows_body::<SIZE>(plane, pixels)
    }
}

/// # Safety
///
/// As for [`rows_into`].
#[inline(always)]
unsafe fn rows_body<const SIZE: usize>(plane: &Plane, pixels: &mut [u8]) {
    let stride_x = plane.stride_x as usize;
    for (y, row) in pixels.chunks_exact_mut(plane.width * SIZE).enumerate() {
        let source = plane.row(y);
        let (row, _) = row.as_chunks_mut::<SIZE>();
        // SAFETY: the row lies in the plane.
        unsafe {
            match (stride_x / SIZE, stride_x % SIZE) {
                (2, 0) => every::<2, SIZE>(source, row),
                (3, 0) => every::<3, SIZE>(source, row),
                (4, 0) => every::<4, SIZE>(source, row),
                _ => {
                    for (x, pixel) in row.iter_mut().enumerate() {
                        *pixel =
                            source.wrapping_offset(x as isize * plane.stride_x).cast::<[u8; SIZE]>().read_unaligned();
                    }
                }
            }
        }
    }
}

/// Every Nth element of a row: a step that the compiler knows becomes shuffles of vectors.
///
/// # Safety
///
/// The elements must be readable.
#[inline(always)]
unsafe fn every<const N: usize, const SIZE: usize>(source: *const u8, row: &mut [[u8; SIZE]]) {
    for (x, pixel) in row.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *pixel = unsafe { source.add(x * N * SIZE).cast::<[u8; SIZE]>().read_unaligned() };
    }
}
