//! Mean, standard deviation and range of every channel, in one parallel pass over the pixels.
use std::sync::atomic::AtomicBool;

use ethnum::U256;
use rayon::prelude::*;

use super::blocks::{Block, Blocks, Run};
use super::first::First;
use super::moments::{EXACT, Moments, Sums};
use super::{Element, Image, dispatch};
use crate::error::Result;
use crate::vectors::{Vectors, lanes, vectorised};

/// Accumulators that a row is dealt over, so that sums of floats can use vectors and are still the same on every machine.
const LANES: usize = 16;

/// The moments that are kept before they are merged in order: memory that does not grow with the images.
const GROUP: usize = 1 << 12;

/// The statistics of the channels of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The population standard deviation of each channel.
    pub std: Vec<f64>,
    /// The smallest pixel of each channel.
    pub min: Vec<f64>,
    /// The largest pixel of each channel.
    pub max: Vec<f64>,
}

/// Statistics of images that come one after the other, and may be gone when the next one comes.
///
/// Integer sums are exact. Float sums run over fixed blocks of pixels, so that the result is the same for any number
/// of threads, and for images that come together or apart.
#[derive(Debug, Clone)]
pub struct StatisticsAccumulator {
    per_channel: bool,
    first: Option<First>,
    channels: Vec<Moments>,
}

impl StatisticsAccumulator {
    /// Of no images yet. Unless it is `per_channel`, the statistics of every channel will be those of all channels.
    pub fn new(per_channel: bool) -> Self {
        Self { per_channel, first: None, channels: Vec::new() }
    }

    /// Adds all samples of some images, on the threads of the current pool.
    ///
    /// # Errors
    ///
    /// If images differ in their number of channels, if a pixel is NaN, infinite or beyond 2^53, or if `cancel` is set.
    /// The statistics are then those of the images that came before.
    pub fn update(&mut self, images: &[Image], cancel: &AtomicBool) -> Result<()> {
        let Some(image) = images.first() else { return Ok(()) };
        let first = self.first.clone().unwrap_or_else(|| First::of(image));
        first.check(images)?;
        let n_channels = first.n_channels;
        let mut channels = self.channels.clone();
        channels.resize(n_channels, Moments::EMPTY);

        let blocks = Blocks::new(images, cancel);
        let group = (GROUP / n_channels).max(GROUP / 64).min(blocks.len());
        let vectors = Vectors::widest();
        let mut found = vec![Moments::EMPTY; group * n_channels];
        for first in (0..blocks.len()).step_by(group) {
            let found = &mut found[..group.min(blocks.len() - first) * n_channels];
            found.par_chunks_mut(n_channels).enumerate().for_each(|(place, found)| {
                for (channel, moments) in found.iter_mut().enumerate() {
                    *moments = blocks.block(first + place, channel).moments(vectors);
                }
            });
            blocks.check_cancelled()?;
            if !found.iter().all(Moments::is_valid) {
                return Err(blocks.bad_pixel());
            }
            // In the order of the blocks, whatever thread was first: merging floats rounds.
            for found in found.chunks_exact(n_channels) {
                channels.iter_mut().zip(found).for_each(|(channel, moments)| channel.merge(moments));
            }
        }
        self.first = Some(first);
        self.channels = channels;
        Ok(())
    }

    /// The statistics of the images so far.
    pub fn finish(&self) -> Statistics {
        let mut channels = self.channels.clone();
        if !self.per_channel {
            let mut all = Moments::EMPTY;
            self.channels.iter().for_each(|channel| all.merge(channel));
            channels.fill(all);
        }
        Statistics {
            mean: channels.iter().map(Moments::mean).collect(),
            std: channels.iter().map(Moments::std).collect(),
            min: channels.iter().map(|moments| moments.min).collect(),
            max: channels.iter().map(|moments| moments.max).collect(),
        }
    }
}

/// The statistics over all samples of images that are at hand together.
///
/// # Errors
///
/// Those of [`StatisticsAccumulator::update`].
pub fn statistics(images: &[Image], per_channel: bool, cancel: &AtomicBool) -> Result<Statistics> {
    let mut accumulator = StatisticsAccumulator::new(per_channel);
    accumulator.update(images, cancel)?;
    Ok(accumulator.finish())
}

impl Block<'_> {
    /// The moments of the pixels.
    pub(crate) fn moments(&self, vectors: Vectors) -> Moments {
        dispatch!(self.image.pixel_type(), T => moments_of::<T>(vectors, self))
    }
}

