//! Quantiles of every channel, exact for every element type: ranks are looked up in histograms of keys that sort as the
//! pixels do, digit by digit. Elements of up to 16 bits have one digit, and so are read once.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::blocks::{Block, Blocks};
use super::first::First;
use super::sortable::Sortable;
use super::{Image, dispatch};
use crate::error::{Error, Result};

/// The bits of a digit, of which a key has one, two or four.
const DIGIT: u32 = 16;

/// The values that a digit can have.
const BINS: usize = 1 << DIGIT;

/// The histograms that pixels are dealt over. Neighbours are often equal: in one and the same bin, each would wait until
/// the one before is counted.
const HANDS: usize = 2;

/// The channels whose histograms are made together, so that the memory of a thread does not grow with their number.
const CHANNELS: usize = 4;

/// Quantiles of images that come one after the other, as often as their element type has digits, and may be gone when the
/// next one comes.
///
/// Each channel has a histogram of 1 MiB and, while elements of more than 16 bits come again, one for each pixel looked
/// for. Every thread has as much for each of up to four channels.
#[derive(Debug)]
pub struct QuantilesAccumulator {
    levels: Vec<f64>,
    per_channel: bool,
    selection: Option<Selection>,
}

impl QuantilesAccumulator {
    /// For each of `levels` a quantile of all pixels, by linear interpolation between the nearest two, as
    /// `numpy.quantile` does. Unless it is `per_channel`, those of every channel will be those of all channels.
    ///
    /// # Errors
    ///
    /// If a level is not between 0 and 1.
    pub fn new(levels: &[f64], per_channel: bool) -> Result<Self> {
        check_levels(levels)?;
        Ok(Self { levels: levels.into(), per_channel, selection: None })
    }

    /// Counts all samples of some images in this pass, on the threads of the current pool.
    ///
    /// # Errors
    ///
    /// If images differ in their number of channels or in their element type by more than the byte order, if a pixel is
    /// NaN, infinite or beyond 2^53, or if `cancel` is set. It has counted nothing then, as in the beginning.
    pub fn update(&mut self, images: &[Image], cancel: &AtomicBool) -> Result<()> {
        let Some(first) = images.first() else { return Ok(()) };
        let channels = 0..first.n_channels();
        let begin = || Selection::new(first, channels, &self.levels, self.per_channel);
        let mut selection = self.selection.take().unwrap_or_else(begin);
        selection.update(images, cancel)?;
        self.selection = Some(selection);
        Ok(())
    }

    /// Ends a pass over all images: for each channel a quantile for each level, or nothing if all images are needed once
    /// more.
    ///
    /// # Errors
    ///
    /// If the passes had not the same number of pixels.
    pub fn end_pass(&mut self) -> Result<Option<Vec<Vec<f64>>>> {
        self.selection.as_mut().map_or_else(|| Ok(Some(Vec::new())), Selection::end_pass)
    }
}

/// The quantiles over all samples of images that are at hand together. They are read more often if they have more than
/// four channels, so that memory does not grow with the number of channels.
///
/// # Errors
///
/// Those of [`QuantilesAccumulator`].
pub fn quantiles(images: &[Image], levels: &[f64], per_channel: bool, cancel: &AtomicBool) -> Result<Vec<Vec<f64>>> {
    check_levels(levels)?;
    let Some(first) = images.first() else { return Ok(Vec::new()) };
    let n_channels = first.n_channels();
    let n_together = if per_channel { CHANNELS } else { n_channels };
    let mut quantiles = Vec::with_capacity(n_channels);
    for start in (0..n_channels).step_by(n_together) {
        let channels = start..n_channels.min(start + n_together);
        let mut selection = Selection::new(first, channels, levels, per_channel);
        quantiles.extend(loop {
            selection.update(images, cancel)?;
            if let Some(quantiles) = selection.end_pass()? {
                break quantiles;
            }
        });
    }
    Ok(quantiles)
}

