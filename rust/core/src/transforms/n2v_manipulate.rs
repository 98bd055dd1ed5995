//! Noise2Void's pixel masking: Krull, Buchholz and Jug, "Noise2Void - learning denoising from single noisy images"
//! (CVPR 2019), and the median of N2V2: Höck, Buchholz, Brachmann, Jug and Freytag (ECCV workshops 2022).
//! The patterns of structN2V are in [`super::struct_pattern`].

use super::median::Window;
use super::struct_pattern::StructPattern;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream, below_half, unit_half};

/// What a masked pixel is replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum N2vStrategy {
    /// A pixel drawn from the region of interest around it, outside of its own row, column and plane, and then clamped
    /// to the patch: in a corner of it, it may be itself.
    Uniform,
    /// The median of the region of interest around it, without its centre and the pattern, if there is one. Beyond the
    /// patch, its border pixels are repeated: the median of one of them may contain itself.
    Median,
}

/// The masking of pixels, one in every cell of a grid laid over the patch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct N2vManipulate {
    strategy: N2vStrategy,
    /// How far the region of interest reaches to each side along Z, Y and X.
    reach: [usize; 3],
    /// The side of a cell, along the axes that the patch has.
    cell: [f64; 3],
    /// What is overwritten around masked pixels.
    pattern: Option<StructPattern>,
}

/// One masked pixel of a patch as it was drawn: where it is and, for the uniform strategy, what replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedPixel {
    /// The number of its cell; those of one channel come after those of the channel before.
    pub cell: u64,
    /// Its position along Z, Y and X.
    pub position: [usize; 3],
    /// The position of the pixel drawn to replace it.
    pub replacement: [usize; 3],
}

impl N2vManipulate {
    /// A masking of `masked_pixel_percentage` percent of the pixels. `roi_size` is the side of the region of interest
    /// in pixels; `is_3d` tells whether patches have a Z axis of their own.
    ///
    /// # Errors
    ///
    /// If `roi_size` is even or below three, or the percentage is not above 0 and at most 100.
    pub fn new(strategy: N2vStrategy, roi_size: usize, masked_pixel_percentage: f64, is_3d: bool) -> Result<Self> {
        if roi_size < 3 || roi_size.is_multiple_of(2) {
            return Err(Error::Argument {
                argument: "roi_size",
                expected: "an odd number of at least 3".into(),
                got: roi_size.to_string(),
            });
        }
        if !(masked_pixel_percentage > 0.0 && masked_pixel_percentage <= 100.0) {
            return Err(Error::Argument {
                argument: "masked_pixel_percentage",
                expected: "a number above 0 and at most 100".into(),
                got: masked_pixel_percentage.to_string(),
            });
        }
        let pixels_per_cell = 100.0 / masked_pixel_percentage;
        let side = if is_3d { pixels_per_cell.cbrt() } else { pixels_per_cell.sqrt() };
        // Rounded to float32, so that all mathematics libraries agree on it.
        let side = f64::from(side as f32);
        let reach = roi_size / 2;
        Ok(Self {
            strategy,
            reach: [if is_3d { reach } else { 0 }, reach, reach],
            cell: [if is_3d { side } else { 1.0 }, side, side],
            pattern: None,
        })
    }

    /// The same with a pattern of structN2V around each masked pixel.
    ///
    /// # Errors
    ///
    /// If the median is asked for and the pattern leaves nothing of the region of interest.
    pub fn with_pattern(self, pattern: StructPattern) -> Result<Self> {
        if self.strategy == N2vStrategy::Median && pattern.places_in(self.reach).len() == self.roi_len() {
            return Err(Error::Argument {
                argument: "struct_span",
                expected: format!("less than roi_size, {}, so that the median has pixels left", 2 * self.reach[2] + 1),
                got: pattern.span().to_string(),
            });
        }
        Ok(Self { pattern: Some(pattern), ..self })
    }

    /// Whether patches have a Z axis of their own.
    pub fn is_3d(&self) -> bool {
        self.reach[0] > 0
    }

    fn roi_len(&self) -> usize {
        self.reach.map(|reach| 2 * reach + 1).iter().product()
    }

