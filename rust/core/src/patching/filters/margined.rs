//! A byte for each pixel of a patch, and windows over them.

use std::ops::Range;

use crate::vectors::lanes;

/// The bytes of a patch with zeros around them, so many that a window at any pixel ends before the next row, plane or the
/// end.
pub(super) struct Margined<'a> {
    bytes: &'a mut [u8],
    size: [usize; 3],
    window: [usize; 3],
    /// How far a row, and a plane, is from the next.
    row: usize,
    plane: usize,
}

impl<'a> Margined<'a> {
    pub(super) fn new(size: [usize; 3], window: [usize; 3], bytes: &'a mut Vec<u8>) -> Self {
        let [depth, height, width]: [usize; 3] = std::array::from_fn(|axis| size[axis] + window[axis] - 1);
        bytes.clear();
        bytes.resize(depth * height * width, 0);
        Self { bytes, size, window, row: width, plane: height * width }
    }

    /// The bytes of a row. Windows begin half their size before their pixel, and so do pixels after the zeros.
    #[inline(always)]
    pub(super) fn row_mut(&mut self, z: usize, y: usize) -> &mut [u8] {
        let [margin_z, margin_y, margin_x] = self.window.map(|length| length / 2);
        let start = (z + margin_z) * self.plane + (y + margin_y) * self.row + margin_x;
        &mut self.bytes[start..][..self.size[2]]
    }

    /// Sets each byte of the patch if there is one in its window. It moves to where the window begins.
    #[inline(always)]
    pub(super) fn widened(&mut self) -> &Self {
        let [window_z, window_y, window_x] = self.window;
        for plane in self.bytes.chunks_exact_mut(self.plane).skip(window_z / 2).take(self.size[0]) {
            widen(&mut plane[window_y / 2 * self.row..][..self.size[1] * self.row], 1, window_x);
            widen(plane, self.row, window_y);
        }
        widen(self.bytes, self.plane, window_z);
        self
    }

    /// The bytes of the patch that are set, where its windows begin.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        let [depth, height, width] = self.size;
        let mut n_set = 0;
        for plane in self.bytes.chunks_exact(self.plane).take(depth) {
            for row in plane.chunks_exact(self.row).take(height) {
                n_set += row[..width].iter().map(|byte| u32::from(*byte)).sum::<u32>() as usize;
            }
        }
        n_set
    }
}

/// Sets each byte if one of `window` bytes from it on, `step` apart, is set.
#[inline(always)]
fn widen(bytes: &mut [u8], step: usize, window: usize) {
    let mut reach = 1;
    while reach < window {
        let further = reach.min(window - reach);
        or_ahead(bytes, further * step);
        reach += further;
    }
}

/// Sets each byte if the one `distance` ahead is set.
#[inline(always)]
fn or_ahead(bytes: &mut [u8], distance: usize) {
    let n = bytes.len() - distance;
    let n_wide = or_ahead_in_lanes::<64>(bytes, distance, 0..n);
    let n_narrow = or_ahead_in_lanes::<8>(bytes, distance, n_wide..n);
    or_ahead_in_lanes::<1>(bytes, distance, n_narrow..n);
}

/// Does so for as many bytes of a range as are a multiple of the lanes. Where the others begin.
#[inline(always)]
fn or_ahead_in_lanes<const LANES: usize>(bytes: &mut [u8], distance: usize, range: Range<usize>) -> usize {
    let end = range.start + range.len() / LANES * LANES;
    for start in (range.start..end).step_by(LANES) {
        let here: [u8; LANES] = bytes[start..][..LANES].try_into().expect("as many bytes as lanes");
        let ahead: [u8; LANES] = bytes[start + distance..][..LANES].try_into().expect("as many bytes as lanes");
        let either: [u8; LANES] = lanes(|lane| here[lane] | ahead[lane]);
        bytes[start..][..LANES].copy_from_slice(&either);
    }
    end
}
