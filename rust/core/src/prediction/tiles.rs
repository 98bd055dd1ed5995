//! Tiles cut out of an image, padded by reflection where they reach beyond it.

use std::ops::Range;

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
    let (tile_size, spans) = (grid.tile_size(), grid.tile(tile));
    let axes: [Axis; 3] = std::array::from_fn(|axis| Axis {
        start: spans[axis].origin as isize - grid.margin()[axis] as isize,
        tile: tile_size[axis],
        size: grid.size()[axis],
    });
    let region = Region { image: 0, sample, origin: axes.map(|axis| axis.inside().start) };
    let crop = axes.map(|axis| axis.inside().len());
    if crop == tile_size {
        return crop_into(image, &region, crop, Orientation::IDENTITY, affines, out, &mut Ahead::nothing());
    }
    let mut inside = vec![0.0; affines.len() * crop.iter().product::<usize>()];
    crop_into(image, &region, crop, Orientation::IDENTITY, affines, &mut inside, &mut Ahead::nothing());
    let [of_z, of_y, of_x] = axes.map(Axis::sources);
    let mut pixels = out.iter_mut();
    for channel in inside.chunks_exact(crop.iter().product()) {
        for z in &of_z {
            for y in &of_y {
                let row = &channel[(z * crop[1] + y) * crop[2]..][..crop[2]];
                for (x, pixel) in of_x.iter().zip(pixels.by_ref()) {
                    *pixel = row[*x];
                }
            }
        }
    }
}

/// A tile along one axis.
#[derive(Clone, Copy)]
struct Axis {
    /// Where it begins, which may be before the image.
    start: isize,
    /// Its length.
    tile: usize,
    /// That of the image.
    size: usize,
}

impl Axis {
    /// The part of the image that lies in the tile. What is reflected comes from it, too: it is the whole axis, or more
    /// than reaches beyond the border.
    fn inside(self) -> Range<usize> {
        let end = self.start + self.tile as isize;
        self.start.max(0) as usize..self.size.min(end as usize)
    }

    /// For each pixel of the tile, which one of `inside` it is.
    fn sources(self) -> Vec<usize> {
        let first = self.inside().start;
        (0..self.tile).map(|place| reflect(self.start + place as isize, self.size) - first).collect()
    }
}

/// Where a position beyond an end of an axis falls when the axis runs back and forth, as `numpy.pad`'s "reflect".
fn reflect(position: isize, size: usize) -> usize {
    if size == 1 {
        return 0;
    }
    let period = 2 * (size as isize - 1);
    let position = position.rem_euclid(period);
    position.min(period - position) as usize
}
