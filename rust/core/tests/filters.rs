//! Scores of patch filters against their definitions, with overflow checks, for pixels that lie in any order.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use patchmill_core::patching::{PatchFilter, filter_cells};
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::threads::pool;
use patchmill_core::{Error, Result};
use proptest::prelude::*;

/// An image of Z, Y, X over elements that lie in that order, or in that of Z, X, Y.
fn image<T>(pixels: &[T], pixel_type: PixelType, [n_z, n_y, n_x]: [usize; 3], is_turned: bool) -> Image {
    assert_eq!(pixels.len(), n_z * n_y * n_x);
    let [z, y, x] = if is_turned { [n_y * n_x, 1, n_y] } else { [n_y * n_x, n_x, 1] };
    let strides = [0, 0, 0, z, y, x].map(|stride| (stride * size_of::<T>()) as isize);
    // SAFETY: shape and strides are those of `pixels`, which the tests keep.
    unsafe { Image::new("image", pixels.as_ptr().cast(), pixel_type, [1, 1, 1, n_z, n_y, n_x], strides) }.unwrap()
}

fn scores(image: &Image, patch: [usize; 3], filter: PatchFilter, num_threads: usize) -> Result<Vec<f64>> {
    let images = [image.clone()];
    pool(num_threads).unwrap().install(|| filter_cells(&images, patch, 0, filter, &AtomicBool::new(false)))
}

/// The places 0, p, 2p, ... and size - p.
fn origins(size: usize, patch: usize) -> Vec<usize> {
    (0..size.div_ceil(patch)).map(|place| (place * patch).min(size - patch)).collect()
}

/// The patches of the grid, each with its pixels in the order of Z, Y, X.
fn patches<T: Copy>(pixels: &[T], size: [usize; 3], patch: [usize; 3], is_turned: bool) -> Vec<Vec<T>> {
    let at = |z: usize, y: usize, x: usize| {
        let within = if is_turned { x * size[1] + y } else { y * size[2] + x };
        pixels[z * size[1] * size[2] + within]
    };
    let [along_z, along_y, along_x] = std::array::from_fn(|axis| origins(size[axis], patch[axis]));
    let mut patches = Vec::new();
    for &z in &along_z {
        for &y in &along_y {
            for &x in &along_x {
                let places = (0..patch[0]).flat_map(|dz| (0..patch[1]).map(move |dy| (dz, dy)));
                let places = places.flat_map(|(dz, dy)| (0..patch[2]).map(move |dx| (dz, dy, dx)));
                patches.push(places.map(|(dz, dy, dx)| at(z + dz, y + dy, x + dx)).collect());
            }
        }
    }
    patches
}

/// The share of the pixels with one above the threshold in their window.
fn share_near_bright(pixels: &[i16], patch: [usize; 3], threshold: f64) -> f64 {
    let place = |i: usize| [i / (patch[1] * patch[2]), i / patch[2] % patch[1], i % patch[2]];
    let is_near = |a: usize, b: usize| {
        (0..3).all(|axis| {
            let window = (patch[axis] / 2).max(1) as i64;
            let distance = place(b)[axis] as i64 - place(a)[axis] as i64;
            (-(window / 2)..window - window / 2).contains(&distance)
        })
    };
    let is_bright = |pixel: usize| f64::from(pixels[pixel]) > threshold;
    let n_near = (0..pixels.len()).filter(|&a| (0..pixels.len()).any(|b| is_bright(b) && is_near(a, b))).count();
    n_near as f64 / pixels.len() as f64
}

