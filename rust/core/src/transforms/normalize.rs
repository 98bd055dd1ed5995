//! Normalisation: a subtraction and a multiplication per pixel.

/// What normalises one channel: `(x - shift) * scale`.
///
/// Elements of 8 and 16 bits, float16 and float32 are computed in float32, in two roundings and without a fused
/// multiply-add, so that every machine makes the same bits. Wider ones are computed in float64 and rounded once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    shift: f64,
    scale: f64,
    shift_f32: f32,
    scale_f32: f32,
}

impl Affine {
    /// Leaves pixels as they are.
    pub const IDENTITY: Self = Self { shift: 0.0, scale: 1.0, shift_f32: 0.0, scale_f32: 1.0 };

    /// The map `(x - shift) * scale`.
    pub fn new(shift: f64, scale: f64) -> Self {
        Self { shift, scale, shift_f32: shift as f32, scale_f32: scale as f32 }
    }

    /// A pixel of a narrow type, normalised.
    #[inline(always)]
    pub fn narrow(&self, pixel: f32) -> f32 {
        (pixel - self.shift_f32) * self.scale_f32
    }

    /// A pixel of a wide type, normalised.
    #[inline(always)]
    pub fn wide(&self, pixel: f64) -> f32 {
        ((pixel - self.shift) * self.scale) as f32
    }

    /// A normalised value back on the scale of the pixels: `x / scale + shift`, in float64 and rounded once.
    #[inline(always)]
    pub fn invert(&self, value: f32) -> f32 {
        (f64::from(value) / self.scale + self.shift) as f32
    }
}
