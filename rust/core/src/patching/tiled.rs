//! Tiles for prediction: overlapping crops that cover an image, and the part of each that ends up in the result.

use crate::error::{Error, Result};

/// A tile along one axis, without its margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileSpan {
    /// Where the tile begins in the image.
    pub origin: usize,
    /// The first pixel of the tile that is kept, counted in the tile.
    pub crop_start: usize,
    /// The end of the pixels of the tile that are kept, counted in the tile.
    pub crop_end: usize,
    /// Where the kept pixels go in the image.
    pub stitch_start: usize,
}

/// The tiles of a sample: the product of the spans along Z, Y and X.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileGrid {
    tile: [usize; 3],
    size: [usize; 3],
    margin: [usize; 3],
    spans: [Vec<TileSpan>; 3],
}

impl TileGrid {
    /// The grid over a sample of `size` with tiles of a size that overlap (all Z, Y, X). Half of every overlap comes
    /// from each of the two neighbours. An axis shorter than its tile has one tile, padded by reflection.
    ///
    /// # Errors
    ///
    /// If an overlap is odd or not smaller than its tile.
    pub fn new(size: [usize; 3], tile: [usize; 3], overlap: [usize; 3]) -> Result<Self> {
        for (axis, letter) in ['Z', 'Y', 'X'].into_iter().enumerate() {
            if tile[axis] == 0 || overlap[axis] >= tile[axis] || !overlap[axis].is_multiple_of(2) {
                return Err(Error::Argument {
                    argument: "tile_overlap",
                    expected: format!("even overlaps, smaller than the tile ({} along {letter})", tile[axis]),
                    got: format!("{} along {letter}", overlap[axis]),
                });
            }
        }
        let spans = std::array::from_fn(|axis| spans(size[axis], tile[axis], overlap[axis]));
        Ok(Self { tile, size, margin: [0; 3], spans })
    }

    /// The same tiles, each with a margin of more pixels on either side: those of its neighbours or, beyond the border
    /// of the image, reflected ones. A network that takes zeros for what it does not see then sees none there.
    #[must_use]
    pub fn with_margin(self, margin: [usize; 3]) -> Self {
        Self { margin, ..self }
    }

    /// The size of the tiles along Z, Y and X, with their margins.
    pub fn tile_size(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.tile[axis].saturating_add(self.margin[axis].saturating_mul(2)))
    }

    /// The size of the tiles along Z, Y and X, without their margins.
    pub(crate) fn inner_size(&self) -> [usize; 3] {
        self.tile
    }

    /// The margin of every tile, before and after it along Z, Y and X.
    pub fn margin(&self) -> [usize; 3] {
        self.margin
    }

    /// The size of the sample along Z, Y and X.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// The number of tiles.
    pub fn n_tiles(&self) -> usize {
        self.spans.iter().map(Vec::len).product()
    }

    /// A tile by its number: its spans along Z, Y and X.
    ///
    /// # Panics
    ///
    /// If there is no such tile.
    pub fn tile(&self, number: usize) -> [TileSpan; 3] {
        let place = self.place(number);
        std::array::from_fn(|axis| self.spans[axis][place[axis]])
    }

    /// The spans along Z, Y and X that tiles are the product of.
    pub(crate) fn spans(&self) -> &[Vec<TileSpan>; 3] {
        &self.spans
    }

    /// Which of the spans along Z, Y and X are those of a tile.
    pub(crate) fn place(&self, number: usize) -> [usize; 3] {
        let [_, n_y, n_x] = [0, 1, 2].map(|axis| self.spans[axis].len());
        [number / (n_y * n_x), number / n_x % n_y, number % n_x]
    }
}

/// The tiles along one axis. The last one is moved back to end with the image.
fn spans(size: usize, tile: usize, overlap: usize) -> Vec<TileSpan> {
    if size <= tile {
        return vec![TileSpan { origin: 0, crop_start: 0, crop_end: size, stitch_start: 0 }];
    }
    let step = tile - overlap;
    let n = (size - overlap).div_ceil(step);
    (0..n)
        .map(|i| {
            let origin = (i * step).min(size - tile);
            let stitch_start = if i == 0 { 0 } else { i * step + overlap / 2 };
            let stitch_end = if i + 1 == n { size } else { i * step + tile - overlap / 2 };
            TileSpan { origin, crop_start: stitch_start - origin, crop_end: stitch_end - origin, stitch_start }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tiles_are_those_of_careamics() {
        assert_eq!(
            spans(100, 64, 16),
            [
                TileSpan { origin: 0, crop_start: 0, crop_end: 56, stitch_start: 0 },
                TileSpan { origin: 36, crop_start: 20, crop_end: 64, stitch_start: 56 },
            ]
        );
    }

    proptest! {
        #[test]
        fn kept_pixels_cover_the_axis_once(size in 1usize..300, tile in 1usize..80, half in 0usize..40) {
            prop_assume!(2 * half < tile);
            let mut end = 0;
            for span in spans(size, tile, 2 * half) {
                prop_assert_eq!(span.stitch_start, end);
                prop_assert!(span.crop_start < span.crop_end && span.crop_end <= tile);
                prop_assert_eq!(span.origin + span.crop_start, span.stitch_start);
                end += span.crop_end - span.crop_start;
            }
            prop_assert_eq!(end, size);
        }
    }
}
