//! Mean and standard deviation of a patch: those of an image as small as that.

use super::cell::{Cell, Score};
use crate::sources::Moments;
use crate::vectors::Vectors;

/// The mean and the population standard deviation, exact for integers.
pub(super) struct MeanStd;

impl Score for MeanStd {
    const N_SCORES: usize = 2;
    type Scratch = Vectors;

    fn scratch(&self) -> Vectors {
        Vectors::widest()
    }

    fn score(&self, cell: &Cell<'_>, vectors: &mut Vectors, scores: &mut [f64]) -> bool {
        let mut moments = Moments::EMPTY;
        cell.planes().for_each(|plane| moments.merge(&plane.moments(*vectors)));
        // The sums over pixels that are no exact float64 may have overflowed.
        let is_valid = moments.is_valid();
        if is_valid {
            scores.copy_from_slice(&[moments.mean(), moments.std()]);
        }
        is_valid
    }
}
