//! The element types that pixels come in, and the one place that tells them apart at run time.

use half::f16;

use crate::transforms::Affine;

/// The element type of an image: a kind of number in a byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are NumPy's")]
pub enum PixelType {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
    SwappedU16,
    SwappedI16,
    SwappedU32,
    SwappedI32,
    SwappedU64,
    SwappedI64,
    SwappedF16,
    SwappedF32,
    SwappedF64,
}

impl PixelType {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 21] = {
        use PixelType::*;
        [
            Bool, U8, I8, U16, I16, U32, I32, U64, I64, F16, F32, F64, SwappedU16, SwappedI16, SwappedU32, SwappedI32,
            SwappedU64, SwappedI64, SwappedF16, SwappedF32, SwappedF64,
        ]
    };

    /// The type for a kind of number as NumPy names it (`b`, `u`, `i` or `f`), its size in bytes, and whether its byte
    /// order is foreign to this machine. None where patchmill has no such type.
    pub fn from_numpy(kind: u8, size: usize, is_swapped: bool) -> Option<Self> {
        Some(match (kind, size, is_swapped) {
            (b'b', 1, _) => Self::Bool,
            (b'u', 1, _) => Self::U8,
            (b'i', 1, _) => Self::I8,
            (b'u', 2, false) => Self::U16,
            (b'i', 2, false) => Self::I16,
            (b'u', 4, false) => Self::U32,
            (b'i', 4, false) => Self::I32,
            (b'u', 8, false) => Self::U64,
            (b'i', 8, false) => Self::I64,
            (b'f', 2, false) => Self::F16,
            (b'f', 4, false) => Self::F32,
            (b'f', 8, false) => Self::F64,
            (b'u', 2, true) => Self::SwappedU16,
            (b'i', 2, true) => Self::SwappedI16,
            (b'u', 4, true) => Self::SwappedU32,
            (b'i', 4, true) => Self::SwappedI32,
            (b'u', 8, true) => Self::SwappedU64,
            (b'i', 8, true) => Self::SwappedI64,
            (b'f', 2, true) => Self::SwappedF16,
            (b'f', 4, true) => Self::SwappedF32,
            (b'f', 8, true) => Self::SwappedF64,
            _ => return None,
        })
    }
}

/// Evaluates an expression with `$T` bound to the element type of a [`PixelType`].
macro_rules! dispatch {
    ($pixel_type:expr, $T:ident => $body:expr) => {{
        use half::f16;
        use $crate::sources::{PixelType, Swapped};
        macro_rules! with {
            ($Type:ty) => {{
                type $T = $Type;
                $body
            }};
        }
        match $pixel_type {
            PixelType::Bool => with!(bool),
            PixelType::U8 => with!(u8),
            PixelType::I8 => with!(i8),
            PixelType::U16 => with!(u16),
            PixelType::I16 => with!(i16),
            PixelType::U32 => with!(u32),
            PixelType::I32 => with!(i32),
            PixelType::U64 => with!(u64),
            PixelType::I64 => with!(i64),
            PixelType::F16 => with!(f16),
            PixelType::F32 => with!(f32),
            PixelType::F64 => with!(f64),
            PixelType::SwappedU16 => with!(Swapped<u16>),
            PixelType::SwappedI16 => with!(Swapped<i16>),
            PixelType::SwappedU32 => with!(Swapped<u32>),
            PixelType::SwappedI32 => with!(Swapped<i32>),
            PixelType::SwappedU64 => with!(Swapped<u64>),
            PixelType::SwappedI64 => with!(Swapped<i64>),
            PixelType::SwappedF16 => with!(Swapped<f16>),
            PixelType::SwappedF32 => with!(Swapped<f32>),
            PixelType::SwappedF64 => with!(Swapped<f64>),
        }
    }};
}
pub(crate) use dispatch;

/// The magnitude up to which every integer is a float64.
const EXACT: u64 = 1 << 53;

mod sealed {
    pub trait Sealed {}
}

/// A number that a pixel can be. Sealed: the kernels rely on what is written here.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The bytes of one element.
    const SIZE: usize;
    /// Whether the type holds integers, whose statistics are exact.
    const IS_INTEGER: bool;

    /// Reads an element from any address, aligned or not.
    ///
    /// # Safety
    ///
    /// `SIZE` bytes from `pointer` on must be readable.
    unsafe fn read(pointer: *const u8) -> Self;

    /// The element normalised: narrow types in float32, wide ones in float64 and rounded once.
    fn normalise(self, affine: &Affine) -> f32;

    /// The element as a float64, exact for every valid pixel.
    fn to_f64(self) -> f64;

    /// The element as an integer; only for integer types.
    fn to_i64(self) -> i64;

    /// Whether the pixel can be trained on: finite, and of at most 2^53.
    fn is_valid(self) -> bool;
}

