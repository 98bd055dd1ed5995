//! Items counted over samples: which sample an item belongs to, and which of its items it is.

use std::ops::Range;

/// Samples in a row of one image that have the same number of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The image.
    pub(super) image: usize,
    /// The first of the samples, and the one after the last.
    pub(super) samples: (usize, usize),
    /// The number of items of each.
    pub(super) per_sample: u64,
}

/// Items counted over the samples of all images, in the order of the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemCounts {
    runs: Vec<Run>,
    /// The number of items up to the end of each run.
    ends: Vec<u64>,
}

impl ItemCounts {
    pub(super) fn new(runs: Vec<Run>) -> Self {
        let ends = runs
            .iter()
            .scan(0, |end, run| {
                *end += (run.samples.1 - run.samples.0) as u64 * run.per_sample;
                Some(*end)
            })
            .collect();
        Self { runs, ends }
    }

    pub(super) fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The number of items up to the end of each of `n_images` images.
    pub(super) fn image_ends(&self, n_images: usize) -> Vec<u64> {
        let mut ends = vec![0; n_images];
        for (run, &end) in self.runs.iter().zip(&self.ends) {
            ends[run.image] = end;
        }
        ends
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The image, the sample, and the item's number in the sample.
    #[inline]
    pub(super) fn locate(&self, item: u64) -> (usize, usize, u64) {
        let number = self.ends.partition_point(|&end| end <= item);
        let run = &self.runs[number];
        let in_run = item - self.start(number);
        (run.image, run.samples.0 + (in_run / run.per_sample) as usize, in_run % run.per_sample)
    }

    /// The items of a sample of a run.
    #[inline]
    pub(super) fn of_sample(&self, run: usize, sample: usize) -> Range<u64> {
        let Run { samples, per_sample, .. } = self.runs[run];
        let first = self.start(run) + (sample - samples.0) as u64 * per_sample;
        first..first + per_sample
    }

    #[inline]
    fn start(&self, run: usize) -> u64 {
        if run == 0 { 0 } else { self.ends[run - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_follow_one_another_and_samples_without_items_are_passed_over() {
        let counts = ItemCounts::new(vec![
            Run { image: 0, samples: (0, 2), per_sample: 2 },
            Run { image: 1, samples: (0, 0), per_sample: 9 },
            Run { image: 2, samples: (0, 3), per_sample: 0 },
            Run { image: 2, samples: (3, 4), per_sample: 1 },
        ]);
        let located: Vec<_> = (0..counts.total()).map(|item| counts.locate(item)).collect();
        assert_eq!(located, [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (2, 3, 0)]);
        assert_eq!(counts.image_ends(3), [4, 4, 5]);
        assert_eq!(counts.of_sample(0, 1), 2..4);
        assert_eq!(counts.of_sample(3, 3), 4..5);
    }
}