fn check_levels(levels: &[f64]) -> Result<()> {
    match levels.iter().find(|level| !(0.0..=1.0).contains(*level)) {
        None => Ok(()),
        Some(level) => {
            let (expected, got) = ("numbers from 0 to 1".into(), level.to_string());
            Err(Error::Argument { argument: "levels", expected, got })
        }
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
#[derive(Debug)]
struct Search {
    prefix: u64,
    rank: u64,
}

impl Search {
    /// Finds the next digit.
    fn refine(&mut self, hands: &[u64]) {
        let count = |digit: usize| hands.iter().skip(digit).step_by(BINS).sum::<u64>();
        let mut digit = 0;
        // The last bin ends the search whatever the counts are: pixels may be written to while they are read.
        while digit < BINS - 1 && count(digit) <= self.rank {
            self.rank -= count(digit);
            digit += 1;
        }
        self.prefix = self.prefix << DIGIT | digit as u64;
    }
}

/// A channel, or all of them together: the pixels that are looked for, two for each rank, and the digits that follow
/// each of their prefixes.
#[derive(Debug)]
struct Slot {
    searches: Vec<Search>,
    prefixes: Vec<u64>,
    counts: Vec<u64>,
}

impl Slot {
    /// Before anything is known of the pixels, or of where they are looked for.
    fn new() -> Self {
        Self { searches: Vec::new(), prefixes: vec![0], counts: vec![0; BINS * HANDS] }
    }

    fn refine(&mut self) {
        for search in &mut self.searches {
            let place = self.prefixes.binary_search(&search.prefix).expect("all prefixes are listed");
            search.refine(&self.counts[place * BINS * HANDS..][..BINS * HANDS]);
        }
        self.prefixes = self.searches.iter().map(|search| search.prefix).collect();
        self.prefixes.sort_unstable();
        self.prefixes.dedup();
    }
}

/// The search for the pixels of some ranks in some channels, a digit of their keys in each pass.
#[derive(Debug)]
struct Selection {
    first: First,
    type_name: &'static str,
    value: fn(u64) -> f64,
    channels: Range<usize>,
    levels: Vec<f64>,
    slots: Vec<Slot>,
    digits_left: u32,
    /// The pixels of a slot, once all have been counted.
    n_pixels: Option<u64>,
    n_counted: u64,
}

impl Selection {
    fn new(first: &Image, channels: Range<usize>, levels: &[f64], per_channel: bool) -> Self {
        let (type_name, n_bits, value) =
            dispatch!(first.pixel_type(), T => (T::NAME, T::KEY_BITS, T::value as fn(u64) -> f64));
        let n_slots = if per_channel { channels.len() } else { 1 };
        Self {
            first: First::of(first),
            type_name,
            value,
            channels,
            levels: levels.into(),
            slots: (0..n_slots).map(|_| Slot::new()).collect(),
            digits_left: n_bits.div_ceil(DIGIT),
            n_pixels: None,
            n_counted: 0,
        }
    }

    fn update(&mut self, images: &[Image], cancel: &AtomicBool) -> Result<()> {
        self.first.check(images)?;
        self.check_types(images)?;
        let Some(digits_below) = self.digits_left.checked_sub(1) else {
            let (expected, got) = ("no more of them: all quantiles are found".into(), images.len().to_string());
            return Err(Error::Argument { argument: "images", expected, got });
        };
        let blocks = Blocks::new(images, cancel);
        let per_slot = self.channels.len() / self.slots.len();
        let starts = self.channels.clone().step_by(per_slot * CHANNELS);
        for (start, slots) in starts.zip(self.slots.chunks_mut(CHANNELS)) {
            count_into(slots, &blocks, start..start + per_slot * slots.len(), digits_below * DIGIT)?;
        }
        self.n_counted += blocks.n_pixels() * per_slot as u64;
        Ok(())
    }

    fn check_types(&self, images: &[Image]) -> Result<()> {
        let name = |image: &Image| dispatch!(image.pixel_type(), T => T::NAME);
        match images.iter().find(|image| name(image) != self.type_name) {
            None => Ok(()),
            Some(image) => Err(Error::Mismatch {
                image: image.name().into(),
                expected: format!("pixels of {}, as in {}", self.type_name, self.first.name),
                got: name(image).into(),
                remedy: "Images of one source have the same data type.",
            }),
        }
    }

    fn end_pass(&mut self) -> Result<Option<Vec<Vec<f64>>>> {
        let is_first = self.n_pixels.is_none();
        let n_pixels = *self.n_pixels.get_or_insert(self.n_counted);
        if self.n_counted != n_pixels {
            let expected = format!("the same in every pass, {n_pixels} pixels as in the first one");
            return Err(Error::Argument { argument: "images", expected, got: self.n_counted.to_string() });
        }
        let ranks: Vec<Rank> = self.levels.iter().map(|level| Rank::of(*level, n_pixels)).collect();
        self.n_counted = 0;
        self.digits_left -= 1;
        for slot in &mut self.slots {
            if is_first {
                let places = ranks.iter().flat_map(|rank| [rank.low, rank.high]);
                slot.searches = places.map(|rank| Search { prefix: 0, rank }).collect();
            }
            slot.refine();
            slot.counts = vec![0; if self.digits_left > 0 { slot.prefixes.len() * BINS * HANDS } else { 0 }];
        }
        Ok((self.digits_left == 0).then(|| self.quantiles(&ranks)))
    }

    fn quantiles(&self, ranks: &[Rank]) -> Vec<Vec<f64>> {
        let of_slot = |slot: &Slot| -> Vec<f64> {
            let pixels: Vec<f64> = slot.searches.iter().map(|search| (self.value)(search.prefix)).collect();
            ranks.iter().zip(pixels.chunks_exact(2)).map(|(rank, pair)| rank.between(pair[0], pair[1])).collect()
        };
        let per_slot = self.channels.len() / self.slots.len();
        self.slots.iter().flat_map(|slot| std::iter::repeat_n(of_slot(slot), per_slot)).collect()
    }
}

/// Counts, in each slot and for each of its prefixes, the digits that follow it `shift` bits above the end of the keys.
/// The channels are dealt over the slots, in order.
///
/// Threads count for themselves whatever blocks they come to: sums of counts do not depend on who counted what.
fn count_into(slots: &mut [Slot], blocks: &Blocks<'_>, channels: Range<usize>, shift: u32) -> Result<()> {
    let per_slot = channels.len() / slots.len();
    let (prefixes, mut totals): (Vec<&[u64]>, Vec<&mut [u64]>) =
        slots.iter_mut().map(|slot| (slot.prefixes.as_slice(), slot.counts.as_mut_slice())).unzip();
    let (next, is_valid) = (AtomicUsize::new(0), AtomicBool::new(true));
    let count_blocks = |counts: &mut [&mut [u64]]| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= blocks.len() || blocks.check_cancelled().is_err() {
                break;
            }
            for (slot, (prefixes, counts)) in prefixes.iter().zip(&mut *counts).enumerate() {
                for channel in channels.clone().skip(slot * per_slot).take(per_slot) {
                    if !count(&blocks.block(number, channel), shift, prefixes, counts) {
                        is_valid.store(false, Ordering::Relaxed);
                    }
                }
            }
        }
    };
    let lengths: Vec<usize> = totals.iter().map(|counts| counts.len()).collect();
    let n_pixels = blocks.n_pixels() as usize * channels.len();
    // Another thread is worth its histograms only if it has more pixels to count than bins to add up.
    let n_threads = (n_pixels / lengths.iter().sum::<usize>().max(1)).min(rayon::current_num_threads());
    if n_threads > 1 {
        let totals = Mutex::new(totals);
        (0..n_threads).into_par_iter().with_max_len(1).for_each(|_| {
            let mut counts: Vec<Vec<u64>> = lengths.iter().map(|&length| vec![0; length]).collect();
            count_blocks(&mut counts.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>());
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            for (totals, counts) in totals.iter_mut().zip(&counts) {
                totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            }
        });
    } else {
        count_blocks(&mut totals);
    }
    blocks.check_cancelled()?;
    if is_valid.into_inner() { Ok(()) } else { Err(blocks.bad_pixel()) }
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
