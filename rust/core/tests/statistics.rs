//! Statistics and quantiles against their definitions, with overflow checks, for pixels that lie in any order.

use std::sync::atomic::AtomicBool;

use patchmill_core::Error;
use patchmill_core::sources::{Image, PixelType, Statistics, quantiles, statistics};
use patchmill_core::threads::pool;
use proptest::prelude::*;

/// An image of T, C, Y, X over elements that lie in that order, or with the channels side by side.
fn image<T>(pixels: &[T], pixel_type: PixelType, shape: [usize; 4], is_interleaved: bool) -> Image {
    let [n_t, n_c, n_y, n_x] = shape;
    assert_eq!(pixels.len(), n_t * n_c * n_y * n_x);
    let [t, c, y, x] =
        if is_interleaved { [n_y * n_x * n_c, 1, n_x * n_c, n_c] } else { [n_c * n_y * n_x, n_y * n_x, n_x, 1] };
    let strides = [0, t, c, 0, y, x].map(|stride| (stride * size_of::<T>()) as isize);
    // SAFETY: shape and strides are those of `pixels`, which the tests keep.
    unsafe { Image::new("image", pixels.as_ptr().cast(), pixel_type, [1, n_t, n_c, 1, n_y, n_x], strides) }.unwrap()
}

fn computed(images: &[Image], num_threads: usize) -> Statistics {
    pool(num_threads).unwrap().install(|| statistics(images, true, &AtomicBool::new(false))).unwrap()
}

fn quantiles_of(images: &[Image], levels: &[f64], num_threads: usize) -> Vec<Vec<f64>> {
    pool(num_threads).unwrap().install(|| quantiles(images, levels, true, &AtomicBool::new(false))).unwrap()
}

/// The pixels of one channel.
fn channel<T: Copy>(pixels: &[T], [_, n_c, n_y, n_x]: [usize; 4], is_interleaved: bool, channel: usize) -> Vec<T> {
    let of = |place: usize| if is_interleaved { place % n_c } else { place / (n_y * n_x) % n_c };
    pixels.iter().enumerate().filter(|(place, _)| of(*place) == channel).map(|(_, pixel)| *pixel).collect()
}

proptest! {
    #[test]
    fn integers_are_summed_and_ranked_exactly(
        shape in [1..4usize, 1..6usize, 1..40usize, 1..70usize],
        is_interleaved: bool,
        seed: i16,
        num_threads in 1..4usize,
    ) {
        let n = shape.iter().product::<usize>();
        let pixels: Vec<i16> = (0..n).map(|i| (i as i16).wrapping_mul(seed | 1).wrapping_mul(7919)).collect();
        let images = [image(&pixels, PixelType::I16, shape, is_interleaved)];
        let found = computed(&images, num_threads);
        let ranked = quantiles_of(&images, &[0.0, 0.5, 1.0], num_threads);
        for (c, ranked) in ranked.iter().enumerate() {
            let mut pixels = channel(&pixels, shape, is_interleaved, c);
            pixels.sort_unstable();
            let n = pixels.len() as i64;
            let sum = pixels.iter().map(|pixel| i64::from(*pixel)).sum::<i64>();
            let squares = pixels.iter().map(|pixel| i64::from(*pixel).pow(2)).sum::<i64>();
            prop_assert_eq!(found.mean[c], sum as f64 / n as f64);
            prop_assert_eq!(found.std[c], ((n * squares - sum * sum) as f64 / n as f64 / n as f64).sqrt());
            let pixels: Vec<f64> = pixels.into_iter().map(f64::from).collect();
            let n = pixels.len();
            let (min, median, max) = (pixels[0], f64::midpoint(pixels[(n - 1) / 2], pixels[n / 2]), pixels[n - 1]);
            prop_assert_eq!((found.min[c], found.max[c]), (min, max));
            prop_assert_eq!(ranked, &[min, median, max]);
        }
    }

    #[test]
    fn floats_are_the_same_bits_side_by_side_or_apart(
        shape in [1..3usize, 2..5usize, 1..40usize, 1..70usize],
        num_threads in 1..4usize,
    ) {
        let [n_t, n_c, n_y, n_x] = shape;
        let n = n_t * n_c * n_y * n_x;
        let apart: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() * 1e3).collect();
        let mut side_by_side = vec![0.0; n];
        for (place, pixel) in apart.iter().enumerate() {
            let (t, c, yx) = (place / (n_c * n_y * n_x), place / (n_y * n_x) % n_c, place % (n_y * n_x));
            side_by_side[(t * n_y * n_x + yx) * n_c + c] = *pixel;
        }
        let expected = computed(&[image(&apart, PixelType::F32, shape, false)], 1);
        prop_assert_eq!(computed(&[image(&side_by_side, PixelType::F32, shape, true)], num_threads), expected);
    }
}

/// Mean and standard deviation of rows that hold nothing but one number.
fn constant<T: Copy>(pixel: T, pixel_type: PixelType) -> (f64, f64) {
    let pixels = vec![pixel; 2 * 70_000];
    let found = computed(&[image(&pixels, pixel_type, [1, 1, 2, 70_000], false)], 1);
    assert_eq!(found.min, found.max);
    (found.mean[0], found.std[0])
}

#[test]
fn no_sum_of_the_largest_numbers_overflows() {
    assert_eq!(constant(u8::MAX, PixelType::U8), (255.0, 0.0));
    assert_eq!(constant(u16::MAX, PixelType::U16), (65535.0, 0.0));
    assert_eq!(constant(i16::MIN, PixelType::I16), (-32768.0, 0.0));
    assert_eq!(constant(u32::MAX, PixelType::U32), (f64::from(u32::MAX), 0.0));
    assert_eq!(constant(i32::MIN, PixelType::I32), (f64::from(i32::MIN), 0.0));
    assert_eq!(constant(1u64 << 53, PixelType::U64), (9_007_199_254_740_992.0, 0.0));
    assert_eq!(constant(-(1i64 << 53), PixelType::I64), (-9_007_199_254_740_992.0, 0.0));
}

#[test]
fn no_key_of_the_most_extreme_numbers_overflows() {
    let pixels = [-(1i64 << 53), 0, 1 << 53, i64::from(u32::MAX)];
    let images = [image(&pixels, PixelType::I64, [1, 1, 2, 2], false)];
    assert_eq!(quantiles_of(&images, &[0.0, 1.0], 2), [[-9_007_199_254_740_992.0, 9_007_199_254_740_992.0]]);
    let pixels = [f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 0.0, -0.0];
    let images = [image(&pixels, PixelType::F64, [1, 1, 2, 2], false)];
    assert_eq!(quantiles_of(&images, &[0.0, 0.5, 1.0], 2), [[-f64::MIN_POSITIVE, 0.0, f64::MIN_POSITIVE]]);
}

#[test]
fn who_asks_to_stop_is_heard() {
    let pixels = vec![f32::NAN; 100];
    let images = [image(&pixels, PixelType::F32, [1, 1, 10, 10], false)];
    let cancel = AtomicBool::new(true);
    assert_eq!(statistics(&images, true, &cancel), Err(Error::Cancelled));
    assert_eq!(quantiles(&images, &[0.5], true, &cancel), Err(Error::Cancelled));
}
