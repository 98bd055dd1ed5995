//! The validation split: patches kept for validation, and training patches that share no pixel with them.

use std::sync::Arc;

use super::random::Avoided;
use super::{Plan, SampleSizes, SequentialPlan};
use crate::error::{Error, Result};
use crate::random::{Permutation, Purpose};

/// The two plans of a split, and what it cost.
#[derive(Debug, Clone)]
pub struct Split {
    /// The regions left for training.
    pub training: Plan,
    /// The regions kept for validation.
    pub validation: Plan,
    /// How many regions of the training grid were dropped because they overlap a validation patch.
    pub n_dropped: u64,
    /// Whether fewer patches than `minimum` were kept, because that many would have been most of them.
    pub is_lowered: bool,
}

/// Keeps `max(round(n * percentage), minimum)` of the `n` patches of the sequential grid for validation, drawn from the
/// seed. Sequential training regions that overlap one of them are dropped, random ones are drawn again.
///
/// # Errors
///
/// If nothing is left to train on.
pub fn split(plan: &Plan, images: &[SampleSizes], percentage: f64, minimum: u64, seed: u64) -> Result<Split> {
    let grid = SequentialPlan::new(images, plan.patch_size())?;
    let n = grid.n_regions();
    let by_percentage = ((n as f64 * percentage).round_ties_even() as u64).min(n);
    let most = (n / 2).max(1);
    let n_validation = by_percentage.max(minimum.min(most)).min(n);

    let order = Permutation::new(n, seed, Purpose::Split, 0);
    let mut kept: Vec<u64> = (0..n_validation).map(|place| order.at(place)).collect();
    kept.sort_unstable();
    let mut is_free = vec![true; n as usize];
    for &item in &kept {
        for other in grid.overlapping(item) {
            is_free[other as usize] = false;
        }
    }
    let free: Arc<[u64]> = (0..n).filter(|&item| is_free[item as usize]).collect();
    if free.is_empty() {
        return Err(Error::NothingToTrainOn { n_patches: n as usize, n_validation: n_validation as usize });
    }
    let n_dropped = n - n_validation - free.len() as u64;
    let training = match plan {
        Plan::Sequential(..) => Plan::Sequential(grid.clone(), Some(free)),
        Plan::Random(random) => Plan::Random(random.avoiding(Avoided::new(grid.clone(), &kept, free))),
    };
    Ok(Split {
        training,
        validation: Plan::Sequential(grid, Some(kept.into())),
        n_dropped,
        is_lowered: n_validation < minimum,
    })
}
