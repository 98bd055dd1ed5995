//! The pattern around a masked pixel that structN2V overwrites, so that noise which is alike along it tells nothing of
//! the pixel: Broaddus, Krull, Weigert, Schmidt and Myers, "Removing structured noise with self-supervised blind-spot
//! networks" (ISBI 2020).

use super::n2v_manipulate::MaskedPixel;
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::vectors::{Vectors, lanes, vectorised};

/// The longest side of a pattern.
const MAX_SPAN: usize = 15;

/// Random numbers in a block of four words: one in each half.
const PER_BLOCK: usize = 8;

/// The shape of a pattern in YX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructAxis {
    /// A line along X.
    Horizontal,
    /// A line along Y.
    Vertical,
    /// A line along each.
    Cross,
    /// All pixels between them, too.
    Square,
}

/// The pixels around a masked one, in its plane, that are given random values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StructPattern {
    axis: StructAxis,
    /// How far it reaches to each side.
    reach: usize,
}

/// The least and the greatest pixel of a channel, between which random values lie.
#[derive(Debug, Clone, Copy)]
struct Range {
    low: f32,
    high: f32,
}

impl StructPattern {
    /// A pattern whose longest side has `span` pixels, the masked one in its middle.
    ///
    /// # Errors
    ///
    /// If `span` is even, below 3 or above 15.
    pub fn new(axis: StructAxis, span: usize) -> Result<Self> {
        if !(3..=MAX_SPAN).contains(&span) || span.is_multiple_of(2) {
            return Err(Error::Argument {
                argument: "struct_span",
                expected: format!("an odd number from 3 to {MAX_SPAN}"),
                got: span.to_string(),
            });
        }
        Ok(Self { axis, reach: span / 2 })
    }

    /// The pixels of its longest side.
    pub fn span(self) -> usize {
        2 * self.reach + 1
    }

    /// The steps along Y and X from the masked pixel to the others, row by row.
    fn steps(self) -> Vec<[isize; 2]> {
        let reach = self.reach as isize;
        let all = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| [y, x]));
        all.filter(|&[y, x]| match self.axis {
            StructAxis::Horizontal => y == 0 && x != 0,
            StructAxis::Vertical => x == 0 && y != 0,
            StructAxis::Cross => (y == 0) != (x == 0),
            StructAxis::Square => y != 0 || x != 0,
        })
        .collect()
    }

    /// The places of the pattern and of the masked pixel in a window around it that reaches as far along Z, Y and X as
    /// `reach` says, counted with X running fastest, from the last to the first.
    pub(super) fn places_in(self, reach: [usize; 3]) -> Vec<usize> {
        let [_, n_y, n_x] = reach.map(|reach| 2 * reach + 1);
        let steps = self.steps().into_iter().chain([[0, 0]]);
        let inside = steps.filter(|[y, x]| y.unsigned_abs() <= reach[1] && x.unsigned_abs() <= reach[2]);
        let place = |[y, x]: [isize; 2]| {
            (reach[0] * n_y + reach[1].wrapping_add_signed(y)) * n_x + reach[2].wrapping_add_signed(x)
        };
        let mut places: Vec<usize> = inside.map(place).collect();
        places.sort_unstable_by(|one, other| other.cmp(one));
        places
    }

    /// What overwrites the patterns of a channel, from the item's stream for it.
    pub(super) fn overwriting(self, original: &[f32], stream: Stream) -> Overwriting {
        let steps = self.steps();
        let n_blocks = steps.len().div_ceil(PER_BLOCK) as u64;
        Overwriting { range: Range::of(original), steps, n_blocks, blocks: Blocks::of(stream) }
    }
}

/// Gives the patterns of a channel random values, uniform from the least to the greatest of its pixels.
///
/// The pixels of a pattern are counted row by row, but for the masked one, whether they lie in the patch or not. Each has
/// half a word: a cell uses as many blocks as hold those of one pattern, and the first pixel has the upper half of the
/// first word.
pub(super) struct Overwriting {
    range: Range,
    steps: Vec<[isize; 2]>,
    n_blocks: u64,
    blocks: Blocks,
}

impl Overwriting {
    /// Overwrites the pattern around a masked pixel where it lies in the patch.
    #[inline(always)]
    pub(super) fn around(&mut self, pixel: &MaskedPixel, size: [usize; 3], masked: &mut [f32]) {
        let [z, y, x] = pixel.position;
        for (number, steps) in (pixel.cell * self.n_blocks..).zip(self.steps.chunks(PER_BLOCK)) {
            let halves = self.blocks.at(number).iter().flat_map(|&word| [(word >> 32) as u32, word as u32]);
            for (&[step_y, step_x], half) in steps.iter().zip(halves) {
                let (y, x) = (y.wrapping_add_signed(step_y), x.wrapping_add_signed(step_x));
                if y < size[1] && x < size[2] {
                    masked[(z * size[1] + y) * size[2] + x] = self.range.at(half);
                }
            }
        }
    }
}

