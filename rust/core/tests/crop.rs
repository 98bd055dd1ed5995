//! The fused kernel against its definition, pixel by pixel, over layouts and orientations.

use patchmill_core::patching::Region;
use patchmill_core::sources::{Image, PixelType};
use patchmill_core::transforms::{Affine, Ahead, Orientation, crop_into};
use proptest::prelude::*;

/// An image of the axes C, Z, Y, X whose axes lie in memory in any order and direction.
#[derive(Debug, Clone)]
struct Layout {
    shape: [usize; 4],
    /// The axes from the slowest to the fastest.
    order: [usize; 4],
    is_reversed: [bool; 4],
    /// Bytes before the first element, so that elements need not be aligned.
    offset: usize,
}

impl Layout {
    fn strides(&self, element: usize) -> [isize; 4] {
        let mut strides = [0; 4];
        let mut step = element as isize;
        for &axis in self.order.iter().rev() {
            strides[axis] = if self.is_reversed[axis] { -step } else { step };
            step *= self.shape[axis] as isize;
        }
        strides
    }

    /// Where the pixel (0, 0, 0, 0) lies.
    fn first(&self, strides: [isize; 4]) -> usize {
        let back = (0..4).filter(|&axis| self.is_reversed[axis]);
        back.fold(self.offset, |first, axis| first + (self.shape[axis] - 1) * strides[axis].unsigned_abs())
    }

    /// The image over `bytes`, and the value of each of its pixels.
    fn image(&self, bytes: &[u8]) -> (Image, impl Fn([usize; 4]) -> u16) {
        let strides = self.strides(2);
        let first = self.first(strides);
        let [n_c, n_z, n_y, n_x] = self.shape;
        let [step_c, step_z, step_y, step_x] = strides;
        // SAFETY: shape and strides are those of the elements in `bytes`, which outlives the image.
        let image = unsafe {
            Image::new(
                "image",
                bytes.as_ptr().add(first),
                PixelType::U16,
                [1, 1, n_c, n_z, n_y, n_x],
                [0, 0, step_c, step_z, step_y, step_x],
            )
        };
        let bytes = bytes.to_vec();
        let pixel = move |index: [usize; 4]| {
            let place = index.iter().zip(strides).fold(first as isize, |place, (&i, step)| place + i as isize * step);
            u16::from_ne_bytes([bytes[place as usize], bytes[place as usize + 1]])
        };
        (image.unwrap(), pixel)
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    let shape = [1..=3usize, 1..=3, 1..=40, 1..=40];
    (shape, Just([0, 1, 2, 3]).prop_shuffle(), any::<[bool; 4]>(), 0..4usize)
        .prop_map(|(shape, order, is_reversed, offset)| Layout { shape, order, is_reversed, offset })
}

fn orientations() -> impl Strategy<Value = Orientation> {
    any::<[bool; 3]>().prop_map(|[transpose, flip_y, flip_x]| Orientation { transpose, flip_y, flip_x })
}

proptest! {
    #[test]
    fn crops_are_what_the_orientation_says(
        layout in layouts(),
        orientation in orientations(),
        place in any::<[prop::sample::Index; 3]>(),
        extent in any::<[prop::sample::Index; 3]>(),
        seed: u8,
    ) {
        let n_bytes = layout.offset + 2 * layout.shape.iter().product::<usize>();
        let bytes: Vec<u8> = (0..n_bytes).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
        let (image, pixel) = layout.image(&bytes);
        let n_channels = layout.shape[0];
        let size: [usize; 3] = std::array::from_fn(|axis| 1 + extent[axis].index(layout.shape[1 + axis]));
        let origin = std::array::from_fn(|axis| place[axis].index(layout.shape[1 + axis] - size[axis] + 1));
        let affines: Vec<Affine> = (0..n_channels).map(|c| Affine::new(100.5 + c as f64, 0.37)).collect();
        let mut out = vec![f32::NAN; n_channels * size.iter().product::<usize>()];
        crop_into(&image, &Region { image: 0, sample: 0, origin }, size, orientation, &affines, &mut out, &mut Ahead::nothing());

        let [depth, height, width] = size;
        let (out_height, out_width) = if orientation.transpose { (width, height) } else { (height, width) };
        let mut got = out.iter();
        for (c, affine) in affines.iter().enumerate() {
            for z in 0..depth {
                for y in 0..out_height {
                    for x in 0..out_width {
                        let (a, b) = if orientation.transpose { (x, y) } else { (y, x) };
                        let a = if orientation.flip_y { height - 1 - a } else { a };
                        let b = if orientation.flip_x { width - 1 - b } else { b };
                        let value = pixel([c, origin[0] + z, origin[1] + a, origin[2] + b]);
                        prop_assert_eq!(*got.next().unwrap(), affine.narrow(f32::from(value)));
                    }
                }
            }
        }
    }
}
