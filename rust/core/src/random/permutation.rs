//! A keyed permutation with random access: the order of an epoch without a list of it.

use super::{Purpose, Stream, below};

/// As many rounds as make the positions of small permutations indistinguishable from uniform in our tests.
const ROUNDS: usize = 8;

/// A random order of `0..n`, any place of which costs the same to look up.
///
/// A generalised Feistel network over `rows * columns >= n` cells (Black and Rogaway, "Ciphers with arbitrary finite
/// domains", CT-RSA 2002): numbers that leave `0..n` walk on through the network until they are back in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permutation {
    n: u64,
    rows: u64,
    columns: u64,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The order of `n` items in an epoch. An epoch that is ordered part by part has an order for each `part`.
    pub fn new(n: u64, seed: u64, purpose: Purpose, epoch: u64, part: u64) -> Self {
        let stream = Stream::new(seed, purpose, epoch, part);
        let mut keys = [0; ROUNDS];
        for (position, words) in keys.chunks_exact_mut(4).enumerate() {
            words.copy_from_slice(&stream.block(position as u64));
        }
        let rows = (n.isqrt() + u64::from(n.isqrt() * n.isqrt() < n)).max(1);
        Self { n, rows, columns: n.div_ceil(rows), keys }
    }

    /// The item at a place in the order.
    ///
    /// # Panics
    ///
    /// If `place` is not below the number of items.
    #[inline]
    pub fn at(&self, place: u64) -> u64 {
        assert!(place < self.n, "place {place} in an order of {} items", self.n);
        let mut item = self.shuffle(place);
        while item >= self.n {
            item = self.shuffle(item);
        }
        item
    }

    #[inline]
    fn shuffle(&self, cell: u64) -> u64 {
        let (mut row, mut column) = (cell / self.columns, cell % self.columns);
        for pair in self.keys.chunks_exact(2) {
            row = add_modulo(row, below(mix(column, pair[0]), self.rows), self.rows);
            column = add_modulo(column, below(mix(row, pair[1]), self.columns), self.columns);
        }
        row * self.columns + column
    }
}

#[inline]
fn add_modulo(a: u64, b: u64, modulus: u64) -> u64 {
    let sum = a + b;
    if sum >= modulus { sum - modulus } else { sum }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
#[inline]
fn mix(value: u64, key: u64) -> u64 {
    let mut z = value.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_item_comes_once(n in 1u64..2000, seed: u64, epoch in 0u64..1000) {
            let order = Permutation::new(n, seed, Purpose::Order, epoch, 0);
            let mut items: Vec<u64> = (0..n).map(|place| order.at(place)).collect();
            items.sort_unstable();
            prop_assert!(items.into_iter().eq(0..n));
        }
    }

    #[test]
    fn all_orders_of_four_items_are_about_equally_likely() {
        let mut counts = std::collections::HashMap::<Vec<u64>, u32>::new();
        let n_epochs = 24_000;
        for epoch in 0..n_epochs {
            let order = Permutation::new(4, 7, Purpose::Order, epoch, 0);
            *counts.entry((0..4).map(|place| order.at(place)).collect()).or_default() += 1;
        }
        let chi_square: f64 = counts.values().map(|&count| (f64::from(count) - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(counts.len(), 24);
        // The 99.99 % quantile of chi-square with 23 degrees of freedom.
        assert!(chi_square < 57.1, "chi-square {chi_square}");
    }

    #[test]
    fn a_trillion_items_cost_nothing() {
        let order = Permutation::new(1_000_000_000_000, 1, Purpose::Order, 3, 0);
        assert!(order.at(999_999_999_999) < 1_000_000_000_000);
    }
}
