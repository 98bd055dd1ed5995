//! Training and validation share no pixel.

use patchmill_core::patching::{Plan, SampleSizes, split};
use patchmill_core::random::{Purpose, Stream, below};
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_training_patch_overlaps_a_validation_patch(
        sizes in prop::collection::vec((1..3usize, [1..4usize, 8..60, 8..60]), 1..4),
        patch in [1..2usize, 4..9, 4..9],
        percentage in 0.0..0.4f64,
        minimum in 1..6u64,
        kind in 0..4usize,
        share in 1..5u64,
        seed: u64,
    ) {
        let images: Vec<SampleSizes> = sizes
            .into_iter()
            .map(|(n_samples, size)| SampleSizes { image: "image".into(), n_samples, size })
            .collect();
        let create = [Plan::sequential, Plan::stratified, Plan::random, Plan::fixed_random][kind];
        let whole = create(&images, patch).unwrap();
        let plan = if share == 1 { whole } else { whole.keep((0..whole.n_cells()).step_by(share as usize)).unwrap() };
        let Ok(found) = split(&plan, percentage, minimum, seed) else { return Ok(()) };
        let kept: Vec<_> =
            (0..found.validation.n_items()).map(|item| found.validation.region(seed, 0, item)).collect();
        prop_assert!(!kept.is_empty() && found.training.n_items() > 0);
        for epoch in 0..3 {
            for _ in 0..20 {
                let word = Stream::new(seed, Purpose::Order, epoch, 1).block(epoch)[0];
                let item = below(word, found.training.n_items());
                let region = found.training.region(seed, epoch, item);
                prop_assert!(kept.iter().all(|other| !region.overlaps(other, patch)));
            }
        }
    }
}
