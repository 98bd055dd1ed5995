//! The eight orientations of a square, and how augmentation draws one of them.

use crate::random::{Purpose, Stream, below, unit};

/// An element of the dihedral group D4: one of the eight ways to lay a square patch down in YX.
///
/// The pixel of the oriented patch at (y, x) is the pixel of the original at (y, x), or at (x, y) if `transpose`,
/// counted from the far end along the original's Y if `flip_y` and along its X if `flip_x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Orientation {
    /// Whether Y and X change places.
    pub transpose: bool,
    /// Whether the original's Y runs backwards.
    pub flip_y: bool,
    /// Whether the original's X runs backwards.
    pub flip_x: bool,
}

impl Orientation {
    /// The patch as it lies in the image.
    pub const IDENTITY: Self = Self { transpose: false, flip_y: false, flip_x: false };
    /// Y runs backwards, as `numpy.flip(patch, -2)` has it.
    pub const FLIP_Y: Self = Self { transpose: false, flip_y: true, flip_x: false };
    /// X runs backwards, as `numpy.flip(patch, -1)` has it.
    pub const FLIP_X: Self = Self { transpose: false, flip_y: false, flip_x: true };

    /// All eight.
    pub const ALL: [Self; 8] = {
        let mut all = [Self::IDENTITY; 8];
        let mut i = 0;
        while i < 8 {
            all[i] = Self { transpose: i & 4 != 0, flip_y: i & 2 != 0, flip_x: i & 1 != 0 };
            i += 1;
        }
        all
    };

    /// Quarter turns, as `numpy.rot90(patch, n, axes=(-2, -1))` has them.
    pub fn quarter_turns(n: u64) -> Self {
        match n % 4 {
            0 => Self::IDENTITY,
            1 => Self { transpose: true, flip_y: false, flip_x: true },
            2 => Self { transpose: false, flip_y: true, flip_x: true },
            _ => Self { transpose: true, flip_y: true, flip_x: false },
        }
    }

    /// This orientation, and then another one of its result.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        // The next one's flips are of axes that this one may have exchanged.
        let (flip_y, flip_x) = if self.transpose { (next.flip_x, next.flip_y) } else { (next.flip_y, next.flip_x) };
        Self { transpose: self.transpose ^ next.transpose, flip_y: self.flip_y ^ flip_y, flip_x: self.flip_x ^ flip_x }
    }
}

/// What may be drawn: a flip of one of the allowed axes and, independently, a rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Whether Y may be flipped.
    pub flip_y: bool,
    /// Whether X may be flipped.
    pub flip_x: bool,
    /// How likely a patch is flipped along one of the allowed axes.
    pub flip_probability: f64,
    /// How likely a patch is rotated by one, two or three quarter turns.
    pub rotation_probability: f64,
}

impl Augmentation {
    /// No augmentation.
    pub const NONE: Self = Self { flip_y: false, flip_x: false, flip_probability: 0.0, rotation_probability: 0.0 };

    /// The orientation of an item. Patches that are not square in YX make half turns only.
    pub fn draw_orientation(&self, seed: u64, epoch: u64, item: u64, is_square: bool) -> Orientation {
        self.draw_flip(seed, epoch, item).then(self.draw_rotation(seed, epoch, item, is_square))
    }

    fn draw_flip(&self, seed: u64, epoch: u64, item: u64) -> Orientation {
        if self.flip_probability <= 0.0 || !(self.flip_y || self.flip_x) {
            return Orientation::IDENTITY;
        }
        let [whether, axis, ..] = Stream::new(seed, Purpose::Flip, epoch, item).block(0);
        if unit(whether) >= self.flip_probability {
            return Orientation::IDENTITY;
        }
        match (self.flip_y, self.flip_x) {
            (true, true) if below(axis, 2) == 0 => Orientation::FLIP_Y,
            (_, true) => Orientation::FLIP_X,
            (_, false) => Orientation::FLIP_Y,
        }
    }

    fn draw_rotation(&self, seed: u64, epoch: u64, item: u64, is_square: bool) -> Orientation {
        if self.rotation_probability <= 0.0 {
            return Orientation::IDENTITY;
        }
        let [whether, turns, ..] = Stream::new(seed, Purpose::Rotation, epoch, item).block(0);
        if unit(whether) >= self.rotation_probability {
            return Orientation::IDENTITY;
        }
        Orientation::quarter_turns(if is_square { 1 + below(turns, 3) } else { 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, pixel by pixel.
    fn apply(orientation: Orientation, patch: &[[u8; 3]; 3]) -> [[u8; 3]; 3] {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let (a, b) = if orientation.transpose { (x, y) } else { (y, x) };
                patch[if orientation.flip_y { 2 - a } else { a }][if orientation.flip_x { 2 - b } else { b }]
            })
        })
    }

    const PATCH: [[u8; 3]; 3] = [[0, 1, 2], [3, 4, 5], [6, 7, 8]];

    #[test]
    fn composition_is_application_one_after_the_other() {
        for first in Orientation::ALL {
            for second in Orientation::ALL {
                assert_eq!(apply(first.then(second), &PATCH), apply(second, &apply(first, &PATCH)));
            }
        }
    }

    #[test]
    fn the_eight_orientations_are_a_group() {
        for a in Orientation::ALL {
            assert_eq!(a.then(Orientation::IDENTITY), a);
            assert_eq!(Orientation::IDENTITY.then(a), a);
            assert_eq!(Orientation::ALL.into_iter().filter(|&b| a.then(b) == Orientation::IDENTITY).count(), 1);
            for b in Orientation::ALL {
                for c in Orientation::ALL {
                    assert_eq!(a.then(b).then(c), a.then(b.then(c)));
                }
            }
        }
    }

    #[test]
    fn four_quarter_turns_and_two_flips_are_nothing() {
        let turn = Orientation::quarter_turns(1);
        assert_eq!(turn.then(turn), Orientation::quarter_turns(2));
        assert_eq!(turn.then(turn).then(turn), Orientation::quarter_turns(3));
        assert_eq!(turn.then(turn).then(turn).then(turn), Orientation::IDENTITY);
        for flip in [Orientation::FLIP_X, Orientation::FLIP_Y] {
            assert_eq!(flip.then(flip), Orientation::IDENTITY);
            assert_eq!(flip.then(turn).then(flip), Orientation::quarter_turns(3));
        }
    }

    #[test]
    fn a_quarter_turn_is_that_of_numpy() {
        assert_eq!(apply(Orientation::quarter_turns(1), &PATCH), [[2, 5, 8], [1, 4, 7], [0, 3, 6]]);
    }

    #[test]
    fn flips_and_rotations_are_independent_so_that_all_orientations_occur() {
        let augmentation =
            Augmentation { flip_y: true, flip_x: true, flip_probability: 0.5, rotation_probability: 0.5 };
        let mut counts = std::collections::HashMap::<Orientation, f64>::new();
        let n = 80_000;
        for item in 0..n {
            *counts.entry(augmentation.draw_orientation(3, 1, item, true)).or_default() += 1.0;
        }
        assert_eq!(counts.len(), 8);
        // Identity: neither, 1/4. Pure turns: 1/2 * 1/6 each, the half turn also. Reflections: the rest.
        let share = |orientation| counts[&orientation] / n as f64;
        assert!((share(Orientation::IDENTITY) - 0.25).abs() < 0.01);
        for turns in 1..4 {
            assert!((share(Orientation::quarter_turns(turns)) - 1.0 / 12.0).abs() < 0.01);
        }
    }
}
