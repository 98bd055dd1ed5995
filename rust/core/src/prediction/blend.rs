//! Predicted tiles put together without seams: where tiles overlap, each gets a weight.

use crate::patching::{TileGrid, TileSpan};
use crate::prediction::Window;
use crate::transforms::Affine;

/// How the weight of a tile falls towards its edge, over the whole of an overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Along a straight line.
    Linear,
    /// As the flank of a Gaussian whose standard deviation is a third of the overlap.
    Gaussian,
}

impl Profile {
    /// The weight, before it is normalised, of a pixel in an overlap of `n` pixels, `place` pixels from the edge.
    fn weight(self, place: usize, n: usize) -> f64 {
        if place >= n {
            return 1.0;
        }
        let share = (place + 1) as f64 / (n + 1) as f64;
        match self {
            Self::Linear => share,
            Self::Gaussian => (-4.5 * (1.0 - share).powi(2)).exp(),
        }
    }
}

/// The weights of all tiles of a grid: products of one weight along each axis, which add up to 1 at every pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    grid: TileGrid,
    /// For each axis and each span along it, a weight for each of its pixels.
    weights: [Vec<Vec<f32>>; 3],
}

impl Blend {
    /// The weights of the tiles of a grid.
    pub fn new(grid: &TileGrid, profile: Profile) -> Self {
        let weights = std::array::from_fn(|axis| {
            axis_weights(&grid.spans()[axis], grid.size()[axis], grid.inner_size()[axis], profile)
        });
        Self { grid: grid.clone(), weights }
    }

    /// The tiles that the weights are of.
    pub fn grid(&self) -> &TileGrid {
        &self.grid
    }

    /// The part of a sample that a tile covers.
    ///
    /// # Panics
    ///
    /// If there is no such tile.
    pub fn covered(&self, tile: usize) -> Window {
        let spans = self.grid.tile(tile);
        Window { origin: spans.map(|span| span.origin), size: self.of_tile(tile).map(<[f32]>::len) }
    }

    /// The weights of a tile along Z, Y and X, of the pixels of it that lie in the sample.
    fn of_tile(&self, tile: usize) -> [&[f32]; 3] {
        let place = self.grid.place(tile);
        std::array::from_fn(|axis| self.weights[axis][place[axis]].as_slice())
    }
}

/// The weights of the tiles along one axis, whose sum over tiles is 1 at every pixel.
fn axis_weights(spans: &[TileSpan], size: usize, tile: usize, profile: Profile) -> Vec<Vec<f32>> {
    let n_pixels = tile.min(size);
    let mut sums = vec![0.0; size];
    let mut weights = Vec::with_capacity(spans.len());
    for (number, span) in spans.iter().enumerate() {
        // The edge of the image is no edge of a tile: nothing lies beyond it that the network could have seen.
        let before = number.checked_sub(1).map_or(0, |at| spans[at].origin + n_pixels - span.origin);
        let after = spans.get(number + 1).map_or(0, |next| span.origin + n_pixels - next.origin);
        let along: Vec<f64> = (0..n_pixels)
            .map(|place| profile.weight(place, before) * profile.weight(n_pixels - 1 - place, after))
            .collect();
        for (sum, weight) in sums[span.origin..].iter_mut().zip(&along) {
            *sum += weight;
        }
        weights.push(along);
    }
    let normalised = |(span, along): (&TileSpan, Vec<f64>)| {
        along.iter().zip(&sums[span.origin..]).map(|(weight, sum)| (weight / sum) as f32).collect()
    };
    spans.iter().zip(weights).map(normalised).collect()
}

/// Adds a predicted tile (axes C, Z, Y, X), weighted and back on the scale of the pixels by the affine of each channel,
/// to a window of a sample (the same axes), which is zero where no tile was added yet.
///
/// # Panics
///
/// If the slices are of another size than grid and window say, the window does not hold what the tile covers, or there
/// is no such tile.
pub fn blend_into(predicted: &[f32], blend: &Blend, tile: usize, affines: &[Affine], window: &Window, out: &mut [f32]) {
    let (tile_size, margin) = (blend.grid.tile_size(), blend.grid.margin());
    assert_eq!(predicted.len(), affines.len() * tile_size.iter().product::<usize>());
    assert_eq!(out.len(), affines.len() * window.n_pixels());
    let covered = blend.covered(tile);
    assert!(window.holds(&covered));
    let [weights_z, weights_y, weights_x] = blend.of_tile(tile);
    let [origin_z, origin_y, origin_x] = covered.origin;
    for (channel, affine) in affines.iter().enumerate() {
        for (z, weight_z) in weights_z.iter().enumerate() {
            for (y, weight_y) in weights_y.iter().enumerate() {
                let weight = weight_z * weight_y;
                let row = (channel * tile_size[0] + z + margin[0]) * tile_size[1] + y + margin[1];
                let from = row * tile_size[2] + margin[2];
                let to = window.place(channel, [z + origin_z, y + origin_y, origin_x]);
                let row = out[to..][..weights_x.len()].iter_mut();
                for ((pixel, value), weight_x) in row.zip(&predicted[from..]).zip(weights_x) {
                    *pixel += weight * weight_x * affine.invert(*value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_add_up_to_one(
            size in 1usize..300,
            tile in 1usize..80,
            half in 0usize..40,
            profile in prop_oneof![Just(Profile::Linear), Just(Profile::Gaussian)],
        ) {
            prop_assume!(2 * half < tile);
            let grid = TileGrid::new([1, 1, size], [1, 1, tile], [0, 0, 2 * half]).unwrap();
            let blend = Blend::new(&grid, profile);
            let mut sums = vec![0.0f64; size];
            for number in 0..grid.n_tiles() {
                let covered = blend.covered(number);
                prop_assert!(Window::whole(grid.size()).holds(&covered));
                for (sum, weight) in sums[covered.origin[2]..].iter_mut().zip(blend.of_tile(number)[2]) {
                    prop_assert!(*weight > 0.0 && *weight <= 1.0);
                    *sum += f64::from(*weight);
                }
            }
            prop_assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6));
        }
    }

    #[test]
    fn weights_of_two_tiles_cross_in_the_middle_of_their_overlap() {
        let grid = TileGrid::new([1, 1, 12], [1, 1, 8], [0, 0, 4]).unwrap();
        let linear = Blend::new(&grid, Profile::Linear);
        assert_eq!(linear.of_tile(0)[2], [1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]);
        assert_eq!(linear.of_tile(1)[2], [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0]);
        let gaussian = Blend::new(&grid, Profile::Gaussian);
        let falling = gaussian.of_tile(0)[2];
        assert!(falling.windows(2).all(|pair| pair[0] >= pair[1]));
        assert!(falling[4] > 0.9 && falling[7] < 0.1);
    }
}
