//! Tiles cut out of an image, padded by reflection where the image is smaller than a tile.

use crate::patching::{Region, TileGrid};
use crate::sources::Image;
use crate::transforms::{Affine, Ahead, Orientation, crop_into};

/// Cuts a tile of a sample into `out` (axes C, Z, Y, X), normalised by an affine per channel.
///
/// # Panics
///
/// If the grid is not that of the image, or there is no such sample or tile.
pub fn tile_into(image: &Image, sample: usize, grid: &TileGrid, tile: usize, affines: &[Affine], out: &mut [f32]) {
    assert_eq!(grid.size(), image.size());
    let (size, tile_size) = (grid.size(), grid.tile_size());
    let region = Region { image: 0, sample, origin: grid.tile(tile).map(|span| span.origin) };
    let crop: [usize; 3] = std::array::from_fn(|axis| tile_size[axis].min(size[axis]));
    if crop == tile_size {
        return crop_into(image, &region, crop, Orientation::IDENTITY, affines, out, &mut Ahead::nothing());
    }
    let mut inside = vec![0.0; affines.len() * crop.iter().product::<usize>()];
    crop_into(image, &region, crop, Orientation::IDENTITY, affines, &mut inside, &mut Ahead::nothing());
    let mut pixels = out.iter_mut();
    for channel in inside.chunks_exact(crop.iter().product()) {
        for z in 0..tile_size[0] {
            for y in 0..tile_size[1] {
                let row = (reflect(z, crop[0]) * crop[1] + reflect(y, crop[1])) * crop[2];
                for (x, pixel) in pixels.by_ref().take(tile_size[2]).enumerate() {
                    *pixel = channel[row + reflect(x, crop[2])];
                }
            }
        }
    }
}

/// Where a position beyond the end of an axis falls when the axis runs back and forth, as `numpy.pad`'s "reflect".
fn reflect(position: usize, size: usize) -> usize {
    if size == 1 {
        return 0;
    }
    let period = 2 * (size - 1);
    let position = position % period;
    position.min(period - position)
}
