//! Transposing a block of pixels: the part of a quarter turn that compilers do not turn into vectors by themselves.

use crate::vectors::kind;

/// The side of the blocks in which a transposed patch is made: one line of cache in float32.
pub(super) const BLOCK: usize = 16;

/// A square block of pixels.
pub(super) type Block = [[f32; BLOCK]; BLOCK];

/// A way to transpose a block.
pub(super) trait Transpose {
    /// Writes the columns of `block` as rows, the first one at `out` and each next one `stride` pixels further.
    ///
    /// # Safety
    ///
    /// The rows must be writable, and the processor must have what the way asks for.
    unsafe fn transpose_into(block: &Block, out: *mut f32, stride: isize);
}

/// Pixel by pixel, for any processor.
impl Transpose for kind::Plain {
    #[inline(always)]
    unsafe fn transpose_into(block: &Block, out: *mut f32, stride: isize) {
        for x in 0..BLOCK {
            let column = block.map(|row| row[x]);
            // SAFETY: the caller vouches for the rows.
            unsafe { out.offset(x as isize * stride).cast::<[f32; BLOCK]>().write_unaligned(column) };
        }
    }
}

/// In the registers of AVX2: eight rows by four columns at a time.
#[cfg(target_arch = "x86_64")]
impl Transpose for kind::Avx2 {
    #[inline(always)]
    unsafe fn transpose_into(block: &Block, out: *mut f32, stride: isize) {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn eight_by_four(block: &Block, y: usize, x: usize, out: *mut f32, stride: isize) {
            use std::arch::x86_64::{
                _mm_loadu_ps, _mm256_castpd_ps, _mm256_castps_pd, _mm256_castps128_ps256, _mm256_insertf128_ps,
                _mm256_storeu_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps, _mm256_unpacklo_pd, _mm256_unpacklo_ps,
            };
            // Two rows in one register, four apart, so that no pixel has to leave its half of it.
            let rows = |i: usize| {
                let four = |row: usize| {
                    let pixels: &[f32; 4] = block[y + row][x..].first_chunk().expect("x is at most 12");
                    // SAFETY: there are four pixels.
                    unsafe { _mm_loadu_ps(pixels.as_ptr()) }
                };
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(four(i)), four(i + 4))
            };
            let (a, b, c, d) = (rows(0), rows(1), rows(2), rows(3));
            let (low_ab, high_ab) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (low_cd, high_cd) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let pair = |ab, cd| {
                let (ab, cd) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
                [_mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)), _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd))]
            };
            let columns = [pair(low_ab, low_cd), pair(high_ab, high_cd)];
            for (column, &pixels) in columns.as_flattened().iter().enumerate() {
                // SAFETY: the caller vouches for the rows.
                unsafe { _mm256_storeu_ps(out.offset((x + column) as isize * stride).add(y), pixels) };
            }
        }
        for y in [0, 8] {
            for x in [0, 4, 8, 12] {
                // SAFETY: the caller vouches for AVX2 and the rows.
                unsafe { eight_by_four(block, y, x, out, stride) };
            }
        }
    }
}

/// In the registers of AVX-512: sixteen rows by four columns at a time.
#[cfg(target_arch = "x86_64")]
impl Transpose for kind::Avx512 {
    #[inline(always)]
    unsafe fn transpose_into(block: &Block, out: *mut f32, stride: isize) {
        #[inline]
        #[target_feature(enable = "avx512f,avx512dq")]
        unsafe fn sixteen_by_four(block: &Block, x: usize, out: *mut f32, stride: isize) {
            use std::arch::x86_64::{
                _mm_loadu_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castps128_ps512, _mm512_insertf32x4,
                _mm512_storeu_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
            };
            // Four rows in one register, four apart, so that no pixel has to leave its quarter of it.
            let rows = |i: usize| {
                let four = |row: usize| {
                    let pixels: &[f32; 4] = block[row][x..].first_chunk().expect("x is at most 12");
                    // SAFETY: there are four pixels.
                    unsafe { _mm_loadu_ps(pixels.as_ptr()) }
                };
                let rows = _mm512_insertf32x4::<1>(_mm512_castps128_ps512(four(i)), four(i + 4));
                _mm512_insertf32x4::<3>(_mm512_insertf32x4::<2>(rows, four(i + 8)), four(i + 12))
            };
            let (a, b, c, d) = (rows(0), rows(1), rows(2), rows(3));
            let (low_ab, high_ab) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (low_cd, high_cd) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let pair = |ab, cd| {
                let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
                [_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd))]
            };
            let columns = [pair(low_ab, low_cd), pair(high_ab, high_cd)];
            for (column, &pixels) in columns.as_flattened().iter().enumerate() {
                // SAFETY: the caller vouches for the rows.
                unsafe { _mm512_storeu_ps(out.offset((x + column) as isize * stride), pixels) };
            }
        }
        for x in [0, 4, 8, 12] {
            // SAFETY: the caller vouches for AVX-512 and the rows.
            unsafe { sixteen_by_four(block, x, out, stride) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Vectors;

    /// Transposes a block upwards in memory, as a flip asks for, and downwards.
    fn transposed<V: Transpose>() -> [Block; 2] {
        let block: Block = std::array::from_fn(|y| std::array::from_fn(|x| (BLOCK * y + x) as f32));
        let mut columns = [[[f32::NAN; BLOCK]; BLOCK]; 2];
        // SAFETY: there is a row for every column, and the caller asked the processor.
        unsafe {
            V::transpose_into(&block, columns[0].as_mut_ptr().cast(), BLOCK as isize);
            V::transpose_into(&block, columns[1][BLOCK - 1].as_mut_ptr(), -(BLOCK as isize));
        }
        columns[1].reverse();
        columns
    }

    #[test]
    fn every_way_exchanges_rows_and_columns() {
        let expected: Block = std::array::from_fn(|y| std::array::from_fn(|x| (BLOCK * x + y) as f32));
        for vectors in Vectors::all() {
            let columns = match vectors {
                Vectors::Plain => transposed::<kind::Plain>(),
                #[cfg(target_arch = "x86_64")]
                Vectors::Avx2 => transposed::<kind::Avx2>(),
                #[cfg(target_arch = "x86_64")]
                Vectors::Avx512 => transposed::<kind::Avx512>(),
            };
            assert_eq!(columns, [expected; 2], "{vectors:?}");
        }
    }
}
