//! The vector instructions that kernels are compiled for, and the choice between them at run time.

/// The widest vectors that a kernel may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// Those that every processor of its kind has.
    Plain,
    /// 256 bits: x86-64 processors since 2013.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// The widest that this processor has.
    pub(crate) fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") && is_x86_feature_detected!("bmi2") {
            let has_avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            return if has_avx512 { Self::Avx512 } else { Self::Avx2 };
        }
        Self::Plain
    }

    /// All that this processor has: kernels must make the same bits with each.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        match Self::widest() {
            Self::Plain => vec![Self::Plain],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => vec![Self::Plain, Self::Avx2],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => vec![Self::Plain, Self::Avx2, Self::Avx512],
        }
    }
}

/// An array made of what a function says of each place: as `std::array::from_fn`, but always compiled into its caller,
/// without which there are no vectors.
#[inline(always)]
pub(crate) fn lanes<T: Copy + Default, const N: usize>(lane: impl Fn(usize) -> T) -> [T; N] {
    let mut lanes = [T::default(); N];
    for (place, value) in lanes.iter_mut().enumerate() {
        *value = lane(place);
    }
    lanes
}

/// The kinds of vectors as types, for kernels that tell them apart.
pub(crate) mod kind {
    pub(crate) struct Plain;
    #[cfg(target_arch = "x86_64")]
    pub(crate) struct Avx2;
    #[cfg(target_arch = "x86_64")]
    pub(crate) struct Avx512;
}

/// Defines a function that evaluates an expression, compiled anew for each kind of vectors. Its first argument says
/// which of them runs; in the expression it is the type `V`. Generic parameters are written twice: with their bounds,
/// and without. With `unsafe`, the caller's promise is passed on to the expression.
///
/// What the expression calls must be `#[inline(always)]`, or it is not compiled for the vectors.
macro_rules! vectorised {
    (
        $(#[$attribute:meta])*
        unsafe fn $name:ident $($rest:tt)*
    ) => {
        $crate::vectors::vectorised! { @ [$(#[$attribute])*] [unsafe] $name $($rest)* }
    };
    (
        $(#[$attribute:meta])*
        fn $name:ident $($rest:tt)*
    ) => {
        $crate::vectors::vectorised! { @ [$(#[$attribute])*] [] $name $($rest)* }
    };
    (
        @ [$($attributes:tt)*] [$($unsafe:tt)?] $name:ident
        [$($bounds:tt)*][$($generics:tt)*]($($argument:ident: $Type:ty),* $(,)?) $(-> $Output:ty)? { $V:ident => $body:expr }
    ) => {
        $($attributes)*
        $($unsafe)? fn $name<$($bounds)*>(
            vectors: $crate::vectors::Vectors,
            $($argument: $Type),*
        ) $(-> $Output)? {
            #![allow(dead_code, reason = "not all kernels tell the vectors apart")]
            use $crate::vectors::{Vectors, kind};
            // SAFETY (of all): an unsafe kernel's caller has made the promise that its expression relies on.
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,f16c,bmi2")]
            $($unsafe)? fn avx512<$($bounds)*>($($argument: $Type),*) $(-> $Output)? {
                type $V = kind::Avx512;
                $($unsafe)? { $body }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c,bmi2")]
            $($unsafe)? fn avx2<$($bounds)*>($($argument: $Type),*) $(-> $Output)? {
                type $V = kind::Avx2;
                $($unsafe)? { $body }
            }
            $($unsafe)? fn plain<$($bounds)*>($($argument: $Type),*) $(-> $Output)? {
                type $V = kind::Plain;
                $($unsafe)? { $body }
            }
            match vectors {
                Vectors::Plain => $($unsafe)? { plain::<$($generics)*>($($argument),*) },
                // SAFETY: it is the processor that named the vectors.
                #[cfg(target_arch = "x86_64")]
                Vectors::Avx2 => unsafe { avx2::<$($generics)*>($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Vectors::Avx512 => unsafe { avx512::<$($generics)*>($($argument),*) },
            }
        }
    };
}
pub(crate) use vectorised;
