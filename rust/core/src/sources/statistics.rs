//! Mean, standard deviation and range of every channel, in one parallel pass over the pixels.

use std::sync::atomic::{AtomicBool, Ordering};

use ethnum::U256;
use rayon::prelude::*;

use super::{Element, Image, dispatch};
use crate::error::{Error, Result};

/// The pixels of a block: the unit of parallel work, and of the order in which floats are summed.
const BLOCK: usize = 1 << 16;

/// Accumulators that a row is dealt over, so that sums can use vectors and are still the same on every machine.
const LANES: usize = 16;

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

/// Computes the statistics over all samples of all images, on the threads of the current pool.
///
/// Integer sums are exact. Float sums run over fixed blocks of pixels, so that the result is the same for any number
/// of threads.
///
/// # Errors
///
/// If images differ in their number of channels, if a pixel is NaN, infinite or beyond 2^53, or if `cancel` is set.
pub fn statistics(images: &[Image], cancel: &AtomicBool) -> Result<Statistics> {
    let n_channels = images.first().map_or(0, Image::n_channels);
    if let Some(image) = images.iter().find(|image| image.n_channels() != n_channels) {
        return Err(Error::Mismatch {
            image: image.name().into(),
            expected: format!("{n_channels} channels, as in {}", images[0].name()),
            got: image.n_channels().to_string(),
            remedy: "Images of one source have the same channels.",
        });
    }
    let blocks: Vec<Block<'_>> = images.iter().flat_map(Block::all_of).collect();
    let moments: Vec<Result<Moments>> = blocks
        .par_iter()
        .map(|block| if cancel.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { block.moments() })
        .collect();

    let mut channels = vec![Moments::EMPTY; n_channels];
    for (block, moments) in blocks.iter().zip(moments) {
        channels[block.channel].merge(&moments?);
    }
    Ok(Statistics {
        mean: channels.iter().map(Moments::mean).collect(),
        std: channels.iter().map(Moments::std).collect(),
        min: channels.iter().map(|moments| moments.min).collect(),
        max: channels.iter().map(|moments| moments.max).collect(),
    })
}

/// Rows of one plane of an image.
struct Block<'a> {
    image: &'a Image,
    sample: usize,
    channel: usize,
    z: usize,
    /// The first row, and the rows' number and length. Rows run along X, or along Y where that is how memory runs.
    first: usize,
    n_rows: usize,
    width: usize,
    is_transposed: bool,
}

impl<'a> Block<'a> {
    fn all_of(image: &'a Image) -> impl Iterator<Item = Self> {
        let [depth, height, width] = image.size();
        let [_, stride_y, stride_x] = image.strides();
        let is_transposed = stride_y.unsigned_abs() < stride_x.unsigned_abs() && height > 1;
        let (height, width) = if is_transposed { (width, height) } else { (height, width) };
        let rows = (BLOCK / width).max(1);
        let planes = (0..image.n_samples())
            .flat_map(move |sample| (0..image.n_channels()).map(move |channel| (sample, channel)))
            .flat_map(move |(sample, channel)| (0..depth).map(move |z| (sample, channel, z)));
        planes.flat_map(move |(sample, channel, z)| {
            (0..height).step_by(rows).map(move |first| Self {
                image,
                sample,
                channel,
                z,
                first,
                n_rows: rows.min(height - first),
                width,
                is_transposed,
            })
        })
    }

    fn moments(&self) -> Result<Moments> {
        dispatch!(self.image.pixel_type(), T => {
            let moments = if T::IS_INTEGER { self.integer_moments::<T>() } else { self.float_moments::<T>() };
            // Sums and extremes show that there is a bad pixel; only then is it searched for.
            if moments.is_valid() { Ok(moments) } else { Err(self.find_bad_pixel::<T>()) }
        })
    }

