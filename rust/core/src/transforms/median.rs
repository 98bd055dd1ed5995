//! The median of a window around a pixel, which N2V2 replaces it by.
//!
//! A window is too small for a sort to pay and its median is one number: so a guess at it is compared with all values at
//! once, in vectors, and the next guess is better. A few guesses are enough, also for large windows.

use std::cmp::Ordering;

use crate::vectors::{Vectors, lanes, vectorised};

/// Values that are compared at once.
const LANES: usize = 16;

/// Guesses that look at the values; if they are many, the ones after them halve what is left and so come to an end.
const MAX_GUESSES: u32 = 12;

/// The values of a window, as integers that are ordered as the values are.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// `n` keys, and room for what vectors write too much.
    keys: Vec<i32>,
    n: usize,
}

/// What is seen of the values while they are taken, and of others beside them: bounds, and about their mean.
struct Glance {
    least: [i32; LANES],
    greatest: [i32; LANES],
    sum: [f32; LANES],
    n: f32,
}

vectorised! {
    /// See [`Window::median`].
    fn median[][](
        window: &mut Window,
        pixels: &[f32],
        size: [usize; 3],
        position: [usize; 3],
        reach: [usize; 3],
        left_out: &[usize],
    ) -> f32 {
        V => {
            let glance = window.fill(pixels, size, position, reach);
            window.leave_out(left_out);
            window.middle(&glance)
        }
    }
}

/// The values of a window in two parts: those below a guess, and the others.
struct Split {
    n_below: usize,
    greatest_below: i32,
    least_above: i32,
}

impl Window {
    /// The mean of the middle two of the values around `position`, without some. The window reaches as far along Z, Y
    /// and X as `reach` says; beyond the patch, whose size is `size`, its border pixels are repeated. Those left out are
    /// counted through the window, X running fastest, and come from the last to the first; an even number must be left.
    ///
    /// # Panics
    ///
    /// If the position is not in the patch.
    pub(super) fn median(
        &mut self,
        pixels: &[f32],
        size: [usize; 3],
        position: [usize; 3],
        reach: [usize; 3],
        left_out: &[usize],
    ) -> f32 {
        median(Vectors::widest(), self, pixels, size, position, reach, left_out)
    }

    #[inline(always)]
    fn fill(&mut self, pixels: &[f32], size: [usize; 3], position: [usize; 3], reach: [usize; 3]) -> Glance {
        let [n_z, n_y, n_x] = reach.map(|reach| 2 * reach + 1);
        let clamp = |axis: usize, step: usize| (position[axis] + step).saturating_sub(reach[axis]).min(size[axis] - 1);
        let n_before = reach[2].saturating_sub(position[2]);
        let n_inside = clamp(2, n_x - 1) + 1 - clamp(2, 0);
        // Rows are taken in whole vectors, whatever comes after them: what comes next overwrites it.
        let n_taken = n_inside.next_multiple_of(LANES);
        self.n = n_z * n_y * n_x;
        self.keys.resize(self.n + n_x + LANES, 0);
        let mut glance = Glance::default();
        let mut place = 0;
        for z in 0..n_z {
            let plane = clamp(0, z) * size[1];
            for y in 0..n_y {
                let row = (plane + clamp(1, y)) * size[2];
                let keys = &mut self.keys[place..place + n_x + LANES];
                if let Some(pixels) = pixels[row + clamp(2, 0)..].get(..n_taken) {
                    let keys = keys[n_before..n_before + n_taken].as_chunks_mut::<LANES>().0;
                    for (keys, pixels) in keys.iter_mut().zip(pixels.as_chunks::<LANES>().0) {
                        *keys = glance.at(pixels);
                    }
                } else {
                    for (keys, &pixel) in keys[n_before..].iter_mut().zip(&pixels[row + clamp(2, 0)..][..n_inside]) {
                        *keys = glance.at(&[pixel; LANES])[0];
                    }
                }
                if n_inside < n_x {
                    keys[..n_before].fill(key(pixels[row]));
                    keys[n_before + n_inside..n_x].fill(key(pixels[row + size[2] - 1]));
                }
                place += n_x;
            }
        }
        glance
    }

