//! The memory that items are made in.

/// The memory that a batch goes to, with the axes B, C, Z, Y, X. It belongs to somebody else.
#[derive(Debug, Clone, Copy)]
pub enum BatchBuffers {
    /// Patches.
    Patch(*mut f32),
    /// Inputs and targets.
    Pair {
        /// The inputs.
        input: *mut f32,
        /// The targets.
        target: *mut f32,
    },
    /// Noise2Void's three.
    Masked {
        /// Patches with their masked pixels replaced.
        masked: *mut f32,
        /// The patches.
        original: *mut f32,
        /// The masks.
        mask: *mut u8,
    },
}

// SAFETY: the pointers are only written through by `Batch`, whose constructor's caller vouches for them.
unsafe impl Send for BatchBuffers {}
// SAFETY: as above; every item's part is written by one thread.
unsafe impl Sync for BatchBuffers {}

/// Where an item goes. All have the axes C, Z, Y, X.
#[derive(Debug)]
pub enum ItemBuffers<'a> {
    /// The patch.
    Patch(&'a mut [f32]),
    /// The patch and that of the target.
    Pair {
        /// The patch.
        input: &'a mut [f32],
        /// The target's patch.
        target: &'a mut [f32],
    },
    /// Noise2Void's three.
    Masked {
        /// The patch with its masked pixels replaced.
        masked: &'a mut [f32],
        /// The patch.
        original: &'a mut [f32],
        /// 1 where a pixel is masked, else 0.
        mask: &'a mut [u8],
    },
}

impl BatchBuffers {
    /// The batch of one item at a place of this one, of items with so many floats in a patch and in a target.
    pub(super) fn item(self, place: usize, n_input: usize, n_target: usize) -> Self {
        let at = place * n_input;
        match self {
            Self::Patch(patch) => Self::Patch(patch.wrapping_add(at)),
            Self::Pair { input, target } => {
                Self::Pair { input: input.wrapping_add(at), target: target.wrapping_add(place * n_target) }
            }
            Self::Masked { masked, original, mask } => Self::Masked {
                masked: masked.wrapping_add(at),
                original: original.wrapping_add(at),
                mask: mask.wrapping_add(at),
            },
        }
    }

    /// The first item's part.
    ///
    /// # Safety
    ///
    /// There must be room for an item, and nobody else may use it while the borrow lives.
    pub(super) unsafe fn borrow<'a>(self, n_input: usize, n_target: usize) -> ItemBuffers<'a> {
        use std::slice::from_raw_parts_mut;
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::Patch(patch) => ItemBuffers::Patch(from_raw_parts_mut(patch, n_input)),
                Self::Pair { input, target } => ItemBuffers::Pair {
                    input: from_raw_parts_mut(input, n_input),
                    target: from_raw_parts_mut(target, n_target),
                },
                Self::Masked { masked, original, mask } => ItemBuffers::Masked {
                    masked: from_raw_parts_mut(masked, n_input),
                    original: from_raw_parts_mut(original, n_input),
                    mask: from_raw_parts_mut(mask, n_input),
                },
            }
        }
    }
}