    fn integer_moments<T: Element>(&self) -> Moments {
        let (mut sum, mut sum_of_squares) = (0i128, 0u128);
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for row in 0..self.n_rows {
            if T::SIZE <= 2 {
                // A row of 16 bits fits into 64: its length is below 2^31.
                let (mut row_sum, mut row_squares) = (0i64, 0u64);
                self.for_each_pixel::<T>(row, |_, pixel| {
                    let pixel = pixel.to_i64();
                    row_sum += pixel;
                    row_squares += (pixel * pixel) as u64;
                    min = min.min(pixel);
                    max = max.max(pixel);
                });
                sum += i128::from(row_sum);
                sum_of_squares += u128::from(row_squares);
            } else {
                self.for_each_pixel::<T>(row, |_, pixel| {
                    // Beyond 2^53 the value does not count: the range check will refuse the block.
                    let pixel = if pixel.is_valid() { pixel.to_i64() } else { i64::MAX };
                    min = min.min(pixel);
                    max = max.max(pixel);
                    if pixel.unsigned_abs() <= EXACT {
                        sum += i128::from(pixel);
                        sum_of_squares += u128::from(pixel.unsigned_abs()) * u128::from(pixel.unsigned_abs());
                    }
                });
            }
        }
        Moments {
            n: (self.n_rows * self.width) as u64,
            sums: Sums::Integer { sum, sum_of_squares: sum_of_squares.into() },
            min: min as f64,
            max: max as f64,
        }
    }

