//! The entropy of the values of a patch. Values are counted, and then how many of them were counted so often: sums of
//! integers, that no order of pixels or places changes.

use super::cell::{Cell, Score};
use crate::sources::{Block, Sortable, dispatch};

/// The bits of the keys whose places are the keys themselves.
const DIRECT_BITS: u32 = 16;

/// The entropy of the distribution of values, in bits.
pub(super) struct Shannon;

impl Score for Shannon {
    const N_SCORES: usize = 1;
    type Scratch = Counter;

    fn scratch(&self) -> Counter {
        Counter::default()
    }

    fn score(&self, cell: &Cell<'_>, counter: &mut Counter, scores: &mut [f64]) -> bool {
        let n_bad = dispatch!(cell.image.pixel_type(), T => counter.count::<T>(cell));
        scores[0] = counter.entropy();
        n_bad == 0
    }
}

/// How often each value was counted, in places that follow from the values. The memory of a thread.
#[derive(Default)]
pub(super) struct Counter {
    /// What is counted in a place, where that does not follow from the place.
    keys: Vec<u64>,
    /// How often. Nothing was counted in places that are free.
    counts: Vec<u32>,
    /// The places that are not free come first.
    places: Vec<u32>,
    n_places: usize,
    /// How many values were counted so often.
    frequencies: Vec<u32>,
}

impl Counter {
    /// Counts the values of a cell. The number of bad pixels.
    fn count<T: Sortable>(&mut self, cell: &Cell<'_>) -> usize {
        let n_pixels = cell.n_pixels();
        if T::KEY_BITS <= DIRECT_BITS {
            self.counts.resize(1 << DIRECT_BITS, 0);
        } else {
            // Half of the places stay free, so that few values find theirs taken.
            let n_places = (2 * n_pixels).next_power_of_two();
            self.counts.resize(n_places, 0);
            self.keys.resize(n_places, 0);
        }
        self.places.resize(n_pixels + 1, 0);
        self.frequencies.resize(n_pixels + 1, 0);
        cell.planes()
            .map(|plane| {
                if plane.is_dense::<T>() { self.count_in::<T, true>(&plane) } else { self.count_in::<T, false>(&plane) }
            })
            .sum()
    }

    fn count_in<T: Sortable, const IS_DENSE: bool>(&mut self, plane: &Block<'_>) -> usize {
        let mut n_bad = 0;
        for run in plane.runs() {
            for i in 0..run.n_pixels {
                // SAFETY: the index is below the length.
                let pixel = unsafe { run.read::<T, IS_DENSE>(i) };
                n_bad += usize::from(!pixel.is_valid());
                let place = self.place::<T>(pixel.key());
                let count = &mut self.counts[place];
                self.places[self.n_places] = place as u32;
                self.n_places += usize::from(*count == 0);
                *count += 1;
            }
        }
        n_bad
    }

    #[inline(always)]
    fn place<T: Sortable>(&mut self, key: u64) -> usize {
        if T::KEY_BITS <= DIRECT_BITS {
            return key as usize;
        }
        let last = self.counts.len() - 1;
        // Knuth, "The art of computer programming", volume 3, 6.4: the golden ratio spreads keys evenly.
        let mut place = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - last.count_ones())) as usize;
        while self.counts[place] != 0 && self.keys[place] != key {
            place = (place + 1) & last;
        }
        self.keys[place] = key;
        place
    }

    /// The entropy of what was counted, which is forgotten.
    fn entropy(&mut self) -> f64 {
        let (mut n_pixels, mut most) = (0, 0);
        for &place in &self.places[..self.n_places] {
            let count = std::mem::take(&mut self.counts[place as usize]);
            self.frequencies[count as usize] += 1;
            n_pixels += u64::from(count);
            most = most.max(count as usize);
        }
        self.n_places = 0;
        let (of_all, mut sum) = (log2(n_pixels), 0.0);
        for (count, frequency) in self.frequencies[..=most].iter_mut().enumerate().skip(1) {
            let frequency = u64::from(std::mem::take(frequency));
            if frequency > 0 {
                sum += (frequency * count as u64) as f64 * (of_all - log2(count as u64));
            }
        }
        sum / n_pixels as f64
    }
}

/// The binary logarithm of a number up to 2^53, to the last bit but one. It is written out because libraries disagree on
/// the last bits, and would so on what is kept.
fn log2(number: u64) -> f64 {
    const TERMS: i32 = 12;
    if number == 0 {
        return 0.0;
    }
    let exponent = number.ilog2();
    let (mut fraction, mut whole) = (number as f64 / (1u64 << exponent) as f64, f64::from(exponent));
    if fraction > std::f64::consts::SQRT_2 {
        fraction /= 2.0;
        whole += 1.0;
    }
    // Twice the area tangent of (x - 1) / (x + 1) is the logarithm of x.
    let s = (fraction - 1.0) / (fraction + 1.0);
    let squared = s * s;
    let series = (0..TERMS).rev().fold(0.0, |sum, term| sum * squared + 1.0 / f64::from(2 * term + 1));
    whole + 2.0 * s * series / std::f64::consts::LN_2
}
