//! The count, sums and extremes of pixels, and how those of parts become those of the whole.

use ethnum::U256;

/// The magnitude up to which every integer is a float64.
pub(super) const EXACT: u64 = 1 << 53;

/// The count, sums and extremes of some pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(super) n: u64,
    pub(super) sums: Sums,
    pub(super) min: f64,
    pub(super) max: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sums {
    Integer { sum: i128, sum_of_squares: U256 },
    Float { mean: f64, squares: f64 },
}

impl Moments {
    pub(crate) const EMPTY: Self = Self {
        n: 0,
        sums: Sums::Integer { sum: 0, sum_of_squares: U256::ZERO },
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    pub(crate) fn is_valid(&self) -> bool {
        let is_finite = match self.sums {
            Sums::Integer { .. } => true,
            Sums::Float { mean, squares } => mean.is_finite() && squares.is_finite(),
        };
        is_finite && self.min >= -(EXACT as f64) && self.max <= EXACT as f64
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sums = match (self.sums, other.sums) {
            (Sums::Integer { sum, sum_of_squares }, Sums::Integer { sum: more, sum_of_squares: more_squares }) => {
                Sums::Integer { sum: sum + more, sum_of_squares: sum_of_squares + more_squares }
            }
            (_, sums) if self.n == 0 => sums,
            _ => {
                // Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
                // variances" (1979).
                let (n, m) = (self.n as f64, other.n as f64);
                let difference = other.mean() - self.mean();
                Sums::Float {
                    mean: self.mean() + difference * (m / (n + m)),
                    squares: self.squares() + other.squares() + difference * difference * (n * m / (n + m)),
                }
            }
        };
        self.n += other.n;
    }

    pub(crate) fn mean(&self) -> f64 {
        match self.sums {
            Sums::Integer { sum, .. } => {
                let n = i128::from(self.n);
                if sum.unsigned_abs() <= u128::from(EXACT) {
                    sum as f64 / n as f64
                } else {
                    // Whole and fraction apart: the quotient of a sum that is rounded could be off by one.
                    sum.div_euclid(n) as f64 + sum.rem_euclid(n) as f64 / n as f64
                }
            }
            Sums::Float { mean, .. } => mean,
        }
    }

    /// The sum of the squared deviations from the mean.
    fn squares(&self) -> f64 {
        match self.sums {
            Sums::Integer { sum, sum_of_squares } => {
                let sum = U256::from(sum.unsigned_abs());
                (U256::from(self.n) * sum_of_squares - sum * sum).as_f64() / self.n as f64
            }
            Sums::Float { squares, .. } => squares,
        }
    }

    pub(crate) fn std(&self) -> f64 {
        (self.squares() / self.n as f64).sqrt()
    }
}
