//! Tiles cut out and put together again are the image.

use patchmill_core::patching::TileGrid;
use patchmill_core::prediction::{Window, stitch_into, tile_into};
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::transforms::Affine;
use proptest::prelude::*;

proptest! {
    #[test]
    fn stitched_tiles_are_the_image(
        size in [1..5usize, 1..50, 1..50],
        tile in [1..6usize, 8..40, 8..40],
        half in [0..2usize, 0..5, 0..5],
    ) {
        prop_assume!((0..3).all(|axis| 2 * half[axis] < tile[axis]));
        let n_channels = 2;
        let n_pixels = n_channels * size.iter().product::<usize>();
        let pixels: Vec<u8> = (0..n_pixels).map(|i| (i * 37 % 251) as u8).collect();
        let [n_z, n_y, n_x] = size;
        let strides = [0, 0, n_z * n_y * n_x, n_y * n_x, n_x, 1].map(|stride| stride as isize);
        // SAFETY: shape and strides are those of `pixels`, which outlives the image.
        let image = unsafe {
            Image::new("image", pixels.as_ptr(), PixelType::U8, [1, 1, n_channels, n_z, n_y, n_x], strides)
        }.unwrap();
        let grid = TileGrid::new(size, tile, half.map(|half| 2 * half)).unwrap();
        let affines = [Affine::new(12.0, 0.25), Affine::IDENTITY];
        let mut stitched = vec![f32::NAN; n_pixels];
        for number in 0..grid.n_tiles() {
            let mut out = vec![f32::NAN; n_channels * tile.iter().product::<usize>()];
            tile_into(&image, 0, &grid, number, &affines, &mut out);
            prop_assert!(out.iter().all(|pixel| pixel.is_finite()));
            stitch_into(&out, &grid, number, &affines, &Window::whole(size), &mut stitched);
        }
        prop_assert!(stitched.iter().zip(&pixels).all(|(&got, &expected)| got == f32::from(expected)));
    }
}
