//! Statistics and quantiles of 1 GiB of pixels, more than caches hold, beside merely reading as many bytes.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::sources::{Image, PixelType, quantiles as compute_quantiles, statistics as compute};
use patchmill_core::threads::pool;
use rayon::prelude::*;

const N_BYTES: usize = 1 << 30;

/// The pixels of a row.
const WIDTH: usize = 4096;

/// What a thread reads at a time, as the statistics' blocks are.
const PIECE: usize = 1 << 17;

/// Reads all bytes and does as little with them as can be, in the widest vectors that are everywhere: the bound.
fn read(words: &[u64]) -> u64 {
    words.par_chunks(PIECE / 8).map(sum).reduce(|| 0, u64::wrapping_add)
}

fn sum(words: &[u64]) -> u64 {
    #[inline(always)]
    fn body(words: &[u64]) -> u64 {
        words.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2(words: &[u64]) -> u64 {
            body(words)
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the feature.
            return unsafe { avx2(words) };
        }
    }
    body(words)
}

/// An image over all bytes: rows of dense pixels, or of pixels of three channels side by side.
fn image(name: &str, bytes: &[u64], pixel_type: PixelType, size: usize, n_channels: usize) -> Image {
    let row = WIDTH * n_channels * size;
    let shape = [1, 1, n_channels, 1, N_BYTES / row, WIDTH];
    let strides = [0, 0, size as isize, 0, row as isize, (n_channels * size) as isize];
    // SAFETY: the pixels lie in `bytes`, which outlives the image: whoever calls keeps it.
    unsafe { Image::new(name, bytes.as_ptr().cast(), pixel_type, shape, strides) }.expect("no axis is empty")
}

fn statistics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("statistics of 1 GiB");
    group.sample_size(10).throughput(Throughput::Bytes(N_BYTES as u64));
    // These bytes are ordinary numbers in every type. Zeros would be pages that the system has not made yet.
    let bytes = vec![0x3f3f_3f3f_3f3f_3f3f_u64; N_BYTES / 8];
    let images = [
        ("u8", PixelType::U8, 1, 1),
        ("u16", PixelType::U16, 2, 1),
        ("u16 of the other byte order", PixelType::SwappedU16, 2, 1),
        ("u16 of three channels, YXC", PixelType::U16, 2, 3),
        ("u32", PixelType::U32, 4, 1),
        ("f32", PixelType::F32, 4, 1),
        ("f64", PixelType::F64, 8, 1),
        ("u64", PixelType::U64, 8, 1),
    ]
    .map(|(name, pixel_type, size, n_channels)| image(name, &bytes, pixel_type, size, n_channels));
    for num_threads in [1, 2] {
        let pool = pool(num_threads).expect("the system gives two threads");
        let cancel = AtomicBool::new(false);
        let threads = format!("{num_threads} threads");
        group.bench_function(BenchmarkId::new("reading alone", &threads), |bencher| {
            bencher.iter(|| pool.install(|| read(black_box(&bytes))));
        });
        for image in &images {
            group.bench_function(BenchmarkId::new(image.name(), &threads), |bencher| {
                bencher.iter(|| pool.install(|| compute(black_box(std::slice::from_ref(image)), true, &cancel)));
            });
        }
    }
    group.finish();
}

fn quantiles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("quantiles of 1 GiB");
    group.sample_size(10).throughput(Throughput::Bytes(N_BYTES as u64));
    // Spread over the range of every type: all equal, they would be counted in one place.
    let mut word = 1_u64;
    let bytes: Vec<u64> = (0..N_BYTES / 8)
        .map(|_| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 2) & 0x3fff_3fff_3fff_3fff
        })
        .collect();
    let images = [("u8", PixelType::U8, 1), ("u16", PixelType::U16, 2), ("f32", PixelType::F32, 4)]
        .map(|(name, pixel_type, size)| image(name, &bytes, pixel_type, size, 1));
    for num_threads in [1, 2] {
        let pool = pool(num_threads).expect("the system gives two threads");
        let cancel = AtomicBool::new(false);
        for image in &images {
            group.bench_function(BenchmarkId::new(image.name(), format!("{num_threads} threads")), |bencher| {
                let image = std::slice::from_ref(image);
                bencher.iter(|| pool.install(|| compute_quantiles(black_box(image), &[0.01, 0.99], true, &cancel)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, statistics, quantiles);
criterion_main!(benches);
