//! Quantiles of every channel, exact for every element type: ranks are looked up in histograms of keys that sort as the
//! pixels do, digit by digit. Elements of up to 16 bits have one digit, and so are read once.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use half::f16;
use rayon::prelude::*;

use super::blocks::{Block, Blocks};
use super::{Element, Image, Swapped, dispatch};
use crate::error::{Error, Result};

/// The bits of a digit, of which a key has one, two or four.
const DIGIT: u32 = 16;

/// The values that a digit can have.
const BINS: usize = 1 << DIGIT;

/// The histograms that pixels are dealt over. Neighbours are often equal: in one and the same bin, each would wait until
/// the one before is counted.
const HANDS: usize = 2;

/// The channels whose histograms are made together, so that memory does not grow with their number.
const CHANNELS: usize = 4;

/// Computes quantiles over all samples of all images, on the threads of the current pool: for each channel those of
/// `levels`, by linear interpolation between the nearest two pixels, as `numpy.quantile` does.
///
/// Pixels are read once for each 16 bits of an element. Every thread has a histogram of 1 MiB for each of up to four
/// channels and, while elements of more than 16 bits are read again, for each pixel looked for.
///
/// # Errors
///
/// If images differ in their number of channels or in their element type by more than the byte order, if a level is not
/// between 0 and 1, if a pixel is NaN, infinite or beyond 2^53, or if `cancel` is set.
pub fn quantiles(images: &[Image], levels: &[f64], cancel: &AtomicBool) -> Result<Vec<Vec<f64>>> {
    if let Some(level) = levels.iter().find(|level| !(0.0..=1.0).contains(*level)) {
        let (expected, got) = ("numbers from 0 to 1".into(), level.to_string());
        return Err(Error::Argument { argument: "levels", expected, got });
    }
    let Some(first) = images.first() else { return Ok(Vec::new()) };
    check_types(first, images)?;
    let blocks = Blocks::new(images, cancel)?;
    let ranks: Vec<Rank> = levels.iter().map(|level| Rank::of(*level, blocks.n_pixels())).collect();
    let (n_bits, value) = dispatch!(first.pixel_type(), T => (T::KEY_BITS, T::value as fn(u64) -> f64));

    let mut quantiles = Vec::with_capacity(blocks.n_channels());
    for start in (0..blocks.n_channels()).step_by(CHANNELS) {
        let channels = start..blocks.n_channels().min(start + CHANNELS);
        for searches in select(&blocks, channels, &ranks, n_bits)? {
            let pixels = searches.iter().map(|search| value(search.prefix));
            let pixels: Vec<f64> = pixels.collect();
            let of_channel =
                ranks.iter().zip(pixels.chunks_exact(2)).map(|(rank, pair)| rank.between(pair[0], pair[1]));
            quantiles.push(of_channel.collect());
        }
    }
    Ok(quantiles)
}

fn check_types(first: &Image, images: &[Image]) -> Result<()> {
    let name = |image: &Image| dispatch!(image.pixel_type(), T => T::NAME);
    match images.iter().find(|image| name(image) != name(first)) {
        None => Ok(()),
        Some(image) => Err(Error::Mismatch {
            image: image.name().into(),
            expected: format!("pixels of {}, as in {}", name(first), first.name()),
            got: name(image).into(),
            remedy: "Images of one source have the same data type.",
        }),
    }
}

/// Where a quantile lies among the sorted pixels: so far from one to the next.
struct Rank {
    low: u64,
    high: u64,
    fraction: f64,
}

impl Rank {
    fn of(level: f64, n_pixels: u64) -> Self {
        let last = n_pixels - 1;
        let place = last as f64 * level;
        let low = (place as u64).min(last);
        Self { low, high: (low + 1).min(last), fraction: place - place.floor() }
    }

    /// From the nearer of the two, so that the result is monotone in the fraction and reaches both.
    fn between(&self, low: f64, high: f64) -> f64 {
        let difference = high - low;
        if self.fraction < 0.5 { low + difference * self.fraction } else { high - difference * (1.0 - self.fraction) }
    }
}

/// A pixel that is looked for: the first digits of its key, and its rank among the pixels that share them.
#[derive(Clone, Copy)]
struct Search {
    prefix: u64,
    rank: u64,
}

impl Search {
    /// Finds the next digit.
    fn refine(&mut self, histogram: &[u64]) {
        let mut digit = 0;
        // The last bin ends the search whatever the counts are: pixels may be written to while they are read.
        while digit < BINS - 1 && histogram[digit] <= self.rank {
            self.rank -= histogram[digit];
            digit += 1;
        }
        self.prefix = self.prefix << DIGIT | digit as u64;
    }
}

/// Finds the keys of the pixels of some ranks in each of some channels, two for each rank.
fn select(blocks: &Blocks<'_>, channels: Range<usize>, ranks: &[Rank], n_bits: u32) -> Result<Vec<Vec<Search>>> {
    let places = ranks.iter().flat_map(|rank| [rank.low, rank.high]);
    let searches: Vec<Search> = places.map(|rank| Search { prefix: 0, rank }).collect();
    let mut searches = vec![searches; channels.len()];
    for digit in (0..n_bits.div_ceil(DIGIT)).rev() {
        let prefixes: Vec<Vec<u64>> = searches.iter().map(|searches| distinct_prefixes(searches)).collect();
        let histograms = histograms(blocks, &channels, digit * DIGIT, &prefixes)?;
        let mut histograms = histograms.chunks_exact(BINS);
        for (searches, prefixes) in searches.iter_mut().zip(&prefixes) {
            let histograms: Vec<&[u64]> = histograms.by_ref().take(prefixes.len()).collect();
            for search in searches {
                let place = prefixes.binary_search(&search.prefix).expect("all prefixes are listed");
                search.refine(histograms[place]);
            }
        }
    }
    Ok(searches)
}

