//! How much of a patch lies near a pixel above a threshold: the patches of Weigert et al. ("Content-aware image
//! restoration: pushing the limits of fluorescence microscopy", Nature Methods 2018) are chosen by a maximum filter, and
//! by how many of its pixels exceed a threshold.
//!
//! A maximum exceeds the threshold where any pixel of its window does. So pixels are compared first, and what is widened
//! is one byte for each.

use half::f16;

use super::cell::{Cell, Score};
use super::margined::Margined;
use crate::sources::{Block, Element, dispatch};
use crate::vectors::{Vectors, vectorised};

/// The share of the pixels near which there is one above the threshold.
pub(super) struct Max {
    threshold: Threshold,
    /// The size of the window along Z, Y and X.
    window: [usize; 3],
}

impl Max {
    pub(super) fn new(threshold: f64, patch: [usize; 3]) -> Self {
        Self { threshold: Threshold::new(threshold), window: patch.map(|length| (length / 2).max(1)) }
    }

    /// The pixels near which there is one above the threshold; nothing if one of them is bad.
    pub(super) fn count_near(&self, vectors: Vectors, cell: &Cell<'_>, bytes: &mut Vec<u8>) -> Option<usize> {
        dispatch!(cell.image.pixel_type(), T => count_near::<T>(vectors, self, cell, bytes))
    }
}

/// The memory of a thread: a byte for each pixel of a patch, with a margin.
pub(super) struct Scratch {
    vectors: Vectors,
    bytes: Vec<u8>,
}

impl Score for Max {
    const N_SCORES: usize = 1;
    type Scratch = Scratch;

    fn scratch(&self) -> Scratch {
        Scratch { vectors: Vectors::widest(), bytes: Vec::new() }
    }

    fn score(&self, cell: &Cell<'_>, Scratch { vectors, bytes }: &mut Scratch, scores: &mut [f64]) -> bool {
        let n_near = self.count_near(*vectors, cell, bytes);
        scores[0] = n_near.unwrap_or(0) as f64 / cell.n_pixels() as f64;
        n_near.is_some()
    }
}

vectorised! {
    fn count_near[T: Element][T](max: &Max, cell: &Cell<'_>, bytes: &mut Vec<u8>) -> Option<usize> {
        V => count_near_body::<T>(max, cell, bytes)
    }
}

#[inline(always)]
fn count_near_body<T: Element>(max: &Max, cell: &Cell<'_>, bytes: &mut Vec<u8>) -> Option<usize> {
    let (size, window) = (cell.in_order_of_memory(cell.size), cell.in_order_of_memory(max.window));
    let mut margined = Margined::new(size, window, bytes);
    let mut n_above = 0;
    for (z, plane) in cell.planes().enumerate() {
        let above = if plane.is_dense::<T>() {
            compare::<T, true>(&plane, max.threshold, &mut margined, z)
        } else {
            compare::<T, false>(&plane, max.threshold, &mut margined, z)
        };
        n_above += above?;
    }
    Some(if n_above == 0 { 0 } else { margined.widened().count() })
}

/// Lays down a byte for each pixel of a plane: whether it is above the threshold. The number of those that are, or
/// nothing if a pixel is bad.
#[inline(always)]
fn compare<T: Element, const IS_DENSE: bool>(
    plane: &Block<'_>,
    threshold: Threshold,
    margined: &mut Margined<'_>,
    z: usize,
) -> Option<usize> {
    let (mut n_above, mut n_bad) = (0, 0);
    for (y, row) in plane.rows().enumerate() {
        let mut bytes = margined.row_mut(z, y);
        for run in row {
            let (of_run, others) = bytes.split_at_mut(run.n_pixels);
            let (mut above, mut bad) = (0u32, 0u32);
            for (i, byte) in of_run.iter_mut().enumerate() {
                // SAFETY: there are as many bytes as pixels.
                let pixel = unsafe { run.read::<T, IS_DENSE>(i) };
                let is_above = threshold.is_below(pixel);
                *byte = is_above.into();
                above += u32::from(is_above);
                bad += u32::from(!pixel.is_valid());
            }
            n_above += above as usize;
            n_bad += bad;
            bytes = others;
        }
    }
    (n_bad == 0).then_some(n_above)
}

/// A threshold in the types that pixels are compared in.
#[derive(Clone, Copy)]
struct Threshold {
    short: i32,
    long: i64,
    half: f32,
    single: f32,
    double: f64,
}

impl Threshold {
    /// Rounded down to an integer, which no integer notices, and to the nearest number that the pixels' float can be, as
    /// NumPy does: a pixel that was given as 0.1 is not above 0.1.
    fn new(threshold: f64) -> Self {
        let long = threshold.floor() as i64;
        Self {
            short: long.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            long,
            half: f16::from_f64(threshold).to_f32(),
            single: threshold as f32,
            double: threshold,
        }
    }

    #[inline(always)]
    fn is_below<T: Element>(&self, pixel: T) -> bool {
        match (T::IS_INTEGER, T::SIZE) {
            (true, 1 | 2) => pixel.to_i64() as i32 > self.short,
            (true, _) => pixel.to_i64() > self.long,
            (false, 2) => pixel.to_f64() as f32 > self.half,
            (false, 4) => pixel.to_f64() as f32 > self.single,
            (false, _) => pixel.to_f64() > self.double,
        }
    }
}
