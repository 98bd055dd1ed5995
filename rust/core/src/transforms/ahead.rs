//! Asking the processor for memory before it is needed.
//!
//! The rows of a patch lie far apart, and batches are larger than a core's cache. A processor that comes to such memory
//! waits for it, and can wait for few lines of cache at a time. So while one row is laid down, the lines of a later one
//! are asked for, a few with every row: a burst of them would itself wait.

use super::plane::Plane;
use crate::patching::Region;
use crate::sources::Image;
use crate::transforms::Orientation;

/// How many bytes are asked for before they are needed: long enough for memory to answer, little enough to stay in the
/// cache of a core.
const DISTANCE: usize = 32 << 10;

/// From so many bytes on, what lies between rows is not worth reading with them.
const FAR: usize = 16 << 10;

/// A line of cache.
const LINE: usize = 64;

/// The rows of a plane that will be read, and the memory that they will be laid down in.
#[derive(Debug, Clone, Copy)]
pub struct Strip {
    n_rows: usize,
    read: Rows,
    write: Rows,
}

/// Rows in memory: the first one, the bytes from one to the next, and the bytes of each.
#[derive(Debug, Clone, Copy)]
struct Rows {
    at: *const u8,
    stride: isize,
    bytes: usize,
}

impl Strip {
    /// A plane of a region of `size` (Z, Y, X), by its number, channel by channel. The planes will be laid down one after
    /// the other from `out` on.
    ///
    /// # Panics
    ///
    /// If the region leaves the image, or has no such plane.
    #[inline]
    pub fn of(image: &Image, region: &Region, size: [usize; 3], number: usize, out: *const f32) -> Self {
        let plane = Plane::of(image, region, size, number, Orientation::IDENTITY);
        let bytes = plane.height * plane.width * size_of::<f32>();
        let row_bytes = bytes / plane.height;
        Self {
            n_rows: plane.height,
            read: Rows { at: plane.pixels, stride: plane.stride_y, bytes: plane.width * plane.stride_x.unsigned_abs() },
            write: Rows {
                at: out.cast::<u8>().wrapping_add(number * bytes),
                stride: row_bytes as isize,
                bytes: row_bytes,
            },
        }
    }

    /// Visits the memory that will be read, in one stretch or, where its rows lie far apart, row by row.
    pub fn for_each_stretch(&self, mut visit: impl FnMut(*const u8, usize)) {
        let Rows { at, stride, bytes } = self.read;
        let last = at.wrapping_offset((self.n_rows as isize - 1) * stride);
        if stride.unsigned_abs() < FAR {
            visit(at.min(last), at.addr().abs_diff(last.addr()) + bytes);
        } else {
            for row in 0..self.n_rows as isize {
                visit(at.wrapping_offset(row * stride), bytes);
            }
        }
    }
}

impl Rows {
    /// Takes the first of the rows, line by line.
    #[inline(always)]
    fn take_row(&mut self, mut ask: impl FnMut(*const u8)) {
        let n_lines = (self.at as usize % LINE + self.bytes).div_ceil(LINE);
        for line in 0..n_lines {
            ask(self.at.wrapping_add(line * LINE));
        }
        self.at = self.at.wrapping_offset(self.stride);
    }
}

/// What comes next: strips in the order in which they are laid down.
pub struct Ahead<'a> {
    strip: Option<Strip>,
    strips: Option<&'a mut dyn Iterator<Item = Strip>>,
}

impl<'a> Ahead<'a> {
    /// Asks for the first rows of some strips.
    pub fn new(strips: &'a mut dyn Iterator<Item = Strip>) -> Self {
        let mut ahead = Self { strip: strips.next(), strips: Some(strips) };
        if let Some(Strip { read, write, .. }) = &ahead.strip {
            for _ in 0..DISTANCE.div_ceil(read.bytes + write.bytes) {
                ahead.ask();
            }
        }
        ahead
    }

    /// Nothing comes next.
    pub fn nothing() -> Self {
        Self { strip: None, strips: None }
    }

    /// Asks for one more row. To be called once for every row that is laid down.
    #[inline(always)]
    pub(super) fn ask(&mut self) {
        if let Some(strip) = &mut self.strip {
            strip.read.take_row(ask_to_read);
            strip.write.take_row(ask_to_write);
            strip.n_rows -= 1;
            if strip.n_rows == 0 {
                self.turn();
            }
        }
    }

    #[cold]
    fn turn(&mut self) {
        self.strip = self.strips.as_mut().and_then(Iterator::next);
    }
}

#[inline(always)]
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "only x86-64 has a stable prefetch"))]
fn ask_to_read(address: *const u8) {
    // SAFETY: any address may be asked for; one that cannot be read is ignored.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(address.cast());
    }
}

#[inline(always)]
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "only x86-64 has a stable prefetch"))]
fn ask_to_write(address: *const u8) {
    // The intrinsic for it makes a prefetch for reading unless the whole program is built for newer processors, but the
    // instruction is harmless on all of them.
    // SAFETY: any address may be asked for; one that cannot be written is ignored.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}
