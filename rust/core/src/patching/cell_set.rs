//! A set of cells, of which there may be hundreds of millions.

/// How many words are counted together: a line of the cache.
const BLOCK: usize = 8;

/// Some of the cells of a grid: a bit for each, and how many come before each block of them, so that the cell at a place
/// is found by bisection. It takes 9 bits for 8 cells of the grid, whether many of them are in it or few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSet {
    words: Vec<u64>,
    /// The number of cells in the set before each block.
    before: Vec<u64>,
    len: u64,
}

impl CellSet {
    /// The given ones of `n_cells` cells, in any order.
    ///
    /// # Panics
    ///
    /// If there is no such cell.
    pub(super) fn of(n_cells: u64, cells: impl IntoIterator<Item = u64>) -> Self {
        let mut words = vec![0; n_cells.div_ceil(64) as usize];
        for cell in cells {
            words[(cell / 64) as usize] |= 1 << (cell % 64);
        }
        Self::from_words(words)
    }

    /// All of `n_cells` cells.
    pub(super) fn all(n_cells: u64) -> Self {
        let mut words = vec![u64::MAX; n_cells.div_ceil(64) as usize];
        if let (Some(last), 1..) = (words.last_mut(), n_cells % 64) {
            *last >>= 64 - n_cells % 64;
        }
        Self::from_words(words)
    }

    /// Those of these that are not among `cells`.
    pub(super) fn without(&self, cells: impl IntoIterator<Item = u64>) -> Self {
        let mut words = self.words.clone();
        for cell in cells {
            words[(cell / 64) as usize] &= !(1 << (cell % 64));
        }
        Self::from_words(words)
    }

    /// Those that are in both.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        Self::from_words(self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect())
    }

    /// Those that are in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self::from_words(self.words.iter().zip(&other.words).map(|(a, b)| a | b).collect())
    }

    fn from_words(words: Vec<u64>) -> Self {
        let mut len = 0;
        let before = words
            .chunks(BLOCK)
            .map(|block| {
                let before = len;
                len += count(block);
                before
            })
            .collect();
        Self { words, before, len }
    }

    /// The number of cells in the set.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no cell is in the set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a cell of the grid is in the set.
    #[inline]
    pub fn contains(&self, cell: u64) -> bool {
        self.words[(cell / 64) as usize] >> (cell % 64) & 1 == 1
    }

    /// The cell at a place in the set.
    ///
    /// # Panics
    ///
    /// If the set has no such place.
    #[inline]
    pub fn at(&self, place: u64) -> u64 {
        assert!(place < self.len, "place {place} in a set of {}", self.len);
        let block = self.before.partition_point(|&before| before <= place) - 1;
        let (mut number, mut place) = (block * BLOCK, place - self.before[block]);
        while place >= u64::from(self.words[number].count_ones()) {
            place -= u64::from(self.words[number].count_ones());
            number += 1;
        }
        let mut word = self.words[number];
        for _ in 0..place {
            word &= word - 1;
        }
        number as u64 * 64 + u64::from(word.trailing_zeros())
    }

    /// The number of cells in the set that come before a cell of the grid, or before its end.
    #[inline]
    pub fn n_before(&self, cell: u64) -> u64 {
        let number = (cell / 64) as usize;
        let Some(word) = self.words.get(number) else { return self.len };
        let block = number / BLOCK;
        let earlier = word & ((1 << (cell % 64)) - 1);
        self.before[block] + count(&self.words[block * BLOCK..number]) + u64::from(earlier.count_ones())
    }

    /// The cells, from the first to the last.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.words.iter().enumerate().flat_map(|(number, &word)| {
            std::iter::successors(Some(word), |word| Some(word & word.wrapping_sub(1)))
                .take_while(|&word| word != 0)
                .map(move |word| number as u64 * 64 + u64::from(word.trailing_zeros()))
        })
    }
}

fn count(words: &[u64]) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn cells() -> impl Strategy<Value = (u64, BTreeSet<u64>)> {
        (1..1500u64).prop_flat_map(|n| (Just(n), prop::collection::btree_set(0..n, 0..=n as usize)))
    }

    proptest! {
        #[test]
        fn a_set_is_the_cells_that_it_was_made_of((n, cells) in cells()) {
            let set = CellSet::of(n, cells.iter().copied());
            prop_assert_eq!(set.len(), cells.len() as u64);
            prop_assert_eq!(set.is_empty(), cells.is_empty());
            prop_assert!(set.iter().eq(cells.iter().copied()));
            prop_assert!((0..set.len()).map(|place| set.at(place)).eq(cells.iter().copied()));
            for cell in 0..n {
                prop_assert_eq!(set.contains(cell), cells.contains(&cell));
            }
            for cell in 0..=n {
                prop_assert_eq!(set.n_before(cell), cells.range(..cell).count() as u64);
            }
        }

        #[test]
        fn sets_are_cut_and_joined((n, cells) in cells(), others in prop::collection::btree_set(0..1500u64, 0..1500)) {
            let others: BTreeSet<u64> = others.into_iter().filter(|&cell| cell < n).collect();
            let of = |cells: BTreeSet<u64>| CellSet::of(n, cells);
            let (set, other) = (of(cells.clone()), of(others.clone()));
            prop_assert_eq!(set.without(others.iter().copied()), of(&cells - &others));
            prop_assert_eq!(set.intersection(&other), of(&cells & &others));
            prop_assert_eq!(set.union(&other), of(&cells | &others));
            prop_assert_eq!(CellSet::all(n), of((0..n).collect()));
        }
    }

    #[test]
    fn there_may_be_no_cells() {
        assert!(CellSet::all(0).is_empty());
        assert_eq!(CellSet::of(0, []).iter().next(), None);
    }
}
