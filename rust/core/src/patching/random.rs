//! The random plan: every epoch draws its regions anew.

use std::collections::HashMap;
use std::sync::Arc;

use super::SequentialPlan;
use super::region::{ItemCounts, Region, SampleSizes};
use crate::error::Result;
use crate::random::{Purpose, Stream, below};

/// How often a region that must be avoided is drawn again, before one of the spare regions takes its place.
const N_ATTEMPTS: u64 = 64;

/// As many regions of every sample as would cover it, wherever chance puts them.
#[derive(Debug, Clone)]
pub struct RandomPlan {
    patch: [usize; 3],
    sizes: Vec<[usize; 3]>,
    counts: ItemCounts,
    avoided: Option<Arc<Avoided>>,
}

/// Regions that no drawn region may touch, and regions known not to touch them.
#[derive(Debug)]
pub(super) struct Avoided {
    by_sample: HashMap<(usize, usize), Vec<Region>>,
    grid: SequentialPlan,
    spares: Arc<[u64]>,
}

impl Avoided {
    pub(super) fn new(grid: SequentialPlan, avoided: &[u64], spares: Arc<[u64]>) -> Self {
        let mut by_sample = HashMap::<_, Vec<_>>::new();
        for &item in avoided {
            let region = grid.region(item);
            by_sample.entry((region.image, region.sample)).or_default().push(region);
        }
        Self { by_sample, grid, spares }
    }

    fn touches(&self, region: &Region) -> bool {
        self.by_sample
            .get(&(region.image, region.sample))
            .is_some_and(|avoided| avoided.iter().any(|other| region.overlaps(other, self.grid.patch_size())))
    }
}

impl RandomPlan {
    /// The plan for patches of a size (Z, Y, X): `ceil(pixels of a sample / pixels of a patch)` regions a sample.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn new(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        for image in images {
            image.check_patch(patch)?;
        }
        let n_pixels = |size: [usize; 3]| size.iter().product::<usize>();
        let per_sample = images.iter().map(|image| n_pixels(image.size).div_ceil(n_pixels(patch)) as u64).collect();
        Ok(Self {
            patch,
            sizes: images.iter().map(|image| image.size).collect(),
            counts: ItemCounts::new(images, per_sample),
            avoided: None,
        })
    }

    pub(super) fn avoiding(&self, avoided: Avoided) -> Self {
        Self { avoided: Some(Arc::new(avoided)), ..self.clone() }
    }

    /// The size of the patches along Z, Y and X.
    pub fn patch_size(&self) -> [usize; 3] {
        self.patch
    }

    /// The number of regions in an epoch.
    pub fn n_regions(&self) -> u64 {
        self.counts.total()
    }

    /// Draws the region of an item in an epoch.
    pub fn draw_region(&self, seed: u64, epoch: u64, item: u64) -> Region {
        let (image, sample, _) = self.counts.locate(item);
        let stream = Stream::new(seed, Purpose::Region, epoch, item);
        let draw = |attempt| {
            let words = stream.block(attempt);
            let origin = std::array::from_fn(|axis| {
                below(words[axis], (self.sizes[image][axis] - self.patch[axis] + 1) as u64) as usize
            });
            Region { image, sample, origin }
        };
        let Some(avoided) = &self.avoided else { return draw(0) };
        (0..N_ATTEMPTS).map(draw).find(|region| !avoided.touches(region)).unwrap_or_else(|| {
            let spare = below(stream.block(N_ATTEMPTS)[0], avoided.spares.len() as u64);
            avoided.grid.region(avoided.spares[spare as usize])
        })
    }
}