/// Blocks of a stream that are asked for one after the other, and drawn two at a time.
struct Blocks {
    stream: Stream,
    /// The number of the pair at hand.
    pair: u64,
    words: [[u64; 4]; 2],
}

impl Blocks {
    fn of(stream: Stream) -> Self {
        Self { stream, pair: 0, words: stream.blocks(0) }
    }

    #[inline(always)]
    fn at(&mut self, number: u64) -> &[u64; 4] {
        if number / 2 != self.pair {
            self.pair = number / 2;
            self.words = self.stream.blocks(2 * self.pair);
        }
        &self.words[(number % 2) as usize]
    }
}

impl Range {
    /// The range of some pixels.
    fn of(pixels: &[f32]) -> Self {
        let (low, high) = extremes(Vectors::widest(), pixels);
        // A zero of either sign becomes 0.0: which of the two is found first depends on the vectors.
        Self { low: low + 0.0, high: high + 0.0 }
    }

    /// The value that a random half word stands for: its upper 24 bits as a share of the way from the least to the
    /// greatest pixel.
    #[inline(always)]
    fn at(self, half: u32) -> f32 {
        let share = (half >> 8) as f32 * (1.0 / (1u32 << 24) as f32);
        // A sum of parts cannot overflow as a difference could; rounding may carry it past an end.
        (self.low * (1.0 - share) + self.high * share).max(self.low).min(self.high)
    }
}

/// Pixels that are looked at together: more than one vector, so that none waits for the one before it.
const LANES: usize = 64;

vectorised! {
    /// The least and the greatest of some pixels, of which there is one at least.
    fn extremes[][](pixels: &[f32]) -> (f32, f32) {
        V => {
            let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
            let (chunks, rest) = pixels.as_chunks::<LANES>();
            for pixels in chunks {
                low = lanes(|i| if pixels[i] < low[i] { pixels[i] } else { low[i] });
                high = lanes(|i| if pixels[i] > high[i] { pixels[i] } else { high[i] });
            }
            let low = low.iter().chain(rest).copied().fold(f32::INFINITY, f32::min);
            (low, high.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AXES: [StructAxis; 4] = [StructAxis::Horizontal, StructAxis::Vertical, StructAxis::Cross, StructAxis::Square];

    /// The definition: whether a pixel so far from the masked one along Y and X belongs to the pattern.
    fn holds(axis: StructAxis, reach: usize, y: usize, x: usize) -> bool {
        match axis {
            StructAxis::Horizontal => y == 0 && x <= reach,
            StructAxis::Vertical => x == 0 && y <= reach,
            StructAxis::Cross => (y == 0 && x <= reach) || (x == 0 && y <= reach),
            StructAxis::Square => y <= reach && x <= reach,
        }
    }

    #[test]
    fn places_in_a_window_are_those_of_the_definition() {
        for axis in AXES {
            for reach in 1..=7 {
                let pattern = StructPattern::new(axis, 2 * reach + 1).expect("the span is in range");
                for window in [[0, 5, 5], [0, 1, 9], [2, 3, 3], [1, 8, 8]] {
                    let [n_z, n_y, n_x] = window.map(|reach| 2 * reach + 1);
                    let expected: Vec<usize> = (0..n_z * n_y * n_x)
                        .rev()
                        .filter(|place| {
                            let [z, y, x]: [usize; 3] = [place / (n_y * n_x), place / n_x % n_y, place % n_x];
                            z == window[0] && holds(axis, reach, y.abs_diff(window[1]), x.abs_diff(window[2]))
                        })
                        .collect();
                    assert_eq!(pattern.places_in(window), expected, "{pattern:?} in {window:?}");
                }
            }
        }
    }

    #[test]
    fn spans_that_have_no_middle_or_are_too_long_are_refused() {
        for span in [0, 1, 2, 4, 14, 16, 17, usize::MAX] {
            assert!(StructPattern::new(StructAxis::Square, span).is_err(), "{span}");
        }
    }

    proptest! {
        #[test]
        fn extremes_are_the_same_for_all_vectors(pixels in proptest::collection::vec(-1e30f32..1e30, 1..400)) {
            let low = pixels.iter().copied().fold(f32::INFINITY, f32::min);
            let high = pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for vectors in Vectors::all() {
                prop_assert_eq!(extremes(vectors, &pixels), (low, high), "{:?}", vectors);
            }
        }

        #[test]
        fn values_never_leave_the_range(a: f32, b: f32, half: u32) {
            prop_assume!(a.is_finite() && b.is_finite());
            let range = Range::of(&[a, b]);
            for half in [half, 0, u32::MAX] {
                let value = range.at(half);
                prop_assert!(a.min(b) <= value && value <= a.max(b), "{} of {:?}", value, range);
            }
        }
    }
}
