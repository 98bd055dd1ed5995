//! Predicted tiles put together.

use crate::patching::TileGrid;
use crate::transforms::Affine;

/// The part of a sample that is at hand: where it begins along Z, Y and X, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first pixel along Z, Y and X.
    pub origin: [usize; 3],
    /// The number of pixels along Z, Y and X.
    pub size: [usize; 3],
}

impl Window {
    /// A whole sample.
    pub fn whole(size: [usize; 3]) -> Self {
        Self { origin: [0; 3], size }
    }

    /// The part of a sample that the kept part of a tile fills.
    ///
    /// # Panics
    ///
    /// If there is no such tile.
    pub fn kept(grid: &TileGrid, tile: usize) -> Self {
        let spans = grid.tile(tile);
        Self { origin: spans.map(|span| span.stitch_start), size: spans.map(|span| span.crop_end - span.crop_start) }
    }

    /// Whether all of another window lies in this one.
    pub fn holds(&self, other: &Self) -> bool {
        (0..3).all(|axis| {
            let end = self.origin[axis].checked_add(self.size[axis]);
            self.origin[axis] <= other.origin[axis] && end >= other.origin[axis].checked_add(other.size[axis])
        })
    }

    /// The number of pixels.
    pub(super) fn n_pixels(&self) -> usize {
        self.size.iter().product()
    }

    /// The place, in this window's pixels of some channels, of a pixel of the sample.
    pub(super) fn place(&self, channel: usize, [z, y, x]: [usize; 3]) -> usize {
        let [z, y, x] = [z - self.origin[0], y - self.origin[1], x - self.origin[2]];
        ((channel * self.size[0] + z) * self.size[1] + y) * self.size[2] + x
    }
}

/// Puts the kept part of a predicted tile (axes C, Z, Y, X) where it belongs in a window of a sample (the same axes),
/// back on the scale of the pixels by the affine of each channel.
///
/// # Panics
///
/// If the slices are of another size than grid and window say, the window does not hold the kept part, or there is no
/// such tile.
pub fn stitch_into(
    predicted: &[f32],
    grid: &TileGrid,
    tile: usize,
    affines: &[Affine],
    window: &Window,
    out: &mut [f32],
) {
    let (tile_size, margin) = (grid.tile_size(), grid.margin());
    assert_eq!(predicted.len(), affines.len() * tile_size.iter().product::<usize>());
    assert_eq!(out.len(), affines.len() * window.n_pixels());
    assert!(window.holds(&Window::kept(grid, tile)));
    let [span_z, span_y, span_x] = grid.tile(tile);
    let n_kept = span_x.crop_end - span_x.crop_start;
    for (channel, affine) in affines.iter().enumerate() {
        for z in span_z.crop_start..span_z.crop_end {
            for y in span_y.crop_start..span_y.crop_end {
                let row = (channel * tile_size[0] + z + margin[0]) * tile_size[1] + y + margin[1];
                let from = row * tile_size[2] + span_x.crop_start + margin[2];
                let to = window.place(channel, [z + span_z.origin, y + span_y.origin, span_x.stitch_start]);
                for (pixel, value) in out[to..][..n_kept].iter_mut().zip(&predicted[from..][..n_kept]) {
                    *pixel = affine.invert(*value);
                }
            }
        }
    }
}