proptest! {
    #[test]
    fn scores_are_those_of_the_definitions(
        patch in [1..4usize, 1..8usize, 1..9usize],
        more in [0..3usize, 0..9usize, 0..9usize],
        is_turned: bool,
        seed: i16,
        n_values in 1..300i16,
        threshold in -310f64..310.0,
        num_threads in 1..4usize,
    ) {
        let size: [usize; 3] = std::array::from_fn(|axis| patch[axis] + more[axis]);
        let n = size.iter().product::<usize>();
        let pixels: Vec<i16> =
            (0..n).map(|i| (i as i16).wrapping_mul(seed | 1).wrapping_mul(7919) % n_values).collect();
        let image = image(&pixels, PixelType::I16, size, is_turned);
        let near = scores(&image, patch, PatchFilter::Max { threshold }, num_threads).unwrap();
        let moments = scores(&image, patch, PatchFilter::MeanStd, num_threads).unwrap();
        let entropies = scores(&image, patch, PatchFilter::Shannon, num_threads).unwrap();
        let inside = scores(&image, patch, PatchFilter::Mask, num_threads).unwrap();
        let patches = patches(&pixels, size, patch, is_turned);
        prop_assert_eq!([near.len(), moments.len() / 2, entropies.len(), inside.len()], [patches.len(); 4]);
        for (place, pixels) in patches.iter().enumerate() {
            let n = pixels.len() as f64;
            prop_assert_eq!(near[place], share_near_bright(pixels, patch, threshold));
            let sum = pixels.iter().map(|pixel| i64::from(*pixel)).sum::<i64>();
            let squares = pixels.iter().map(|pixel| i64::from(*pixel).pow(2)).sum::<i64>();
            let variance = (pixels.len() as i64 * squares - sum * sum) as f64 / n / n;
            prop_assert_eq!(&moments[2 * place..][..2], &[sum as f64 / n, variance.sqrt()]);
            let mut counts = BTreeMap::new();
            for pixel in pixels {
                *counts.entry(pixel).or_insert(0.0) += 1.0;
            }
            let entropy = counts.values().map(|count: &f64| count / n * (n / count).log2()).sum::<f64>();
            prop_assert!((entropies[place] - entropy).abs() < 1e-12);
            let n_inside = pixels.iter().filter(|pixel| **pixel != 0).count();
            prop_assert_eq!(inside[place], n_inside as f64 / n);
        }
    }

    #[test]
    fn values_of_many_bits_are_counted_as_those_of_few(
        patch in [1..3usize, 1..20usize, 1..20usize],
        n_values in 1..500u64,
        factor: u64,
    ) {
        let pixels: Vec<u16> = (0..patch.iter().product::<usize>() as u64).map(|i| (i * i % n_values) as u16).collect();
        // Odd factors keep numbers of 52 bits apart.
        let widened = |pixel: &u16| u64::from(*pixel).wrapping_mul(factor | 1) & ((1 << 52) - 1);
        let wide: Vec<u64> = pixels.iter().map(widened).collect();
        let of_few = scores(&image(&pixels, PixelType::U16, patch, false), patch, PatchFilter::Shannon, 1);
        let of_many = scores(&image(&wide, PixelType::U64, patch, false), patch, PatchFilter::Shannon, 1);
        prop_assert_eq!(of_few, of_many);
    }
}

#[test]
fn images_of_several_types_are_scored_together() {
    let (narrow, wide) = ([1u16, 2, 2, 1], [1.0f32, 2.0, 3.0, 4.0]);
    let size = [1, 2, 2];
    let (narrow, wide) = (image(&narrow, PixelType::U16, size, false), image(&wide, PixelType::F32, size, false));
    let images = [narrow.clone(), wide.clone(), narrow, wide];
    let found = filter_cells(&images, size, 0, PatchFilter::Shannon, &AtomicBool::new(false));
    assert_eq!(found, Ok(vec![1.0, 2.0, 1.0, 2.0]));
}

#[test]
fn pixels_that_are_no_exact_float64_are_refused() {
    let size = [1, 8, 8];
    let mut pixels = [0; 64];
    pixels[21..23].fill(1u64 << 60);
    let image = image(&pixels, PixelType::U64, size, false);
    for filter in [PatchFilter::Max { threshold: 0.0 }, PatchFilter::MeanStd, PatchFilter::Shannon, PatchFilter::Mask] {
        let found = scores(&image, size, filter, 1);
        assert!(matches!(found, Err(Error::BadPixel { .. })), "{filter:?}: {found:?}");
    }
}

#[test]
fn who_asks_to_stop_is_heard() {
    let pixels = [f32::NAN; 100];
    let images = [image(&pixels, PixelType::F32, [1, 10, 10], false)];
    for filter in [PatchFilter::Max { threshold: 0.0 }, PatchFilter::MeanStd, PatchFilter::Shannon, PatchFilter::Mask] {
        assert_eq!(filter_cells(&images, [1, 5, 5], 0, filter, &AtomicBool::new(true)), Err(Error::Cancelled));
    }
}
