//! How much of a patch a mask covers.

use super::cell::{Cell, Score};
use crate::sources::{Block, Element, dispatch};
use crate::vectors::{Vectors, vectorised};

/// The share of the pixels that are not zero.
pub(super) struct Mask;

impl Mask {
    /// The pixels that are not zero; nothing if one of them is bad.
    pub(super) fn count_inside(vectors: Vectors, cell: &Cell<'_>) -> Option<u64> {
        dispatch!(cell.image.pixel_type(), T => count_inside::<T>(vectors, cell))
    }
}

impl Score for Mask {
    const N_SCORES: usize = 1;
    type Scratch = Vectors;

    fn scratch(&self) -> Vectors {
        Vectors::widest()
    }

    fn score(&self, cell: &Cell<'_>, vectors: &mut Vectors, scores: &mut [f64]) -> bool {
        let n_inside = Self::count_inside(*vectors, cell);
        scores[0] = n_inside.unwrap_or(0) as f64 / cell.n_pixels() as f64;
        n_inside.is_some()
    }
}

vectorised! {
    fn count_inside[T: Element][T](cell: &Cell<'_>) -> Option<u64> { V => count_body::<T>(cell) }
}

#[inline(always)]
fn count_body<T: Element>(cell: &Cell<'_>) -> Option<u64> {
    let (mut n_inside, mut n_bad) = (0, 0);
    for plane in cell.planes() {
        let (inside, bad) = if plane.is_dense::<T>() { count::<T, true>(&plane) } else { count::<T, false>(&plane) };
        n_inside += inside;
        n_bad += bad;
    }
    (n_bad == 0).then_some(n_inside)
}

/// The pixels of a plane that are not zero, and those that are bad.
#[inline(always)]
fn count<T: Element, const IS_DENSE: bool>(plane: &Block<'_>) -> (u64, u64) {
    let (mut n_inside, mut n_bad) = (0, 0);
    for run in plane.runs() {
        let (mut inside, mut bad) = (0u32, 0u32);
        for i in 0..run.n_pixels {
            // SAFETY: the index is below the length.
            let pixel = unsafe { run.read::<T, IS_DENSE>(i) };
            inside += u32::from(if T::IS_INTEGER { pixel.to_i64() != 0 } else { pixel.to_f64() != 0.0 });
            bad += u32::from(!pixel.is_valid());
        }
        n_inside += u64::from(inside);
        n_bad += u64::from(bad);
    }
    (n_inside, n_bad)
}
