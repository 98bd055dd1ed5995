//! Randomness without state: every draw is a function of (seed, purpose, epoch, item).

mod permutation;
mod philox;

pub use permutation::Permutation;
pub use philox::philox4x64;

/// What a draw is for. Each purpose has a stream of its own, so that one more draw here changes nothing there.
///
/// The numbers are part of what a seed means: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The order of the items in an epoch.
    Order = 0,
    /// The origin of a random region.
    Region = 1,
    /// Whether, and along which axis, a patch is flipped.
    Flip = 2,
    /// Whether, and how far, a patch is rotated.
    Rotation = 3,
    /// The masked pixels of Noise2Void and their replacements.
    Mask = 4,
    /// Which patches are kept for validation.
    Split = 5,
    /// The values of the pixels in a pattern of structN2V.
    Struct = 6,
}

/// The random words of one item in one epoch, for one purpose.
///
/// The words are those of `numpy.random.Philox(key=[seed, purpose], counter=[0, item, epoch, 0])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u64; 2],
    item: u64,
    epoch: u64,
}

impl Stream {
    /// The stream of an item.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, item: u64) -> Self {
        Self { key: [seed, purpose as u64], item, epoch }
    }

    /// The same item's stream for another purpose.
    #[must_use]
    pub fn of(&self, purpose: Purpose) -> Self {
        Self { key: [self.key[0], purpose as u64], ..*self }
    }

    /// Four words at a position in the stream; any position costs the same.
    #[inline]
    pub fn block(&self, position: u64) -> [u64; 4] {
        self.blocks::<1>(position)[0]
    }

    /// Four words at each of some positions in a row.
    #[inline]
    pub fn blocks<const N: usize>(&self, first: u64) -> [[u64; 4]; N] {
        // NumPy counts before it makes its first block, hence the one.
        let counter = |i: usize| [first.wrapping_add(i as u64 + 1), self.item, self.epoch, 0];
        philox4x64(std::array::from_fn(counter), self.key)
    }
}

/// A number in `0..n` from a random word. Its bias is below `n / 2^64`.
#[inline]
pub fn below(word: u64, n: u64) -> u64 {
    ((u128::from(word) * u128::from(n)) >> 64) as u64
}

/// A number in `0..n` from a random half word. Its bias is below `n / 2^32`.
#[inline]
pub fn below_half(half: u32, n: u32) -> u32 {
    ((u64::from(half) * u64::from(n)) >> 32) as u32
}

/// A number in `[0, 1)` from a random word: its upper 53 bits, as NumPy makes it.
#[inline]
pub fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A number in `[0, 1)` from a random half word.
#[inline]
pub fn unit_half(half: u32) -> f64 {
    f64::from(half) * (1.0 / (1u64 << 32) as f64)
}