macro_rules! element {
    ($($Type:ty: integer = $integer:literal, $compute:ident, valid = |$value:ident| $valid:expr;)*) => {$(
        impl sealed::Sealed for $Type {}
        impl Element for $Type {
            const SIZE: usize = size_of::<Self>();
            const IS_INTEGER: bool = $integer;

            #[inline(always)]
            unsafe fn read(pointer: *const u8) -> Self {
                // SAFETY: the caller vouches for the bytes, and every bit pattern is a number.
                unsafe { pointer.cast::<Self>().read_unaligned() }
            }

            #[inline(always)]
            fn normalise(self, affine: &Affine) -> f32 {
                affine.$compute(self.into_float())
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self.into_float())
            }

            #[inline(always)]
            fn to_i64(self) -> i64 {
                self.into_i64()
            }

            #[inline(always)]
            fn is_valid(self) -> bool {
                let $value = self;
                $valid
            }
        }
    )*};
}

/// The float that an element is computed in, and its integer value.
trait Compute: Copy {
    type Float;
    fn into_float(self) -> Self::Float;
    fn into_i64(self) -> i64;
}

macro_rules! compute {
    ($($Type:ty => $Float:ty, |$value:ident| $float:expr;)*) => {$(
        impl Compute for $Type {
            type Float = $Float;
            #[inline(always)]
            fn into_float(self) -> $Float {
                let $value = self;
                $float
            }
            #[inline(always)]
            fn into_i64(self) -> i64 {
                self as i64
            }
        }
    )*};
}

compute! {
    u8 => f32, |value| f32::from(value);
    i8 => f32, |value| f32::from(value);
    u16 => f32, |value| f32::from(value);
    i16 => f32, |value| f32::from(value);
    f32 => f32, |value| value;
    u32 => f64, |value| f64::from(value);
    i32 => f64, |value| f64::from(value);
    u64 => f64, |value| value as f64;
    i64 => f64, |value| value as f64;
    f64 => f64, |value| value;
}

impl Compute for f16 {
    type Float = f32;
    #[inline(always)]
    fn into_float(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn into_i64(self) -> i64 {
        self.to_f32() as i64
    }
}

element! {
    u8: integer = true, narrow, valid = |_v| true;
    i8: integer = true, narrow, valid = |_v| true;
    u16: integer = true, narrow, valid = |_v| true;
    i16: integer = true, narrow, valid = |_v| true;
    u32: integer = true, wide, valid = |_v| true;
    i32: integer = true, wide, valid = |_v| true;
    u64: integer = true, wide, valid = |v| v <= EXACT;
    i64: integer = true, wide, valid = |v| v.unsigned_abs() <= EXACT;
    f16: integer = false, narrow, valid = |v| v.is_finite();
    f32: integer = false, narrow, valid = |v| v.abs() <= EXACT as f32;
    f64: integer = false, wide, valid = |v| v.abs() <= EXACT as f64;
}

impl sealed::Sealed for bool {}
impl Element for bool {
    const SIZE: usize = 1;
    const IS_INTEGER: bool = true;

    #[inline(always)]
    unsafe fn read(pointer: *const u8) -> Self {
        // SAFETY: the caller vouches for the byte; it is read as a number because NumPy lets it be any.
        unsafe { pointer.read() != 0 }
    }
    #[inline(always)]
    fn normalise(self, affine: &Affine) -> f32 {
        affine.narrow(f32::from(u8::from(self)))
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        i64::from(self)
    }
    #[inline(always)]
    fn is_valid(self) -> bool {
        true
    }
}

/// An element in the byte order that is foreign to this machine. Fiji writes big-endian files.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Swapped<T>(T);

macro_rules! swapped {
    ($($Type:ty as $Bits:ty;)*) => {$(
        impl sealed::Sealed for Swapped<$Type> {}
        impl Element for Swapped<$Type> {
            const SIZE: usize = size_of::<$Type>();
            const IS_INTEGER: bool = <$Type>::IS_INTEGER;

            #[inline(always)]
            unsafe fn read(pointer: *const u8) -> Self {
                // SAFETY: the caller vouches for the bytes.
                let bits = unsafe { pointer.cast::<$Bits>().read_unaligned() }.swap_bytes();
                Self(<$Type>::from_ne_bytes(bits.to_ne_bytes()))
            }
            #[inline(always)]
            fn normalise(self, affine: &Affine) -> f32 {
                self.0.normalise(affine)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.0.to_f64()
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                self.0.to_i64()
            }
            #[inline(always)]
            fn is_valid(self) -> bool {
                self.0.is_valid()
            }
        }
    )*};
}

swapped! {
    u16 as u16;
    i16 as u16;
    u32 as u32;
    i32 as u32;
    u64 as u64;
    i64 as u64;
    f16 as u16;
    f32 as u32;
    f64 as u64;
}
