//! Tiles of 256 x 256 out of an image and back into it, stitched and blended, beside copying as many bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::patching::TileGrid;
use patchmill_core::prediction::{Blend, Profile, Window, blend_into, stitch_into, tile_into};
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::transforms::Affine;

/// The side of the image.
const SIDE: usize = 2048;

/// The side of a tile.
const TILE: usize = 256;

/// How far tiles overlap.
const OVERLAP: usize = 48;

fn prediction(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a tile of 256 x 256");
    group.throughput(Throughput::Elements((TILE * TILE) as u64));
    let pixels: Vec<u16> = (0..SIDE * SIDE).map(|i| (i * 7919 % 65_521) as u16).collect();
    let (size, tile) = ([1, SIDE, SIDE], [1, TILE, TILE]);
    let strides = [0, 0, 0, 0, 2 * SIDE as isize, 2];
    // SAFETY: shape and strides are those of `pixels`, which outlives the image.
    let image =
        unsafe { Image::new("image", pixels.as_ptr().cast(), PixelType::U16, [1, 1, 1, 1, SIDE, SIDE], strides) }
            .expect("no axis is empty");
    let grid = TileGrid::new(size, tile, [0, OVERLAP, OVERLAP]).expect("even overlaps");
    let (affines, window) = ([Affine::new(100.0, 0.01)], Window::whole(size));
    let mut out = vec![0.0; TILE * TILE];
    let mut sample = vec![0.0; SIDE * SIDE];
    let mut number = 0;
    let mut next = || {
        number = (number + 1) % grid.n_tiles();
        number
    };
    let source = out.clone();
    group.bench_function("copying alone", |bencher| {
        bencher.iter(|| out.copy_from_slice(black_box(&source)));
    });
    group.bench_function("cut", |bencher| {
        bencher.iter(|| tile_into(black_box(&image), 0, &grid, next(), &affines, &mut out));
    });
    group.bench_function("stitch", |bencher| {
        bencher.iter(|| stitch_into(black_box(&out), &grid, next(), &affines, &window, &mut sample));
    });
    for profile in [Profile::Linear, Profile::Gaussian] {
        let blend = Blend::new(&grid, profile);
        group.bench_function(format!("blend, {profile:?}"), |bencher| {
            bencher.iter(|| blend_into(black_box(&out), &blend, next(), &affines, &window, &mut sample));
        });
    }
    group.finish();
}

criterion_group!(benches, prediction);
criterion_main!(benches);
