//! The fused kernel: crop, cast to float32, normalise and orient one patch of 64x64 pixels.
//!
//! One thread, and an image that fits into the cache: shows what the arithmetic and the orientations cost, not what
//! memory does.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::patching::Region;
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::transforms::{Affine, Ahead, Orientation, crop_into};

const SIDE: usize = 256;
const PATCH: [usize; 3] = [1, 64, 64];

fn crop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crop_into 64x64");
    group.throughput(Throughput::Elements((PATCH[1] * PATCH[2]) as u64));
    let affines = [Affine::new(1000.0, 1.0 / 500.0)];
    let mut out = vec![0.0f32; PATCH.iter().product()];
    // These bytes are ordinary numbers in every type. Zeros would be pages that the system has not made yet.
    let pixels = vec![0x3f_u8; SIDE * SIDE * 8];
    for (name, pixel_type, size) in
        [("u8", PixelType::U8, 1), ("u16", PixelType::U16, 2), ("f32", PixelType::F32, 4), ("f64", PixelType::F64, 8)]
    {
        let strides = [0, 0, 0, 0, (SIDE * size) as isize, size as isize];
        // SAFETY: `pixels` holds SIDE rows of SIDE elements of at most eight bytes, and outlives the image.
        let image = unsafe { Image::new(name, pixels.as_ptr(), pixel_type, [1, 1, 1, 1, SIDE, SIDE], strides) };
        let image = image.expect("no axis is empty");
        let region = Region { image: 0, sample: 0, origin: [0, 33, 57] };
        for (how, orientation) in [
            ("as it lies", Orientation::IDENTITY),
            ("flipped along X", Orientation { transpose: false, flip_y: false, flip_x: true }),
            ("quarter turn", Orientation::quarter_turns(1)),
        ] {
            group.bench_function(format!("{name}, {how}"), |bencher| {
                bencher.iter(|| {
                    crop_into(
                        &image,
                        black_box(&region),
                        PATCH,
                        orientation,
                        &affines,
                        black_box(&mut out),
                        &mut Ahead::nothing(),
                    );
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, crop);
criterion_main!(benches);
