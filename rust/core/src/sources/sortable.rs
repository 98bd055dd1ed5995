//! Elements as integers that sort as the pixels do.

use half::f16;

use super::{Element, Swapped};

/// An element as an integer that sorts as the pixels do, and back. Equal pixels have equal keys.
pub(crate) trait Sortable: Element {
    /// The element type, whatever its byte order.
    const NAME: &'static str;
    /// The bits of a key.
    const KEY_BITS: u32;

    /// The key of a valid pixel.
    fn key(self) -> u64;

    /// The pixel of a key.
    fn value(key: u64) -> f64;
}

macro_rules! sortable_integers {
    ($($Integer:ident: $($Type:ty),*;)*) => {$($(
        impl Sortable for $Type {
            const NAME: &'static str = stringify!($Integer);
            const KEY_BITS: u32 = $Integer::BITS;

            #[inline(always)]
            fn key(self) -> u64 {
                self.to_i64().wrapping_sub($Integer::MIN as i64) as u64
            }
            fn value(key: u64) -> f64 {
                (key as i64).wrapping_add($Integer::MIN as i64) as f64
            }
        }
    )*)*};
}

sortable_integers! {
    u8: bool, u8;
    i8: i8;
    u16: u16, Swapped<u16>;
    i16: i16, Swapped<i16>;
    u32: u32, Swapped<u32>;
    i32: i32, Swapped<i32>;
    u64: u64, Swapped<u64>;
    i64: i64, Swapped<i64>;
}

/// The bits of a float, those below zero in their opposite order and before the others.
macro_rules! sortable_floats {
    ($($Float:ident as $Bits:ident, |$value:ident| $narrowed:expr;)*) => {$(
        sortable_floats!(@ $Float, $Float as $Bits, |$value| $narrowed);
        sortable_floats!(@ Swapped<$Float>, $Float as $Bits, |$value| $narrowed);
    )*};
    (@ $Type:ty, $Float:ident as $Bits:ident, |$value:ident| $narrowed:expr) => {
        impl Sortable for $Type {
            const NAME: &'static str = stringify!($Float);
            const KEY_BITS: u32 = $Bits::BITS;

            #[inline(always)]
            fn key(self) -> u64 {
                const SIGN: $Bits = 1 << ($Bits::BITS - 1);
                // The sum makes one zero of the two.
                let $value = self.to_f64() + 0.0;
                let bits = $narrowed.to_bits();
                u64::from(if bits & SIGN == 0 { bits | SIGN } else { !bits })
            }
            fn value(key: u64) -> f64 {
                const SIGN: $Bits = 1 << ($Bits::BITS - 1);
                let bits = key as $Bits;
                f64::from($Float::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN }))
            }
        }
    };
}

sortable_floats! {
    f16 as u16, |value| f16::from_f64(value);
    f32 as u32, |value| (value as f32);
    f64 as u64, |value| value;
}
