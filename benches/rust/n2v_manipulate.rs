//! Noise2Void's pixel masking of one patch in the cache, by one thread: copy it, draw the pixels, replace them.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::random::{Purpose, Stream};
use patchmill_core::transforms::{N2vManipulate, N2vStrategy, StructAxis, StructPattern};

fn n2v_manipulate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("manipulate_into");
    for (name, size, is_3d) in [("64x64", [1, 64, 64], false), ("16x64x64", [16, 64, 64], true)] {
        let n_pixels = size.iter().product();
        group.throughput(Throughput::Elements(n_pixels as u64));
        // Numbers in no order, so that finding a median takes as long as it does in an image.
        let original: Vec<f32> = (0..n_pixels).map(|i| (i * 7919 % 65_521) as f32).collect();
        let (mut masked, mut mask) = (vec![0.0f32; n_pixels], vec![0u8; n_pixels]);
        let masking = |strategy| N2vManipulate::new(strategy, 11, 0.2, is_3d).expect("the arguments are in range");
        let (uniform, median) = (masking(N2vStrategy::Uniform), masking(N2vStrategy::Median));
        let line = StructPattern::new(StructAxis::Horizontal, 5).expect("the span is in range");
        let square = StructPattern::new(StructAxis::Square, 5).expect("the span is in range");
        let with = |masking: N2vManipulate, pattern| masking.with_pattern(pattern).expect("something is left");
        for (how, manipulate) in [
            ("uniform", uniform),
            ("uniform, line", with(uniform, line)),
            ("uniform, square", with(uniform, square)),
            ("median", median),
            ("median, line", with(median, line)),
        ] {
            let mut item = 0;
            group.bench_function(format!("{name}, {how}"), |bencher| {
                bencher.iter(|| {
                    item += 1;
                    let stream = Stream::new(1, Purpose::Mask, 0, item);
                    manipulate.manipulate_into(black_box(&original), size, &stream, &mut masked, black_box(&mut mask));
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, n2v_manipulate);
criterion_main!(benches);
