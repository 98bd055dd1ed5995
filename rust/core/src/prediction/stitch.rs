//! Predicted tiles put together.

use crate::patching::TileGrid;
use crate::transforms::Affine;

/// Puts the kept part of a predicted tile (axes C, Z, Y, X) where it belongs in a sample (the same axes), back on the
/// scale of the pixels by the affine of each channel.
///
/// # Panics
///
/// If the slices are of another size than the grid says, or there is no such tile.
pub fn stitch_into(predicted: &[f32], grid: &TileGrid, tile: usize, affines: &[Affine], sample: &mut [f32]) {
    let (size, tile_size) = (grid.size(), grid.tile_size());
    assert_eq!(predicted.len(), affines.len() * tile_size.iter().product::<usize>());
    assert_eq!(sample.len(), affines.len() * size.iter().product::<usize>());
    let [span_z, span_y, span_x] = grid.tile(tile);
    let n_kept = span_x.crop_end - span_x.crop_start;
    for (channel, affine) in affines.iter().enumerate() {
        for z in span_z.crop_start..span_z.crop_end {
            for y in span_y.crop_start..span_y.crop_end {
                let from = ((channel * tile_size[0] + z) * tile_size[1] + y) * tile_size[2] + span_x.crop_start;
                let to = ((channel * size[0] + z + span_z.origin) * size[1] + y + span_y.origin) * size[2];
                let kept = &mut sample[to + span_x.stitch_start..][..n_kept];
                for (pixel, value) in kept.iter_mut().zip(&predicted[from..][..n_kept]) {
                    *pixel = affine.invert(*value);
                }
            }
        }
    }
}