    #[inline(always)]
    fn leave_out(&mut self, places: &[usize]) {
        for &place in places {
            self.n -= 1;
            self.keys[place] = self.keys[self.n];
        }
        // Values above all others count nowhere.
        *self.keys[self.n..].first_chunk_mut().expect("there is room for more") = [i32::MAX; LANES];
    }

    /// The mean of the middle two values.
    #[inline(always)]
    fn middle(&self, glance: &Glance) -> f32 {
        let half = self.n / 2;
        // Both of the middle two lie between `low` and `high`. How many values lie below the one, and up to the other?
        let mut low = glance.least.into_iter().fold(i32::MAX, i32::min);
        let mut high = glance.greatest.into_iter().fold(i32::MIN, i32::max);
        let (mut n_below_low, mut n_to_high) = (0, self.n);
        let mut guess = key(glance.sum.iter().sum::<f32>() / glance.n);
        let mut n_guesses = 0;
        while low < high {
            let Split { n_below, greatest_below, least_above } = self.split(guess.clamp(low + 1, high));
            match n_below.cmp(&half) {
                Ordering::Equal => return (value(greatest_below) + value(least_above)) * 0.5,
                Ordering::Less => (low, n_below_low) = (least_above, n_below),
                Ordering::Greater => (high, n_to_high) = (greatest_below, n_below),
            }
            n_guesses += 1;
            guess = if n_guesses < MAX_GUESSES {
                let share = (half - n_below_low) as f32 / (n_to_high - n_below_low) as f32;
                key(value(low) + (value(high) - value(low)) * share)
            } else {
                ((i64::from(low) + i64::from(high) + 1) >> 1) as i32
            };
        }
        // Both are the same.
        (value(low) + value(low)) * 0.5
    }

    #[inline(always)]
    fn split(&self, guess: i32) -> Split {
        let (mut below, mut greatest, mut least) = ([0; LANES], [i32::MIN; LANES], [i32::MAX; LANES]);
        for keys in self.keys[..self.n.next_multiple_of(LANES)].as_chunks::<LANES>().0 {
            below = lanes(|i| below[i] + i32::from(keys[i] < guess));
            greatest = lanes(|i| greatest[i].max(if keys[i] < guess { keys[i] } else { i32::MIN }));
            least = lanes(|i| least[i].min(if keys[i] < guess { i32::MAX } else { keys[i] }));
        }
        Split {
            n_below: below.into_iter().sum::<i32>() as usize,
            greatest_below: greatest.into_iter().fold(i32::MIN, i32::max),
            least_above: least.into_iter().fold(i32::MAX, i32::min),
        }
    }
}

impl Default for Glance {
    fn default() -> Self {
        Self { least: [i32::MAX; LANES], greatest: [i32::MIN; LANES], sum: [0.0; LANES], n: 0.0 }
    }
}

impl Glance {
    /// Looks at some pixels, and returns their keys.
    #[inline(always)]
    fn at(&mut self, pixels: &[f32; LANES]) -> [i32; LANES] {
        let keys = lanes(|i| key(pixels[i]));
        self.least = lanes(|i| self.least[i].min(keys[i]));
        self.greatest = lanes(|i| self.greatest[i].max(keys[i]));
        self.sum = lanes(|i| self.sum[i] + pixels[i]);
        self.n += LANES as f32;
        keys
    }
}

