//! The validation split: patches kept for validation, and training patches that share no pixel with them.

use std::sync::Arc;

use super::plan::Kind;
use super::{CellSet, Plan};
use crate::error::{Error, Result};
use crate::random::{Permutation, Purpose};

/// The two plans of a split, and what it cost.
#[derive(Debug, Clone)]
pub struct Split {
    /// The regions left for training.
    pub training: Plan,
    /// The regions kept for validation.
    pub validation: Plan,
    /// How many items are in neither, because their cells overlap a validation patch. Random items are drawn again
    /// instead, unless nothing is free in their sample.
    pub n_dropped: u64,
    /// Whether fewer patches than `minimum` were kept, because that many would have been most of them.
    pub is_lowered: bool,
}

/// Keeps `max(round(n * percentage), minimum)` of the plan's `n` cells for validation, drawn from the seed. Training keeps
/// the cells that overlap none of them, and what it draws is drawn again until it does so, too.
///
/// # Errors
///
/// If nothing is left to train on.
pub fn split(plan: &Plan, percentage: f64, minimum: u64, seed: u64) -> Result<Split> {
    let (grid, n_cells) = (&plan.grid, plan.n_cells());
    let n = plan.n_left();
    let by_percentage = ((n as f64 * percentage).round_ties_even() as u64).min(n);
    let most = (n / 2).max(1);
    let n_validation = by_percentage.max(minimum.min(most)).min(n);

    let order = Permutation::new(n, seed, Purpose::Split, 0, 0);
    let validation = CellSet::of(n_cells, (0..n_validation).map(|place| plan.cell(order.at(place))));
    let left = plan.left.clone().unwrap_or_else(|| Arc::new(CellSet::all(n_cells)));
    let free = left.without(validation.iter().flat_map(|cell| grid.overlapping(grid.region(cell))).flatten());
    if free.is_empty() {
        return Err(Error::NothingToTrainOn { n_patches: n as usize, n_validation: n_validation as usize });
    }
    let (kind, n_dropped) = match &plan.kind {
        Kind::Random { items, is_fixed } => {
            let remaining = Arc::new(items.in_samples_with(grid, &free));
            let n_dropped = items.n_items() - remaining.n_items();
            (Kind::Random { items: remaining, is_fixed: *is_fixed }, n_dropped)
        }
        kind => (kind.clone(), n - n_validation - free.len()),
    };
    let validation = Arc::new(validation);
    let avoided = match &plan.validation {
        None => Arc::clone(&validation),
        Some(earlier) => Arc::new(earlier.union(&validation)),
    };
    let training = Plan { left: Some(Arc::new(free)), kind, validation: Some(avoided), ..plan.clone() };
    let validation = Plan { left: Some(validation), kind: Kind::Sequential, validation: None, ..plan.clone() };
    Ok(Split { training, validation, n_dropped, is_lowered: n_validation < minimum })
}
