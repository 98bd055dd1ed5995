//! Images cut into blocks of rows: the units of parallel work. They are computed from their numbers and never listed.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::{Element, Image, dispatch};
use crate::error::{Error, Result};

/// The pixels of a block; a longer row is a block of its own.
const BLOCK: usize = 1 << 16;

/// The pixels of a run: few enough that sums of products of 16 bits fit into 32, or of 32 bits into 64, and that memory
/// is asked for in good time. A whole number of the lanes that floats are summed in.
const RUN: usize = 1 << 9;

/// How many bytes ahead memory is asked for: a page, because the processor itself looks ahead no further than its end.
const AHEAD: usize = 1 << 12;

/// The blocks of all samples of some images.
pub(super) struct Blocks<'a> {
    images: &'a [Image],
    /// Where the blocks of each image end in the row of all blocks.
    ends: Vec<usize>,
    is_cancelled: &'a AtomicBool,
}

impl<'a> Blocks<'a> {
    /// The blocks of images with the same number of channels.
    pub(super) fn new(images: &'a [Image], is_cancelled: &'a AtomicBool) -> Self {
        let mut n_blocks = 0;
        let ends = images.iter().map(|image| {
            n_blocks += image.n_samples() * Planes::of(image).n_blocks();
            n_blocks
        });
        Self { ends: ends.collect(), images, is_cancelled }
    }

    pub(super) fn n_channels(&self) -> usize {
        self.images.first().map_or(0, Image::n_channels)
    }

    /// The number of blocks of one channel.
    pub(super) fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The number of pixels of one channel.
    pub(super) fn n_pixels(&self) -> u64 {
        let of = |image: &Image| image.size().iter().product::<usize>() as u64 * image.n_samples() as u64;
        self.images.iter().map(of).sum()
    }

    /// A block of one channel. All channels of a block are best read one after the other: where they are neighbours in
    /// memory, it is read once.
    pub(super) fn block(&self, number: usize, channel: usize) -> Block<'_> {
        let (image, number) = self.find(number, 1);
        let planes = Planes::of(image);
        let (sample, number) = (number / planes.n_blocks(), number % planes.n_blocks());
        self.block_of(image, &planes, sample, channel, number)
    }

    /// # Errors
    ///
    /// If somebody asked to stop. Blocks end early then, and what was computed from them means nothing.
    pub(super) fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The error for the first bad pixel in the order of image, sample, channel, plane and row. It is searched for only
    /// when there is known to be one, and so costs nothing where there is none.
    pub(super) fn bad_pixel(&self) -> Error {
        let n_channels = self.n_channels();
        let found = (0..self.len() * n_channels).into_par_iter().find_map_first(|number| {
            let (image, number) = self.find(number, n_channels);
            let planes = Planes::of(image);
            let (stack, number) = (number / planes.n_blocks(), number % planes.n_blocks());
            let (sample, channel) = (stack / n_channels, stack % n_channels);
            let block = self.block_of(image, &planes, sample, channel, number);
            dispatch!(image.pixel_type(), T => block.bad_pixel::<T>())
        });
        match (self.check_cancelled(), found) {
            (Err(cancelled), _) => cancelled,
            (_, Some(bad)) => bad,
            _ => changed_pixels(&self.images[0]),
        }
    }

    /// The image that a block belongs to, and the number of the block in it, if there are `times` as many of each.
    fn find(&self, number: usize, times: usize) -> (&'a Image, usize) {
        let image = self.ends.partition_point(|end| end * times <= number);
        let first = if image == 0 { 0 } else { self.ends[image - 1] * times };
        (&self.images[image], number - first)
    }

    fn block_of(&self, image: &'a Image, planes: &Planes, sample: usize, channel: usize, number: usize) -> Block<'_> {
        let (z, first) = (number / planes.blocks_per_plane(), number % planes.blocks_per_plane() * planes.block_height);
        let is_cancelled = self.is_cancelled;
        let Planes { height, width, block_height, is_transposed, .. } = *planes;
        let n_rows = block_height.min(height - first);
        Block { image, sample, channel, z, first, left: 0, n_rows, width, is_transposed, is_cancelled }
    }
}

/// The error where a bad pixel that was found is not there any more.
pub(crate) fn changed_pixels(image: &Image) -> Error {
    Error::Mismatch {
        image: image.name().into(),
        expected: "pixels that stay as they are while they are read".into(),
        got: "pixels that changed".into(),
        remedy: "Do not write to an image while it is in use.",
    }
}

/// How the planes of an image are cut. Rows run along X, or along Y where that is how memory runs.
struct Planes {
    depth: usize,
    height: usize,
    width: usize,
    block_height: usize,
    is_transposed: bool,
}

impl Planes {
    fn of(image: &Image) -> Self {
        let [depth, height, width] = image.size();
        let is_transposed = is_transposed(image);
        let (height, width) = if is_transposed { (width, height) } else { (height, width) };
        Self { depth, height, width, block_height: (BLOCK / width).max(1), is_transposed }
    }

    fn blocks_per_plane(&self) -> usize {
        self.height.div_ceil(self.block_height)
    }

    /// The blocks of one channel of a sample.
    fn n_blocks(&self) -> usize {
        self.depth * self.blocks_per_plane()
    }
}

