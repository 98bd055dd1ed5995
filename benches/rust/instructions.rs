//! Every kernel on fixed input, once, by one thread: what `benches/python/instructions.py` counts the instructions of.
//!
//! Without an argument, names the works. With the name of one, does it twice: once so that nothing is left that only the
//! first time takes, and once in [`counted`].

use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use patchmill_core::dataset::{Batch, BatchBuffers, Item, Paired, PatchDataset};
use patchmill_core::patching::{PatchFilter, Plan, Region, SampleSizes, TileGrid, filter_cells};
use patchmill_core::prediction::{Window, stitch_into, tile_into};
use patchmill_core::random::{Permutation, Purpose, Stream};
use patchmill_core::sources::{Image, PixelType, statistics};
use patchmill_core::transforms::{
    Affine, Ahead, Augmentation, N2vManipulate, N2vStrategy, Orientation, StructAxis, StructPattern, crop_into,
};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The side of the image: small, because all that is done under callgrind takes fifty times as long.
const SIDE: usize = 128;
const PATCH: [usize; 3] = [1, 64, 64];
const N_PIXELS: usize = 64 * 64;
/// Enough for every orientation to come.
const BATCH: u64 = 32;

/// A pool without threads of its own, whose tasks this one runs when it yields: nothing is left to the scheduler.
static THIS_THREAD: LazyLock<ThreadPool> = LazyLock::new(|| {
    ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a pool that starts no thread")
});

/// Something to count, and its name.
type Work = (String, Box<dyn FnMut()>);

fn main() {
    let works = [crops(), masks(), filters(), sums(), draws(), tiles(), batches()].into_iter().flatten();
    let Some(name) = std::env::args().nth(1) else {
        works.for_each(|(name, _)| println!("{name}"));
        return;
    };
    let (_, mut work) = works.into_iter().find(|(other, _)| *other == name).expect("the name of a work");
    work();
    counted(&mut work);
}

/// Where counting is switched on: callgrind is told the name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// A square image whose rows lie one after the other, or whose columns do, of pixels that are never freed.
fn image(pixel_type: PixelType, element: usize, is_transposed: bool) -> Image {
    // Numbers in no order, so that finding a median takes as long as it does in an image. Each byte is below 0x40, and
    // so every type takes them for an ordinary number.
    let pixels: Vec<u8> = (0..SIDE * SIDE * element).map(|i| (i * 7919 % 65_521 % 0x40) as u8).collect();
    let (row, pixel) = ((SIDE * element) as isize, element as isize);
    let (stride_y, stride_x) = if is_transposed { (pixel, row) } else { (row, pixel) };
    let strides = [0, 0, 0, 0, stride_y, stride_x];
    // SAFETY: shape and strides are those of the pixels, which are leaked.
    unsafe { Image::new("image", pixels.leak().as_ptr(), pixel_type, [1, 1, 1, 1, SIDE, SIDE], strides) }
        .expect("no axis is empty")
}

fn affines() -> Vec<Affine> {
    vec![Affine::new(1000.0, 1.0 / 500.0)]
}

/// Cropping, for every way through the kernel.
fn crops() -> Vec<Work> {
    let types = [
        ("u8", PixelType::U8, 1, false),
        ("u16", PixelType::U16, 2, false),
        ("u16 by columns", PixelType::U16, 2, true),
        ("swapped u16", PixelType::SwappedU16, 2, false),
        ("f32", PixelType::F32, 4, false),
        ("f64", PixelType::F64, 8, false),
    ];
    let orientations = [
        ("as it lies", Orientation::IDENTITY),
        ("flipped along X", Orientation { transpose: false, flip_y: false, flip_x: true }),
        ("quarter turn", Orientation::quarter_turns(1)),
    ];
    let works = types.into_iter().flat_map(|(name, pixel_type, element, is_transposed)| {
        orientations.map(|(how, orientation)| -> Work {
            let image = image(pixel_type, element, is_transposed);
            let region = Region { image: 0, sample: 0, origin: [0, 33, 57] };
            let mut out = vec![0.0; N_PIXELS];
            let work = move || {
                crop_into(
                    &image,
                    black_box(&region),
                    PATCH,
                    orientation,
                    &affines(),
                    black_box(&mut out),
                    &mut Ahead::nothing(),
                );
            };
            (format!("crop {name}, {how}"), Box::new(work))
        })
    });
    works.collect()
}

/// Noise2Void's masking.
fn masks() -> Vec<Work> {
    let sizes = [("2D", PATCH, false), ("3D", [16, 64, 64], true)];
    let strategies = [
        ("uniform", N2vStrategy::Uniform, None),
        ("uniform, line", N2vStrategy::Uniform, Some(StructAxis::Horizontal)),
        ("median", N2vStrategy::Median, None),
        ("median, line", N2vStrategy::Median, Some(StructAxis::Horizontal)),
    ];
    let works = sizes.into_iter().flat_map(|(name, size, is_3d)| {
        strategies.map(|(how, strategy, axis)| -> Work {
            let n_pixels = size.iter().product();
            let original: Vec<f32> = (0..n_pixels).map(|i| (i * 7919 % 65_521) as f32).collect();
            let (mut masked, mut mask) = (vec![0.0; n_pixels], vec![0; n_pixels]);
            let mut manipulate = N2vManipulate::new(strategy, 11, 0.2, is_3d).expect("the arguments are in range");
            if let Some(axis) = axis {
                let line = StructPattern::new(axis, 5).expect("the span is odd");
                manipulate = manipulate.with_pattern(line).expect("the line is within reach");
            }
            let work = move || {
                let stream = Stream::new(1, Purpose::Mask, 0, 1);
                manipulate.manipulate_into(black_box(&original), size, &stream, &mut masked, black_box(&mut mask));
            };
            (format!("mask {name}, {how}"), Box::new(work))
        })
    });
    works.collect()
}

