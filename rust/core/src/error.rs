//! The one error type of the core.

use std::any::Any;

/// What can go wrong in the core. Messages say where, what was expected, what came, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An image that does not hold a single patch.
    #[error(
        "{image}, axis {axis}: expected at least {patch} pixels for a patch, got {size}. \
         Choose a smaller patch_size or leave the image out."
    )]
    PatchLargerThanImage {
        /// The image's name.
        image: String,
        /// The letter of the axis.
        axis: char,
        /// The patch's size along it.
        patch: usize,
        /// The image's size along it.
        size: usize,
    },
    /// A pixel that is NaN, infinite, or an integer that float64 cannot hold.
    #[error(
        "{image}, sample {sample}, channel {channel}, pixel (z={z}, y={y}, x={x}): expected {expected}, got {got}. \
         Replace such pixels, or crop them away."
    )]
    BadPixel {
        /// The image's name.
        image: String,
        /// The sample, `s * T + t`.
        sample: usize,
        /// The channel.
        channel: usize,
        /// The position along Z.
        z: usize,
        /// The position along Y.
        y: usize,
        /// The position along X.
        x: usize,
        /// What a pixel may be.
        expected: &'static str,
        /// The value found.
        got: String,
    },
    /// Images that should be alike and are not.
    #[error("{image}: expected {expected}, got {got}. {remedy}")]
    Mismatch {
        /// The image's name.
        image: String,
        /// What the other images, or the other argument, ask for.
        expected: String,
        /// What this image has.
        got: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An argument that no caller should have passed.
    #[error("{argument}: expected {expected}, got {got}.")]
    Argument {
        /// The argument's name.
        argument: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        got: String,
    },
    /// A validation split that leaves nothing to train on.
    #[error(
        "validation split: expected training patches to be left, got none of {n_patches} \
         ({n_validation} for validation, the others overlap them). \
         Use larger images, smaller patches, a filter that keeps more, or pass validation data of its own."
    )]
    NothingToTrainOn {
        /// How many patches there were.
        n_patches: usize,
        /// How many of them the split takes.
        n_validation: usize,
    },
    /// A filter of patches that keeps none.
    #[error(
        "patch filter: expected some of the {n_patches} patches to be kept, got none (0 %). \
         Choose a threshold, or a coverage, that more of them reach."
    )]
    NothingKept {
        /// How many patches there were.
        n_patches: u64,
    },
    /// The operating system gave no threads.
    #[error("thread pool: expected {num_threads} threads, got none: {reason}. Lower num_threads.")]
    Threads {
        /// How many were asked for.
        num_threads: usize,
        /// What the system said.
        reason: String,
    },
    /// Work that was told to stop.
    #[error("stopped before it was done.")]
    Cancelled,
    /// A defect in patchmill itself, caught in one of its threads.
    #[error("patchmill failed in a thread: {message}. This is a defect of patchmill: please report it.")]
    Panic {
        /// The panic's message.
        message: String,
    },
}

/// The result of everything in the core that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The error for a caught panic.
    pub fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| "a panic without a message".into());
        Self::Panic { message }
    }
}