    /// Draws the masked pixels of one channel of a patch of `size` (Z, Y, X): one per cell, those that fall off the
    /// patch at its far ends left out.
    ///
    /// A cell uses one block of random words, one word per axis: its upper half places the pixel in the cell, its lower
    /// half the replacement in the region of interest.
    pub fn draw_masked_pixels(
        &self,
        stream: &Stream,
        channel: usize,
        size: [usize; 3],
        mut visit: impl FnMut(MaskedPixel),
    ) {
        let n_cells: [usize; 3] = std::array::from_fn(|axis| (size[axis] as f64 / self.cell[axis]).ceil() as usize);
        let first = channel * n_cells.iter().product::<usize>();
        let (mut n_drawn, mut words) = (0, [[0; 4]; CELLS]);
        for z in 0..n_cells[0] {
            for y in 0..n_cells[1] {
                for x in 0..n_cells[2] {
                    let cell = [z, y, x];
                    if n_drawn % CELLS == 0 {
                        words = stream.blocks((first + n_drawn) as u64);
                    }
                    let words = &words[n_drawn % CELLS];
                    let position: [usize; 3] = std::array::from_fn(|axis| {
                        let within = unit_half((words[axis] >> 32) as u32);
                        ((cell[axis] as f64 + within) * self.cell[axis]) as usize
                    });
                    if (0..3).all(|axis| position[axis] < size[axis]) {
                        let replacement = std::array::from_fn(|axis| {
                            replace(position[axis], self.reach[axis], size[axis], words[axis] as u32)
                        });
                        visit(MaskedPixel { cell: (first + n_drawn) as u64, position, replacement });
                    }
                    n_drawn += 1;
                }
            }
        }
    }

    /// Makes the masked patch and its mask (1 at masked pixels, else 0). All have the axes C, Z, Y, X; `size` is that
    /// of Z, Y and X. The stream is that of the item's masks.
    ///
    /// The patterns, if there are any, are overwritten when all masked pixels of a channel have been replaced: a masked
    /// pixel in the pattern of another one loses its replacement, and remains masked.
    ///
    /// # Panics
    ///
    /// If the slices are of different lengths, or not of whole channels.
    pub fn manipulate_into(
        &self,
        original: &[f32],
        size: [usize; 3],
        stream: &Stream,
        masked: &mut [f32],
        mask: &mut [u8],
    ) {
        let n_pixels = size.iter().product();
        assert!(original.len() == masked.len() && original.len() == mask.len());
        assert!(original.len().is_multiple_of(n_pixels));
        masked.copy_from_slice(original);
        mask.fill(0);
        let flat = |[z, y, x]: [usize; 3]| (z * size[1] + y) * size[2] + x;
        let in_pattern = self.pattern.filter(|_| self.strategy == N2vStrategy::Median);
        let (centre, in_pattern) = ([self.roi_len() / 2], in_pattern.map(|pattern| pattern.places_in(self.reach)));
        let left_out = in_pattern.as_deref().unwrap_or(&centre);
        let mut roi = Window::default();
        let channels = original.chunks_exact(n_pixels).zip(masked.chunks_exact_mut(n_pixels));
        for (channel, ((original, masked), mask)) in channels.zip(mask.chunks_exact_mut(n_pixels)).enumerate() {
            self.draw_masked_pixels(stream, channel, size, |MaskedPixel { position, replacement, .. }| {
                mask[flat(position)] = 1;
                masked[flat(position)] = match self.strategy {
                    N2vStrategy::Uniform => original[flat(replacement)],
                    N2vStrategy::Median => roi.median(original, size, position, self.reach, left_out),
                };
            });
            if let Some(pattern) = self.pattern {
                self.overwrite_patterns(pattern, original, size, stream, channel, masked);
            }
        }
    }

    // Compiled into its caller, it would slow down masks without a pattern.
    #[inline(never)]
    fn overwrite_patterns(
        &self,
        pattern: StructPattern,
        original: &[f32],
        size: [usize; 3],
        stream: &Stream,
        channel: usize,
        masked: &mut [f32],
    ) {
        let mut overwriting = pattern.overwriting(original, stream.of(Purpose::Struct));
        self.draw_masked_pixels(stream, channel, size, |pixel| overwriting.around(&pixel, size, masked));
    }
}

/// Cells whose words are drawn together, so that the processor has other work while one multiplication waits.
const CELLS: usize = 2;

/// The position of a replacement along one axis: at most `reach` away, never the position itself unless the border
/// clamps it there.
#[inline(always)]
fn replace(position: usize, reach: usize, size: usize, word: u32) -> usize {
    if reach == 0 {
        return position;
    }
    let step = below_half(word, 2 * reach as u32) as usize;
    // Steps are -reach, ..., -1, 1, ..., reach.
    let step = if step < reach { step } else { step + 1 };
    (position + step).saturating_sub(reach).min(size - 1)
}