/// Patch filters.
fn filters() -> Vec<Work> {
    let filters = [
        ("max", PatchFilter::Max { threshold: 32.0 }),
        ("mean and std", PatchFilter::MeanStd),
        ("entropy", PatchFilter::Shannon),
        ("mask", PatchFilter::Mask),
    ];
    let works = filters.map(|(name, filter)| -> Work {
        let images = [image(PixelType::U16, 2, false)];
        let cancel = AtomicBool::new(false);
        let work = move || {
            let found = THIS_THREAD.install(|| filter_cells(black_box(&images), PATCH, 0, filter, &cancel));
            black_box(found).expect("patches fit");
        };
        (format!("filter by {name}"), Box::new(work))
    });
    works.into()
}

/// Statistics.
fn sums() -> Vec<Work> {
    let types = [("u16", PixelType::U16, 2), ("u32", PixelType::U32, 4), ("f32", PixelType::F32, 4)];
    let works = types.map(|(name, pixel_type, element)| -> Work {
        let images = [image(pixel_type, element, false)];
        let work = move || {
            let found = THIS_THREAD.install(|| statistics(black_box(&images), true, &AtomicBool::new(false)));
            black_box(found).expect("the pixels are finite");
        };
        (format!("statistics {name}"), Box::new(work))
    });
    works.into()
}

/// The order of an epoch, and its random regions.
fn draws() -> Vec<Work> {
    const N_ITEMS: u64 = 10_000;
    const N_DRAWS: u64 = 1000;
    let order = || {
        let order = Permutation::new(N_ITEMS, 1, Purpose::Order, 0, 0);
        black_box((0..N_DRAWS).map(|place| order.at(place)).sum::<u64>());
    };
    let sizes = [SampleSizes { image: "image".into(), n_samples: N_ITEMS as usize, size: [1, SIDE, SIDE] }];
    let plan = Plan::random(&sizes, PATCH).expect("patches fit");
    let regions = move || {
        (0..N_DRAWS).for_each(|item| {
            black_box(plan.region(1, 0, item));
        });
    };
    vec![("draw 1000 items".into(), Box::new(order)), ("draw 1000 regions".into(), Box::new(regions))]
}

/// The tiles of a prediction, out of an image and back into one.
fn tiles() -> Vec<Work> {
    let grid = Arc::new(TileGrid::new([1, SIDE, SIDE], [1, 96, 96], [0, 32, 32]).expect("tiles are larger"));
    let image = image(PixelType::U16, 2, false);
    let mut tile = vec![0.0; 96 * 96];
    let cut_grid = Arc::clone(&grid);
    let cut = move || {
        for number in 0..cut_grid.n_tiles() {
            tile_into(&image, 0, &cut_grid, number, &affines(), black_box(&mut tile));
        }
    };
    let (predicted, mut sample) = (vec![0.5; 96 * 96], vec![0.0; SIDE * SIDE]);
    let window = Window::whole([1, SIDE, SIDE]);
    let stitch = move || {
        for number in 0..grid.n_tiles() {
            stitch_into(black_box(&predicted), &grid, number, &affines(), &window, black_box(&mut sample));
        }
    };
    vec![("cut tiles".into(), Box::new(cut)), ("stitch tiles".into(), Box::new(stitch))]
}

/// Whole batches, from the items' numbers to the pixels.
fn batches() -> Vec<Work> {
    let masks = |strategy| Paired::Masks(N2vManipulate::new(strategy, 11, 0.2, false).expect("valid"));
    let kinds = [
        ("patches", Paired::Nothing),
        ("pairs", Paired::Targets(vec![image(PixelType::U16, 2, false)], affines())),
        ("uniform masks", masks(N2vStrategy::Uniform)),
        ("median masks", masks(N2vStrategy::Median)),
    ];
    kinds.map(|(name, paired)| -> Work { (format!("batch of {name}"), Box::new(batch(paired))) }).into()
}

fn batch(paired: Paired) -> impl FnMut() {
    let sizes = [SampleSizes { image: "image".into(), n_samples: 1, size: [1, SIDE, SIDE] }];
    let plan = Plan::sequential(&sizes, PATCH).expect("patches fit");
    let augmentation = Augmentation { flip_y: true, flip_x: true, flip_probability: 0.5, rotation_probability: 0.5 };
    let images = vec![image(PixelType::U16, 2, false)];
    let dataset = PatchDataset::new(images, None, affines(), paired, plan, augmentation, None).expect("they fit");
    let dataset = Arc::new(dataset);
    let room = BATCH as usize * N_PIXELS;
    let (mut first, mut second, mut mask) = (vec![0.0; room], vec![0.0; room], vec![0; room]);
    move || {
        let items = (0..BATCH).map(|i| Item { index: i % dataset.n_items(), epoch: i / dataset.n_items() }).collect();
        let (first, second) = (first.as_mut_ptr(), second.as_mut_ptr());
        let buffers = match dataset.paired() {
            Paired::Nothing => BatchBuffers::Patch(first),
            Paired::Targets(..) => BatchBuffers::Pair { input: first, target: second },
            Paired::Masks(_) => BatchBuffers::Masked { masked: first, original: second, mask: mask.as_mut_ptr() },
        };
        // SAFETY: the buffers have room for all items, and live until the batch is done.
        let batch = unsafe { Batch::submit(&THIS_THREAD, Arc::clone(&dataset), 1, items, None, buffers) };
        THIS_THREAD.install(|| while rayon::yield_now() == Some(rayon::Yield::Executed) {});
        batch.wait(Duration::ZERO).expect("every task was run").expect("no errors");
    }
}