vectorised! {
    /// The moments of a block. There is one body for all vectors, with no fused multiply-add in it, and so one result.
    fn moments_of[T: Element][T](block: &Block<'_>) -> Moments { V => moments_body::<T>(block) }
}

#[inline(always)]
fn moments_body<T: Element>(block: &Block<'_>) -> Moments {
    if block.is_dense::<T>() { moments::<T, true>(block) } else { moments::<T, false>(block) }
}

#[inline(always)]
fn moments<T: Element, const IS_DENSE: bool>(block: &Block<'_>) -> Moments {
    if T::IS_INTEGER { integer_moments::<T, IS_DENSE>(block) } else { float_moments::<T, IS_DENSE>(block) }
}

#[inline(always)]
fn integer_moments<T: Element, const IS_DENSE: bool>(block: &Block<'_>) -> Moments {
    let (mut sum, mut sum_of_squares) = (0i128, U256::ZERO);
    let (mut min, mut max) = (i64::MAX, i64::MIN);
    for run in block.runs() {
        if IS_DENSE {
            run.prefetch::<T>();
        }
        let found = match T::SIZE {
            1 | 2 => IntegerRun::of_16_bits::<T, IS_DENSE>(&run),
            4 => IntegerRun::of_32_bits::<T, IS_DENSE>(&run),
            _ => IntegerRun::of_64_bits::<T, IS_DENSE>(&run),
        };
        sum += found.sum;
        sum_of_squares += U256::from(found.sum_of_squares);
        min = min.min(found.min);
        max = max.max(found.max);
    }
    Moments {
        n: block.n_pixels() as u64,
        sums: Sums::Integer { sum, sum_of_squares },
        min: min as f64,
        max: max as f64,
    }
}

/// The sums and extremes of a run, in numbers as narrow as its length allows: the narrower, the more of them in a vector.
struct IntegerRun {
    sum: i128,
    sum_of_squares: u128,
    min: i64,
    max: i64,
}

impl IntegerRun {
    #[inline(always)]
    fn of_16_bits<T: Element, const IS_DENSE: bool>(run: &Run) -> Self {
        let (mut sum, mut low, mut high) = (0i32, 0u32, 0u32);
        let (mut min, mut max) = (i32::MAX, i32::MIN);
        for i in 0..run.n_pixels {
            // SAFETY: the index is below the length.
            let pixel = unsafe { run.read::<T, IS_DENSE>(i) }.to_i64() as i32;
            let square = pixel.wrapping_mul(pixel) as u32;
            sum += pixel;
            low += square & 0xffff;
            high += square >> 16;
            min = min.min(pixel);
            max = max.max(pixel);
        }
        let sum_of_squares = (u128::from(high) << 16) + u128::from(low);
        Self { sum: sum.into(), sum_of_squares, min: min.into(), max: max.into() }
    }

    #[inline(always)]
    fn of_32_bits<T: Element, const IS_DENSE: bool>(run: &Run) -> Self {
        let (mut sum, mut low, mut high) = (0i64, 0u64, 0u64);
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for i in 0..run.n_pixels {
            // SAFETY: the index is below the length.
            let pixel = unsafe { run.read::<T, IS_DENSE>(i) }.to_i64();
            let magnitude = u64::from(pixel.unsigned_abs() as u32);
            let square = magnitude * magnitude;
            sum += pixel;
            low += square & 0xffff_ffff;
            high += square >> 32;
            min = min.min(pixel);
            max = max.max(pixel);
        }
        Self { sum: sum.into(), sum_of_squares: (u128::from(high) << 32) + u128::from(low), min, max }
    }

    #[inline(always)]
    fn of_64_bits<T: Element, const IS_DENSE: bool>(run: &Run) -> Self {
        let (mut sum, mut sum_of_squares) = (0i128, 0u128);
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for i in 0..run.n_pixels {
            // SAFETY: the index is below the length.
            let pixel = unsafe { run.read::<T, IS_DENSE>(i) };
            // Beyond 2^53 the value does not count: the range will show that there is a bad pixel.
            let pixel = if pixel.is_valid() { pixel.to_i64() } else { i64::MAX };
            min = min.min(pixel);
            max = max.max(pixel);
            let magnitude = u128::from(if pixel.unsigned_abs() <= EXACT { pixel.unsigned_abs() } else { 0 });
            sum += i128::from(pixel);
            sum_of_squares += magnitude * magnitude;
        }
        Self { sum, sum_of_squares, min, max }
    }
}

/// Deviations from the mean of the block, which is in cache when they are summed: squares of small numbers lose nothing,
/// and the mean's own rounding is taken out again (Chan, Golub and LeVeque, "Algorithms for computing the sample
/// variance", The American Statistician 1983).
#[inline(always)]
fn float_moments<T: Element, const IS_DENSE: bool>(block: &Block<'_>) -> Moments {
    let n = block.n_pixels() as f64;
    let (mut sums, mut min, mut max) = ([0.0; LANES], [f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    for run in block.runs() {
        if IS_DENSE {
            run.prefetch::<T>();
        }
        for_each_row_of_lanes::<T, IS_DENSE>(&run, 0.0, |x| sums = lanes(|lane| sums[lane] + x[lane]));
        for_each_row_of_lanes::<T, IS_DENSE>(&run, f64::NAN, |x| {
            min = lanes(|lane| if x[lane] < min[lane] { x[lane] } else { min[lane] });
            max = lanes(|lane| if x[lane] > max[lane] { x[lane] } else { max[lane] });
        });
    }
    let center = sums.iter().sum::<f64>() / n;
    let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
    for run in block.runs() {
        for_each_row_of_lanes::<T, IS_DENSE>(&run, center, |x| sums = lanes(|lane| sums[lane] + (x[lane] - center)));
        for_each_row_of_lanes::<T, IS_DENSE>(&run, center, |x| {
            squares = lanes(|lane| squares[lane] + (x[lane] - center) * (x[lane] - center));
        });
    }
    let (sum, squares) = (sums.iter().sum::<f64>(), squares.iter().sum::<f64>());
    Moments {
        n: n as u64,
        sums: Sums::Float { mean: center + sum / n, squares: (squares - sum * sum / n).max(0.0) },
        min: min.into_iter().fold(f64::INFINITY, f64::min),
        max: max.into_iter().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// Visits the pixels of a run in order, as many at once as there are lanes. The last may be fewer, and `padding` the rest:
/// a number that changes nothing. Each sum is best visited alone: two that share a term make the compiler put both into
/// one vector, of two numbers.
#[inline(always)]
fn for_each_row_of_lanes<T: Element, const IS_DENSE: bool>(
    run: &Run,
    padding: f64,
    mut visit: impl FnMut([f64; LANES]),
) {
    let n_whole = run.n_pixels / LANES * LANES;
    for first in (0..n_whole).step_by(LANES) {
        // SAFETY: the index is below the length.
        visit(lanes(|lane| unsafe { run.read::<T, IS_DENSE>(first + lane) }.to_f64()));
    }
    if n_whole < run.n_pixels {
        visit(padded_rest::<T, IS_DENSE>(run, n_whole, padding));
    }
}

/// Apart from the loop above, whose vectors the compiler would otherwise take apart.
#[inline(never)]
fn padded_rest<T: Element, const IS_DENSE: bool>(run: &Run, first: usize, padding: f64) -> [f64; LANES] {
    let mut rest = [padding; LANES];
    for (lane, index) in (first..run.n_pixels).enumerate() {
        // SAFETY: the index is below the length.
        rest[lane] = unsafe { run.read::<T, IS_DENSE>(index) }.to_f64();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::PixelType;

    #[test]
    fn all_vectors_make_the_same_bits() {
        let (height, width) = (7, 1_234);
        // No byte has the bits of a NaN or an infinity, in either byte order.
        let bytes: Vec<u8> = (0..2 * height * width * 8).map(|i| (i * i % 61) as u8).collect();
        for pixel_type in PixelType::ALL {
            let size = dispatch!(pixel_type, T => T::SIZE);
            for step in [size, 2 * size] {
                let strides = [0, 0, 0, 0, width * step, step].map(|stride| stride as isize);
                let shape = [1, 1, 1, 1, height, width];
                // SAFETY: rows of `width` pixels at `step` bytes lie in `bytes`, which outlives the image.
                let image = unsafe { Image::new("image", bytes.as_ptr(), pixel_type, shape, strides) }.unwrap();
                let (images, cancel) = ([image], AtomicBool::new(false));
                let blocks = Blocks::new(&images, &cancel);
                let moments = |vectors| dispatch!(pixel_type, T => moments_of::<T>(vectors, &blocks.block(0, 0)));
                for vectors in Vectors::all() {
                    assert_eq!(moments(vectors), moments(Vectors::Plain), "{pixel_type:?}, {vectors:?}");
                }
            }
        }
    }
}
