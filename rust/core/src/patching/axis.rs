//! One axis of a sample, cut into cells of the size of a patch.

use std::ops::Range;

/// An axis of a sample, and a patch along it. The patch fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) patch: usize,
}

impl Axis {
    /// The number of cells: as many as cover the axis.
    #[inline]
    pub(super) fn n_cells(self) -> usize {
        self.size.div_ceil(self.patch)
    }

    /// The number of places where a patch can begin.
    #[inline]
    pub(super) fn n_origins(self) -> usize {
        self.size - self.patch + 1
    }

    /// Where the cell at a place begins: cells lie side by side, but for the last, which ends with the axis.
    #[inline]
    pub(super) fn origin(self, place: usize) -> usize {
        (place * self.patch).min(self.size - self.patch)
    }

    /// The stratum of a cell: the origins that are nearest to its own, of two as near cells the first's. A patch that
    /// begins there covers at least half of the cell.
    #[inline]
    pub(super) fn stratum(self, place: usize) -> Range<usize> {
        let start = if place == 0 { 0 } else { self.end_of_stratum(place - 1) };
        let end = if place + 1 == self.n_cells() { self.n_origins() } else { self.end_of_stratum(place) };
        start..end
    }

    /// The first origin that is nearer to the next cell than to the one at `place`.
    #[inline]
    fn end_of_stratum(self, place: usize) -> usize {
        usize::midpoint(self.origin(place), self.origin(place + 1)) + 1
    }

    /// The places of the cells that share a pixel with a patch.
    #[inline]
    pub(super) fn overlapping(self, origin: usize) -> Range<usize> {
        let is_at_the_end = self.size - self.patch - origin < self.patch;
        let end = if is_at_the_end { self.n_cells() } else { origin.div_ceil(self.patch) + 1 };
        origin / self.patch..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axes() -> impl Strategy<Value = Axis> {
        (1..20usize, 0..100usize).prop_map(|(patch, more)| Axis { size: patch + more, patch })
    }

    proptest! {
        #[test]
        fn an_origin_is_in_the_stratum_of_the_nearest_cell(axis in axes()) {
            let mut next = 0;
            for place in 0..axis.n_cells() {
                let stratum = axis.stratum(place);
                prop_assert_eq!(stratum.start, next);
                prop_assert!(stratum.contains(&axis.origin(place)));
                next = stratum.end;
                for origin in stratum {
                    let distance = |place| axis.origin(place).abs_diff(origin);
                    let nearest = (0..axis.n_cells()).min_by_key(|&place| distance(place));
                    prop_assert_eq!(nearest, Some(place));
                    prop_assert!(2 * distance(place) <= axis.patch);
                }
            }
            prop_assert_eq!(next, axis.n_origins());
        }

        #[test]
        fn the_cells_that_overlap_a_patch_are_found(axis in axes()) {
            for origin in 0..axis.n_origins() {
                let overlaps = |&place: &usize| axis.origin(place).abs_diff(origin) < axis.patch;
                let expected: Vec<usize> = (0..axis.n_cells()).filter(overlaps).collect();
                prop_assert_eq!(axis.overlapping(origin).collect::<Vec<_>>(), expected);
            }
        }
    }
}