fn distinct_prefixes(searches: &[Search]) -> Vec<u64> {
    let mut prefixes: Vec<u64> = searches.iter().map(|search| search.prefix).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Counts, for each channel and each of its prefixes, the digits that follow it `shift` bits above the end of the keys.
///
/// Threads count for themselves whatever blocks they come to: sums of counts do not depend on who counted what.
fn histograms(blocks: &Blocks<'_>, channels: &Range<usize>, shift: u32, prefixes: &[Vec<u64>]) -> Result<Vec<u64>> {
    let n_bins = prefixes.iter().map(Vec::len).sum::<usize>() * BINS;
    let (next, total, is_valid) = (AtomicUsize::new(0), Mutex::new(vec![0; n_bins]), AtomicBool::new(true));
    (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).for_each(|_| {
        let mut counts = vec![0u64; n_bins * HANDS];
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= blocks.len() {
                break;
            }
            let mut counts = counts.as_mut_slice();
            for (channel, prefixes) in channels.clone().zip(prefixes) {
                let (of_channel, others) = counts.split_at_mut(prefixes.len() * BINS * HANDS);
                if !count(&blocks.block(number, channel), shift, prefixes, of_channel) {
                    is_valid.store(false, Ordering::Relaxed);
                }
                counts = others;
            }
        }
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        for (total, counts) in total.chunks_exact_mut(BINS).zip(counts.chunks_exact(BINS * HANDS)) {
            for counts in counts.chunks_exact(BINS) {
                total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            }
        }
    });
    blocks.check_cancelled()?;
    if !is_valid.into_inner() {
        return Err(blocks.bad_pixel());
    }
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Counts the pixels of a block. False if there is a bad one.
fn count(block: &Block<'_>, shift: u32, prefixes: &[u64], counts: &mut [u64]) -> bool {
    dispatch!(block.image.pixel_type(), T => {
        if block.is_dense::<T>() {
            count_pixels::<T, true>(block, shift, prefixes, counts)
        } else {
            count_pixels::<T, false>(block, shift, prefixes, counts)
        }
    })
}

fn count_pixels<T: Sortable, const IS_DENSE: bool>(
    block: &Block<'_>,
    shift: u32,
    prefixes: &[u64],
    counts: &mut [u64],
) -> bool {
    let (histograms, _) = counts.as_chunks_mut::<BINS>();
    let mut is_valid = true;
    for run in block.runs() {
        for i in 0..run.n_pixels {
            // SAFETY: the index is below the length.
            let pixel = unsafe { run.read::<T, IS_DENSE>(i) };
            is_valid &= pixel.is_valid();
            let key = pixel.key();
            if T::KEY_BITS <= DIGIT {
                histograms[i % HANDS][key as usize % BINS] += 1;
            } else if let Some(place) = prefixes.iter().position(|prefix| *prefix == key >> shift >> DIGIT) {
                histograms[place * HANDS + i % HANDS][(key >> shift) as usize % BINS] += 1;
            }
        }
    }
    is_valid
}

/// An element as an integer that sorts as the pixels do, and back.
trait Sortable: Element {
    /// The element type, whatever its byte order.
    const NAME: &'static str;
    /// The bits of a key.
    const KEY_BITS: u32;

    /// The key of a valid pixel.
    fn key(self) -> u64;

    /// The pixel of a key.
    fn value(key: u64) -> f64;
}

macro_rules! sortable_integers {
    ($($Integer:ident: $($Type:ty),*;)*) => {$($(
        impl Sortable for $Type {
            const NAME: &'static str = stringify!($Integer);
            const KEY_BITS: u32 = $Integer::BITS;

            #[inline(always)]
            fn key(self) -> u64 {
                self.to_i64().wrapping_sub($Integer::MIN as i64) as u64
            }
            fn value(key: u64) -> f64 {
                (key as i64).wrapping_add($Integer::MIN as i64) as f64
            }
        }
    )*)*};
}

sortable_integers! {
    u8: bool, u8;
    i8: i8;
    u16: u16, Swapped<u16>;
    i16: i16, Swapped<i16>;
    u32: u32, Swapped<u32>;
    i32: i32, Swapped<i32>;
    u64: u64, Swapped<u64>;
    i64: i64, Swapped<i64>;
}

/// The bits of a float, those below zero in their opposite order and before the others.
macro_rules! sortable_floats {
    ($($Float:ident as $Bits:ident, |$value:ident| $narrowed:expr;)*) => {$(
        sortable_floats!(@ $Float, $Float as $Bits, |$value| $narrowed);
        sortable_floats!(@ Swapped<$Float>, $Float as $Bits, |$value| $narrowed);
    )*};
    (@ $Type:ty, $Float:ident as $Bits:ident, |$value:ident| $narrowed:expr) => {
        impl Sortable for $Type {
            const NAME: &'static str = stringify!($Float);
            const KEY_BITS: u32 = $Bits::BITS;

            #[inline(always)]
            fn key(self) -> u64 {
                const SIGN: $Bits = 1 << ($Bits::BITS - 1);
                let $value = self.to_f64();
                let bits = $narrowed.to_bits();
                u64::from(if bits & SIGN == 0 { bits | SIGN } else { !bits })
            }
            fn value(key: u64) -> f64 {
                const SIGN: $Bits = 1 << ($Bits::BITS - 1);
                let bits = key as $Bits;
                f64::from($Float::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN }))
            }
        }
    };
}

sortable_floats! {
    f16 as u16, |value| f16::from_f64(value);
    f32 as u32, |value| (value as f32);
    f64 as u64, |value| value;
}