/// Whether the pixels of a column lie closer in memory than those of a row.
pub(crate) fn is_transposed(image: &Image) -> bool {
    let ([_, height, _], [_, stride_y, stride_x]) = (image.size(), image.strides());
    stride_y.unsigned_abs() < stride_x.unsigned_abs() && height > 1
}

/// Rows of one plane of an image, or parts of them.
pub(crate) struct Block<'a> {
    pub(crate) image: &'a Image,
    sample: usize,
    channel: usize,
    z: usize,
    first: usize,
    left: usize,
    n_rows: usize,
    width: usize,
    is_transposed: bool,
    is_cancelled: &'a AtomicBool,
}

impl<'a> Block<'a> {
    /// The part of a plane that begins at an origin (Z, Y, X) and is of a size (Y, X).
    ///
    /// # Panics
    ///
    /// If it does not lie in the image.
    pub(crate) fn of_plane(
        image: &'a Image,
        sample: usize,
        channel: usize,
        origin: [usize; 3],
        size: [usize; 2],
        is_cancelled: &'a AtomicBool,
    ) -> Self {
        let fits = |axis: usize| origin[1 + axis] + size[axis] <= image.size()[1 + axis];
        assert!(fits(0) && fits(1), "a part of size {size:?} at {origin:?} of an image of size {:?}", image.size());
        let is_transposed = is_transposed(image);
        let ([z, y, x], [height, width]) = (origin, size);
        let (first, left, n_rows, width) = if is_transposed { (x, y, width, height) } else { (y, x, height, width) };
        Self { image, sample, channel, z, first, left, n_rows, width, is_transposed, is_cancelled }
    }
}

impl Block<'_> {
    pub(super) fn n_pixels(&self) -> usize {
        self.n_rows * self.width
    }

    /// Whether the pixels of a row are neighbours in memory.
    pub(crate) fn is_dense<T: Element>(&self) -> bool {
        self.step() == T::SIZE as isize
    }

    /// The bytes from one pixel of a row to the next.
    fn step(&self) -> isize {
        let [_, stride_y, stride_x] = self.image.strides();
        if self.is_transposed { stride_y } else { stride_x }
    }

    /// The rows of the block, piece by piece.
    #[inline(always)]
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> {
        self.rows().flatten()
    }

    /// The rows of the block, each piece by piece.
    #[inline(always)]
    pub(crate) fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = Run>> {
        (0..self.n_rows).map(move |row| self.runs_of_row(row))
    }

    #[inline(always)]
    fn runs_of_row(&self, row: usize) -> impl Iterator<Item = Run> {
        let (row, step) = (self.first + row, self.step());
        let origin = if self.is_transposed { [self.z, self.left, row] } else { [self.z, row, self.left] };
        let pixels = self.image.pixel(self.sample, self.channel, origin);
        (0..self.width).step_by(RUN).take_while(|_| !self.is_cancelled.load(Ordering::Relaxed)).map(move |x| Run {
            pixels: pixels.wrapping_offset(x as isize * step),
            step,
            n_pixels: RUN.min(self.width - x),
        })
    }

    /// The error for the first bad pixel of the block.
    pub(crate) fn bad_pixel<T: Element>(&self) -> Option<Error> {
        (0..self.n_rows).find_map(|row| {
            let pixels = self.runs_of_row(row).flat_map(|run| {
                // SAFETY: the run is one of a block of an image of `T`, and the index below its length.
                (0..run.n_pixels).map(move |i| unsafe { run.read::<T, false>(i) })
            });
            let (place, bad) = pixels.enumerate().find(|(_, pixel)| !pixel.is_valid())?;
            Some(self.error(row, place, bad.to_f64()))
        })
    }

    fn error(&self, row: usize, place: usize, value: f64) -> Error {
        let (row, place) = (self.first + row, self.left + place);
        let (y, x) = if self.is_transposed { (place, row) } else { (row, place) };
        let (expected, got) = if value.is_finite() {
            ("a magnitude of at most 2^53", format!("{value:e}"))
        } else {
            ("a finite number", value.to_string())
        };
        let Self { sample, channel, z, .. } = *self;
        Error::BadPixel { image: self.image.name().into(), sample, channel, z, y, x, expected, got }
    }
}

/// Pixels of a row, at equal steps.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pixels: *const u8,
    step: isize,
    pub(crate) n_pixels: usize,
}

impl Run {
    /// Asks the processor for memory that dense runs will soon come to. Vectors would otherwise wait for it.
    #[inline(always)]
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "only x86-64 has a stable prefetch"))]
    pub(crate) fn prefetch<T: Element>(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            for byte in (0..self.n_pixels * T::SIZE).step_by(64) {
                // SAFETY: any address may be asked for; one that cannot be read is ignored.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(self.pixels.wrapping_add(AHEAD + byte).cast()) };
            }
        }
    }

    /// Reads a pixel. A kernel is compiled twice, so that one of them sees that its pixels are neighbours and uses vectors.
    ///
    /// # Safety
    ///
    /// The run must be one of a block of an image of `T`, dense if `IS_DENSE`, and `index` below its length.
    #[inline(always)]
    pub(crate) unsafe fn read<T: Element, const IS_DENSE: bool>(&self, index: usize) -> T {
        // SAFETY: the caller vouches for the place, and the image for its pixels.
        unsafe {
            if IS_DENSE {
                T::read(self.pixels.cast::<T>().add(index).cast())
            } else {
                T::read(self.pixels.wrapping_offset(index as isize * self.step))
            }
        }
    }
}