    /// Deviations from the mean of the block, which is in cache when they are summed: squares of small numbers lose
    /// nothing, and the mean's own rounding is taken out again (Chan, Golub and LeVeque,
    /// "Algorithms for computing the
    /// sample variance", The American Statistician 1983).
    fn float_moments<T: Element>(&self) -> Moments {
        let n = (self.n_rows * self.width) as f64;
        let (mut min, mut max) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        let mut sums = [0.0; LANES];
        self.for_each_pixel_of_block::<T>(|lane, pixel| {
            let pixel = pixel.to_f64();
            sums[lane] += pixel;
            min[lane] = if pixel < min[lane] { pixel } else { min[lane] };
            max[lane] = if pixel > max[lane] { pixel } else { max[lane] };
        });
        let center = sums.iter().sum::<f64>() / n;
        let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
        self.for_each_pixel_of_block::<T>(|lane, pixel| {
            let deviation = pixel.to_f64() - center;
            sums[lane] += deviation;
            squares[lane] += deviation * deviation;
        });
        let (sum, squares) = (sums.iter().sum::<f64>(), squares.iter().sum::<f64>());
        Moments {
            n: n as u64,
            sums: Sums::Float { mean: center + sum / n, squares: (squares - sum * sum / n).max(0.0) },
            min: min.into_iter().fold(f64::INFINITY, f64::min),
            max: max.into_iter().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn find_bad_pixel<T: Element>(&self) -> Error {
        for row in 0..self.n_rows {
            let (mut place, mut bad) = (0, None);
            self.for_each_pixel::<T>(row, |_, pixel| {
                if !pixel.is_valid() && bad.is_none() {
                    bad = Some((place, pixel.to_f64()));
                }
                place += 1;
            });
            if let Some((place, value)) = bad {
                let (y, x) = if self.is_transposed { (place, self.first + row) } else { (self.first + row, place) };
                let (expected, got) = if value.is_finite() {
                    ("a magnitude of at most 2^53", format!("{value:e}"))
                } else {
                    ("a finite number", value.to_string())
                };
                return Error::BadPixel {
                    image: self.image.name().into(),
                    sample: self.sample,
                    channel: self.channel,
                    z: self.z,
                    y,
                    x,
                    expected,
                    got,
                };
            }
        }
        // Only if the pixels were written to in the meantime.
        Error::Mismatch {
            image: self.image.name().into(),
            expected: "pixels that stay as they are while they are read".into(),
            got: "pixels that changed".into(),
            remedy: "Do not write to an image while it is in use.",
        }
    }

    /// The first pixel of a row, and the step from one to the next.
    fn row(&self, row: usize) -> (*const u8, isize) {
        let [_, stride_y, stride_x] = self.image.strides();
        let (origin, step) = if self.is_transposed {
            ([self.z, 0, self.first + row], stride_y)
        } else {
            ([self.z, self.first + row, 0], stride_x)
        };
        (self.image.pixel(self.sample, self.channel, origin), step)
    }

    #[inline(always)]
    fn for_each_pixel_of_block<T: Element>(&self, mut visit: impl FnMut(usize, T)) {
        for row in 0..self.n_rows {
            self.for_each_pixel::<T>(row, &mut visit);
        }
    }

    /// Visits the pixels of a row in order, each with its lane: its place modulo [`LANES`].
    #[inline(always)]
    fn for_each_pixel<T: Element>(&self, row: usize, mut visit: impl FnMut(usize, T)) {
        let (pixels, step) = self.row(row);
        // SAFETY: `x` is below the width of the row, which lies in the image, whose pixels are readable.
        let read = |x: usize| unsafe { T::read(pixels.wrapping_offset(x as isize * step)) };
        let n_whole = self.width / LANES * LANES;
        if step == T::SIZE as isize {
            for x in (0..n_whole).step_by(LANES) {
                for lane in 0..LANES {
                    // SAFETY: as above; the compiler sees that these pixels are neighbours.
                    visit(lane, unsafe { T::read(pixels.add((x + lane) * T::SIZE)) });
                }
            }
        } else {
            for x in 0..n_whole {
                visit(x % LANES, read(x));
            }
        }
        for x in n_whole..self.width {
            visit(x % LANES, read(x));
        }
    }
}

/// The magnitude up to which every integer is a float64.
const EXACT: u64 = 1 << 53;

/// The count, sums and extremes of some pixels.
#[derive(Debug, Clone, Copy)]
struct Moments {
    n: u64,
    sums: Sums,
    min: f64,
    max: f64,
}

#[derive(Debug, Clone, Copy)]
enum Sums {
    Integer { sum: i128, sum_of_squares: U256 },
    Float { mean: f64, squares: f64 },
}

impl Moments {
    const EMPTY: Self = Self {
        n: 0,
        sums: Sums::Integer { sum: 0, sum_of_squares: U256::ZERO },
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    fn is_valid(&self) -> bool {
        let is_finite = match self.sums {
            Sums::Integer { .. } => true,
            Sums::Float { mean, squares } => mean.is_finite() && squares.is_finite(),
        };
        is_finite && self.min >= -(EXACT as f64) && self.max <= EXACT as f64
    }

    fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sums = match (self.sums, other.sums) {
            (Sums::Integer { sum, sum_of_squares }, Sums::Integer { sum: more, sum_of_squares: more_squares }) => {
                Sums::Integer { sum: sum + more, sum_of_squares: sum_of_squares + more_squares }
            }
            (_, sums) if self.n == 0 => sums,
            _ => {
                // Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
                // variances" (1979).
                let (n, m) = (self.n as f64, other.n as f64);
                let difference = other.mean() - self.mean();
                Sums::Float {
                    mean: self.mean() + difference * (m / (n + m)),
                    squares: self.squares() + other.squares() + difference * difference * (n * m / (n + m)),
                }
            }
        };
        self.n += other.n;
    }

    fn mean(&self) -> f64 {
        match self.sums {
            Sums::Integer { sum, .. } => {
                let n = i128::from(self.n);
                if sum.unsigned_abs() <= u128::from(EXACT) {
                    sum as f64 / n as f64
                } else {
                    // Whole and fraction apart: the quotient of a sum that is rounded could be off by one.
                    sum.div_euclid(n) as f64 + sum.rem_euclid(n) as f64 / n as f64
                }
            }
            Sums::Float { mean, .. } => mean,
        }
    }

    /// The sum of the squared deviations from the mean.
    fn squares(&self) -> f64 {
        match self.sums {
            Sums::Integer { sum, sum_of_squares } => {
                let sum = U256::from(sum.unsigned_abs());
                (U256::from(self.n) * sum_of_squares - sum * sum).as_f64() / self.n as f64
            }
            Sums::Float { squares, .. } => squares,
        }
    }

    fn std(&self) -> f64 {
        (self.squares() / self.n as f64).sqrt()
    }
}
