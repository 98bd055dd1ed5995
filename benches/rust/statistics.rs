//! Mean, standard deviation, minimum and maximum of 16 Mi pixels: more than most caches hold, so memory counts.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::sources::{Image, PixelType, statistics as compute};
use patchmill_core::threads::pool;

const SIDE: usize = 4096;

fn statistics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("statistics 4096x4096");
    group.sample_size(10);
    // These bytes are ordinary numbers in every type. Zeros would be pages that the system has not made yet.
    let pixels = vec![0x3f_u8; SIDE * SIDE * 4];
    for (name, pixel_type, size) in [("u16", PixelType::U16, 2), ("f32", PixelType::F32, 4)] {
        group.throughput(Throughput::Bytes((SIDE * SIDE * size) as u64));
        let strides = [0, 0, 0, 0, (SIDE * size) as isize, size as isize];
        // SAFETY: `pixels` holds SIDE rows of SIDE elements of at most four bytes, and outlives the image.
        let image = unsafe { Image::new(name, pixels.as_ptr(), pixel_type, [1, 1, 1, 1, SIDE, SIDE], strides) };
        let images = [image.expect("no axis is empty")];
        for num_threads in [1, 2] {
            let pool = pool(num_threads).expect("the system gives two threads");
            let cancel = AtomicBool::new(false);
            group.bench_function(BenchmarkId::new(name, format!("{num_threads} threads")), |bencher| {
                bencher.iter(|| pool.install(|| compute(black_box(&images), &cancel)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, statistics);
criterion_main!(benches);