/// An integer that is ordered as `f32::total_cmp` orders the value.
#[inline(always)]
fn key(value: f32) -> i32 {
    let bits = value.to_bits() as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

/// The value of a key.
#[inline(always)]
fn value(key: i32) -> f32 {
    f32::from_bits((key ^ (((key >> 31) as u32) >> 1) as i32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The places that are left out where nothing is said of others: the centre, the middle of odd sides.
    fn centre(reach: [usize; 3]) -> [usize; 1] {
        [reach.map(|reach| 2 * reach + 1).iter().product::<usize>() / 2]
    }

    /// The definition: the window's values without those left out, sorted.
    fn sorted_median(
        pixels: &[f32],
        size: [usize; 3],
        position: [usize; 3],
        reach: [usize; 3],
        left_out: &[usize],
    ) -> f32 {
        let clamp = |axis: usize, step: usize| (position[axis] + step).saturating_sub(reach[axis]).min(size[axis] - 1);
        let mut values = Vec::new();
        for z in 0..=2 * reach[0] {
            for y in 0..=2 * reach[1] {
                for x in 0..=2 * reach[2] {
                    values.push(pixels[(clamp(0, z) * size[1] + clamp(1, y)) * size[2] + clamp(2, x)]);
                }
            }
        }
        let mut place = 0;
        values.retain(|_| {
            place += 1;
            !left_out.contains(&(place - 1))
        });
        values.sort_unstable_by(f32::total_cmp);
        (values[values.len() / 2 - 1] + values[values.len() / 2]) * 0.5
    }

    fn pixel() -> impl Strategy<Value = f32> {
        prop_oneof![
            any::<i16>().prop_map(f32::from),
            (0u8..3).prop_map(f32::from),
            (-1.0f32..1.0),
            prop_oneof![Just(0.0), Just(-0.0), Just(f32::MAX), Just(f32::MIN), Just(1e-40)],
        ]
    }

    fn windows() -> impl Strategy<Value = (Vec<f32>, [usize; 3], [usize; 3], [usize; 3])> {
        ((1usize..4, 1usize..20, 1usize..40), (0usize..3, 0usize..7, 1usize..20)).prop_flat_map(|(size, reach)| {
            let n = size.0 * size.1 * size.2;
            (proptest::collection::vec(pixel(), n), (0..size.0, 0..size.1, 0..size.2))
                .prop_map(move |(pixels, at)| (pixels, size.into(), at.into(), reach.into()))
        })
    }

    /// An odd number of places of a window, at least one fewer than it has, from the last to the first.
    fn places(reach: [usize; 3], seed: usize) -> Vec<usize> {
        let n: usize = reach.map(|reach| 2 * reach + 1).iter().product();
        let mut places: Vec<usize> = (0..n).collect();
        places.sort_unstable_by_key(|place| place.wrapping_mul(seed | 1) ^ (seed >> 7));
        places.truncate((seed % (n - 1)) | 1);
        places.sort_unstable_by(|a, b| b.cmp(a));
        places
    }

    proptest! {
        #[test]
        fn it_is_the_median((pixels, size, position, reach) in windows(), seed: usize) {
            // One window for all, so that it has been used.
            let mut window = Window::default();
            for left_out in [places(reach, seed), centre(reach).to_vec()] {
                let expected = sorted_median(&pixels, size, position, reach, &left_out).to_bits();
                for vectors in Vectors::all() {
                    let got = median(vectors, &mut window, &pixels, size, position, reach, &left_out);
                    prop_assert_eq!(got.to_bits(), expected, "{:?}", vectors);
                }
            }
        }
    }

    #[test]
    fn values_that_no_guess_helps_with_still_have_an_end() {
        // Each is a thousand times the one before: guesses in between the ends are always far off.
        let pixels: Vec<f32> = (0..25).map(|i| 1000f32.powi(i - 12)).collect();
        let mut window = Window::default();
        let expected = sorted_median(&pixels, [1, 1, 25], [0, 0, 12], [0, 0, 12], &[12]);
        assert_eq!(window.median(&pixels, [1, 1, 25], [0, 0, 12], [0, 0, 12], &[12]), expected);
    }

    #[test]
    fn pixels_that_are_no_numbers_do_no_harm() {
        let mut window = Window::default();
        for pixels in [[f32::NAN; 9], [f32::INFINITY; 9], [f32::NEG_INFINITY; 9]] {
            let _ = window.median(&pixels, [1, 3, 3], [0, 1, 1], [0, 1, 1], &[4]);
        }
        let mixed = [f32::NEG_INFINITY, 1.0, f32::NAN, f32::INFINITY, 0.0, 2.0, -f32::NAN, 3.0, 4.0];
        assert_eq!(window.median(&mixed, [1, 3, 3], [0, 1, 1], [0, 1, 1], &[4]), 2.5);
    }
}
