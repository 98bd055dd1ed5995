//! Patch filters over 256 MiB of 16 bits, more than caches hold, in cells of 64 x 64.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::patching::{PatchFilter, filter_cells};
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::threads::pool;

const SIDE: usize = 11_584;

/// Noise of few values, and as many bright pixels as make every filter do all of its work.
fn pixels() -> Vec<u16> {
    (0..SIDE * SIDE).map(|i| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57).map(|value| value as u16).collect()
}

fn filters(criterion: &mut Criterion) {
    let pixels = pixels();
    let strides = [0, 0, 0, 0, SIDE as isize * 2, 2];
    // SAFETY: the pixels outlive the image.
    let image =
        unsafe { Image::new("image", pixels.as_ptr().cast(), PixelType::U16, [1, 1, 1, 1, SIDE, SIDE], strides) };
    let (images, cancel) = ([image.expect("no axis is empty")], AtomicBool::new(false));
    let mut group = criterion.benchmark_group("patch filters");
    group.sample_size(10).throughput(Throughput::Bytes(2 * pixels.len() as u64));
    let filters = [
        ("max", PatchFilter::Max { threshold: 120.0 }),
        ("mean and std", PatchFilter::MeanStd),
        ("entropy", PatchFilter::Shannon),
        ("mask", PatchFilter::Mask),
    ];
    for num_threads in [1, 2] {
        let pool = pool(num_threads).expect("the system gives two threads");
        for (name, filter) in filters {
            group.bench_function(BenchmarkId::new(name, format!("{num_threads} threads")), |bencher| {
                bencher.iter(|| pool.install(|| filter_cells(black_box(&images), [1, 64, 64], 0, filter, &cancel)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, filters);
criterion_main!(benches);
