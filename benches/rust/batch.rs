//! Batches of 128 patches of 64x64 pixels out of a uint16 stack of 40 x 1024 x 1024, into a ring of four batches: the
//! loader without Python. Beside it the bound: as many bytes copied from a hot source into the same ring.
//!
//! Shows what scattered rows and fresh lines of cache cost on top of the kernels. The machine's other work shows too.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use patchmill_core::dataset::{Batch, BatchBuffers, Item, Paired, PatchDataset};
use patchmill_core::patching::{Plan, SampleSizes};
use patchmill_core::random::{Permutation, Purpose};
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::threads::pool;
use patchmill_core::transforms::{Affine, Augmentation, N2vManipulate, N2vStrategy};

const STACK: [usize; 3] = [40, 1024, 1024];
const BATCH: usize = 128;
const N_PIXELS: usize = 64 * 64;
const RING: usize = 4;

/// A dataset over pixels that must outlive it.
fn dataset(pixels: &[u16], paired: Paired) -> Arc<PatchDataset> {
    let [n, height, width] = STACK;
    let strides = [height * width * 2, 0, 0, 0, width * 2, 2].map(|stride| stride as isize);
    // SAFETY: the caller keeps the pixels, and shape and strides are theirs.
    let image =
        unsafe { Image::new("stack", pixels.as_ptr().cast(), PixelType::U16, [n, 1, 1, 1, height, width], strides) };
    let sizes = [SampleSizes { image: "stack".into(), n_samples: n, size: [1, height, width] }];
    let plan = Plan::sequential(&sizes, [1, 64, 64]).expect("patches fit");
    let augmentation = Augmentation { flip_y: true, flip_x: true, flip_probability: 0.5, rotation_probability: 0.5 };
    let images = vec![image.expect("no axis is empty")];
    let affines = vec![Affine::new(1000.0, 1.0 / 500.0)];
    Arc::new(
        PatchDataset::new(images, None, affines, paired, plan, augmentation, None).expect("one channel, one affine"),
    )
}

/// Memory for a batch.
struct Buffers {
    masked: Vec<f32>,
    original: Vec<f32>,
    mask: Vec<u8>,
}

fn batch(criterion: &mut Criterion) {
    let pixels: Vec<u16> = (0..STACK.iter().product::<usize>()).map(|i| (i * 31) as u16).collect();
    let masks = |strategy| Paired::Masks(N2vManipulate::new(strategy, 11, 0.2, false).expect("valid"));
    let works = [
        ("patches", Paired::Nothing),
        ("uniform masks", masks(N2vStrategy::Uniform)),
        ("median masks", masks(N2vStrategy::Median)),
    ];
    let mut ring: Vec<Buffers> = (0..RING)
        .map(|_| Buffers {
            masked: vec![0.0; BATCH * N_PIXELS],
            original: vec![0.0; BATCH * N_PIXELS],
            mask: vec![0; BATCH * N_PIXELS],
        })
        .collect();
    let mut group = criterion.benchmark_group("batch of 128");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, paired) in works {
        let is_masked = matches!(paired, Paired::Masks(_));
        let dataset = dataset(&pixels, paired);
        let order = Permutation::new(dataset.n_items(), 1, Purpose::Order, 0, 0);
        let mut place = 0;
        for num_threads in [1, 2] {
            let pool = pool(num_threads).expect("the system has threads");
            let mut in_flight = std::collections::VecDeque::new();
            group.bench_function(BenchmarkId::new(name, format!("{num_threads} threads")), |bencher| {
                bencher.iter(|| {
                    let items = (0..BATCH as u64)
                        .map(|i| Item { index: order.at((place * BATCH as u64 + i) % dataset.n_items()), epoch: place })
                        .collect();
                    let buffers = &mut ring[place as usize % RING];
                    let buffers = if is_masked {
                        BatchBuffers::Masked {
                            masked: buffers.masked.as_mut_ptr(),
                            original: buffers.original.as_mut_ptr(),
                            mask: buffers.mask.as_mut_ptr(),
                        }
                    } else {
                        BatchBuffers::Patch(buffers.original.as_mut_ptr())
                    };
                    place += 1;
                    // SAFETY: a batch is waited for before its part of the ring comes round again.
                    in_flight.push_back(unsafe { Batch::submit(&pool, Arc::clone(&dataset), 1, items, None, buffers) });
                    if in_flight.len() == RING - 1 {
                        let oldest = in_flight.pop_front().expect("there are some");
                        oldest.wait(Duration::from_secs(60)).expect("in time").expect("no errors");
                    }
                });
            });
            for batch in in_flight {
                batch.wait(Duration::from_secs(60)).expect("in time").expect("no errors");
            }
        }
    }
    let source = vec![1.0f32; N_PIXELS];
    let mut place = 0;
    for (name, copies) in [("bound of patches", 1), ("bound of masks", 2)] {
        group.bench_function(BenchmarkId::new(name, "1 threads"), |bencher| {
            bencher.iter(|| {
                let buffers = &mut ring[place % RING];
                for patch in buffers.original.chunks_exact_mut(N_PIXELS) {
                    patch.copy_from_slice(black_box(&source));
                }
                if copies == 2 {
                    for patch in buffers.masked.chunks_exact_mut(N_PIXELS) {
                        patch.copy_from_slice(black_box(&source));
                    }
                    buffers.mask.fill(0);
                }
                place += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
