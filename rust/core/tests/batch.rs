//! Batches are the same bytes for any number of threads, and end in every way that they can.

use std::sync::Arc;
use std::time::Duration;

use patchmill_core::Error;
use patchmill_core::dataset::{Batch, BatchBuffers, Item, ItemBuffers, Paired, PatchDataset};
use patchmill_core::patching::{Plan, SampleSizes};
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::threads::pool;
use patchmill_core::transforms::{Affine, Ahead, Augmentation, N2vManipulate, N2vStrategy};

const AUGMENTATION: Augmentation =
    Augmentation { flip_y: true, flip_x: true, flip_probability: 0.5, rotation_probability: 0.5 };
const SEED: u64 = 11;

/// A dataset over two images of different sizes. The pixels are leaked: tests are short.
fn dataset(strategy: N2vStrategy) -> Arc<PatchDataset> {
    let mut images = Vec::new();
    let mut sizes = Vec::new();
    for (number, (height, width)) in [(70, 90), (40, 33)].into_iter().enumerate() {
        let pixels: Vec<u16> = (0..2 * height * width).map(|i| (i * 7919 % 65_521) as u16).collect();
        let strides = [height * width * 2, 0, 0, 0, width * 2, 2].map(|stride| stride as isize);
        // SAFETY: the pixels are leaked, and shape and strides are theirs.
        let image = unsafe {
            Image::new(
                format!("image {number}"),
                pixels.leak().as_ptr().cast(),
                PixelType::U16,
                [2, 1, 1, 1, height, width],
                strides,
            )
        };
        images.push(image.unwrap());
        sizes.push(SampleSizes { image: format!("image {number}"), n_samples: 2, size: [1, height, width] });
    }
    let plan = Plan::random(&sizes, [1, 32, 32]).unwrap();
    let masks = N2vManipulate::new(strategy, 11, 0.5, false).unwrap();
    let affines = vec![Affine::new(30_000.0, 1.0 / 9000.0)];
    Arc::new(PatchDataset::new(images, None, affines, Paired::Masks(masks), plan, AUGMENTATION, None).unwrap())
}

fn items(n: u64, epoch: u64, dataset: &PatchDataset) -> Vec<Item> {
    (0..n).map(|i| Item { index: i % dataset.n_items(), epoch: epoch + i / dataset.n_items() }).collect()
}

const N_PIXELS: usize = 32 * 32;

struct Outputs {
    masked: Vec<f32>,
    original: Vec<f32>,
    mask: Vec<u8>,
}

impl Outputs {
    fn new(n_items: usize) -> Self {
        let n = n_items * N_PIXELS;
        Self { masked: vec![f32::NAN; n], original: vec![f32::NAN; n], mask: vec![9; n] }
    }

    fn buffers(&mut self) -> BatchBuffers {
        BatchBuffers::Masked {
            masked: self.masked.as_mut_ptr(),
            original: self.original.as_mut_ptr(),
            mask: self.mask.as_mut_ptr(),
        }
    }
}

#[test]
fn a_batch_is_its_items_one_after_the_other_for_any_number_of_threads() {
    for strategy in [N2vStrategy::Uniform, N2vStrategy::Median] {
        let dataset = dataset(strategy);
        let items = items(23, 5, &dataset);
        let mut expected = Outputs::new(items.len());
        for (place, &item) in items.iter().enumerate() {
            let range = place * N_PIXELS..(place + 1) * N_PIXELS;
            let buffers = ItemBuffers::Masked {
                masked: &mut expected.masked[range.clone()],
                original: &mut expected.original[range.clone()],
                mask: &mut expected.mask[range],
            };
            dataset.item_into(SEED, item, dataset.draw_item(SEED, item), buffers, &mut Ahead::nothing());
        }
        let given: Vec<_> = items.iter().map(|&item| dataset.draw_item(SEED, item)).collect();
        for (num_threads, draws) in [1, 2, 3, 8].into_iter().flat_map(|n| [(n, None), (n, Some(given.clone()))]) {
            let mut outputs = Outputs::new(items.len());
            let (pool, dataset, items) = (pool(num_threads).unwrap(), Arc::clone(&dataset), items.clone());
            // SAFETY: `outputs` has room for all items and lives until the batch is done.
            let batch = unsafe { Batch::submit(&pool, dataset, SEED, items, draws, outputs.buffers()) };
            assert_eq!(batch.wait(Duration::from_secs(60)), Some(Ok(())));
            assert_eq!(outputs.original, expected.original);
            assert_eq!(outputs.masked, expected.masked);
            assert_eq!(outputs.mask, expected.mask);
        }
    }
}

#[test]
fn an_empty_batch_is_done_at_once() {
    let dataset = dataset(N2vStrategy::Uniform);
    let mut outputs = Outputs::new(0);
    // SAFETY: no item, no memory.
    let batch = unsafe { Batch::submit(&pool(2).unwrap(), dataset, SEED, Vec::new(), None, outputs.buffers()) };
    assert_eq!(batch.wait(Duration::ZERO), Some(Ok(())));
}

#[test]
fn a_cancelled_batch_ends_soon_and_says_so() {
    let dataset = dataset(N2vStrategy::Median);
    let items = items(200_000, 0, &dataset);
    let mut outputs = Outputs::new(items.len());
    // SAFETY: `outputs` has room for all items and lives until the batch is done.
    let batch = unsafe { Batch::submit(&pool(1).unwrap(), dataset, SEED, items, None, outputs.buffers()) };
    batch.cancel();
    assert_eq!(batch.wait(Duration::from_secs(60)), Some(Err(Error::Cancelled)));
}
