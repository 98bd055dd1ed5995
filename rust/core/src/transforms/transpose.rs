//! Transposing a block of pixels: the part of a quarter turn that compilers do not turn into vectors by themselves.

/// The side of the blocks in which a transposed patch is made: one line of cache in float32.
pub(super) const BLOCK: usize = 16;

/// A square block of pixels.
pub(super) type Block = [[f32; BLOCK]; BLOCK];

/// A way to transpose a block.
pub(super) trait Transpose {
    /// Writes the columns of `block` as rows.
    ///
    /// # Safety
    ///
    /// The processor must have what the way asks for.
    unsafe fn transpose(block: &Block, columns: &mut Block);
}

/// Pixel by pixel, for any processor.
pub(super) struct Plain;

impl Transpose for Plain {
    #[inline(always)]
    unsafe fn transpose(block: &Block, columns: &mut Block) {
        for (y, row) in block.iter().enumerate() {
            for (x, &pixel) in row.iter().enumerate() {
                columns[x][y] = pixel;
            }
        }
    }
}

/// In blocks of 8 x 8 in the registers of AVX2.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Transpose for Avx2 {
    #[inline(always)]
    unsafe fn transpose(block: &Block, columns: &mut Block) {
        for y in [0, 8] {
            for x in [0, 8] {
                // SAFETY: the caller vouches for AVX2.
                unsafe { transpose_8x8(block, columns, y, x) };
            }
        }
    }
}

/// Transposes the 8 x 8 pixels from (y, x) on: pairs of rows are interleaved by one, then by two pixels, and then
/// their halves change places.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_8x8(block: &Block, columns: &mut Block, y: usize, x: usize) {
    use std::arch::x86_64::{
        _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps,
    };
    let row = |i: usize| {
        let pixels: &[f32; 8] = block[y + i][x..].first_chunk().expect("the block is 16 wide, and x is 0 or 8");
        // SAFETY: there are eight pixels.
        unsafe { _mm256_loadu_ps(pixels.as_ptr()) }
    };
    let pair = |i: usize| (_mm256_unpacklo_ps(row(i), row(i + 1)), _mm256_unpackhi_ps(row(i), row(i + 1)));
    let four = |i: usize| {
        let ((low_a, high_a), (low_b, high_b)) = (pair(i), pair(i + 2));
        [
            _mm256_shuffle_ps::<0x44>(low_a, low_b),
            _mm256_shuffle_ps::<0xEE>(low_a, low_b),
            _mm256_shuffle_ps::<0x44>(high_a, high_b),
            _mm256_shuffle_ps::<0xEE>(high_a, high_b),
        ]
    };
    let (upper, lower) = (four(0), four(4));
    for i in 0..4 {
        let halves = [
            (i, _mm256_permute2f128_ps::<0x20>(upper[i], lower[i])),
            (i + 4, _mm256_permute2f128_ps::<0x31>(upper[i], lower[i])),
        ];
        for (column, pixels) in halves {
            let out: &mut [f32; 8] =
                columns[x + column][y..].first_chunk_mut().expect("the block is 16 wide, and y is 0 or 8");
            // SAFETY: there is room for eight pixels.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), pixels) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_the_plain_one() {
        let block: Block = std::array::from_fn(|y| std::array::from_fn(|x| (16 * y + x) as f32));
        let mut plain = [[f32::NAN; BLOCK]; BLOCK];
        // SAFETY: the plain way asks for nothing.
        unsafe { Plain::transpose(&block, &mut plain) };
        assert!((0..BLOCK).all(|y| (0..BLOCK).all(|x| plain[x][y] == block[y][x])));
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            let mut fast = [[f32::NAN; BLOCK]; BLOCK];
            // SAFETY: the processor was asked.
            unsafe { Avx2::transpose(&block, &mut fast) };
            assert_eq!(fast, plain);
        }
    }
}
