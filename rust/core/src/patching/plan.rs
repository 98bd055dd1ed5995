//! The plan: which regions an epoch can draw from.

use std::sync::Arc;

use super::random::RandomItems;
use super::{CellGrid, CellSet, Region, SampleSizes};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream, below};

/// How often a region that touches a validation patch is drawn again, before a cell that touches none takes its place.
const N_ATTEMPTS: u64 = 64;

/// An ordered list of regions, computed and not stored: a grid of cells, and how an item lies in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) grid: Arc<CellGrid>,
    /// The cells that a filter or a split has left; all of them without.
    pub(super) left: Option<Arc<CellSet>>,
    pub(super) kind: Kind,
    /// The cells kept for validation, which no drawn region may touch.
    pub(super) validation: Option<Arc<CellSet>>,
}

/// What an item is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A cell.
    Sequential,
    /// A region of the stratum of a cell, drawn anew in every epoch.
    Stratified,
    /// A region of a sample, drawn anew in every epoch, or, if fixed, once.
    Random { items: Arc<RandomItems>, is_fixed: bool },
}

impl Plan {
    /// All cells.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn sequential(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        Ok(Self::of(CellGrid::new(images, patch)?, Kind::Sequential))
    }

    /// One region of the stratum of every cell, drawn anew in every epoch. A stratum holds the origins that are nearest to
    /// the cell.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn stratified(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        Ok(Self::of(CellGrid::new(images, patch)?, Kind::Stratified))
    }

    /// Random regions, drawn anew in every epoch: `ceil(pixels of a sample / pixels of a patch)` of every sample.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn random(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        Self::new_random(images, patch, false)
    }

    /// Random regions, those of epoch 0 in every epoch.
    ///
    /// # Errors
    ///
    /// If an image is smaller than the patch.
    pub fn fixed_random(images: &[SampleSizes], patch: [usize; 3]) -> Result<Self> {
        Self::new_random(images, patch, true)
    }

    fn new_random(images: &[SampleSizes], patch: [usize; 3], is_fixed: bool) -> Result<Self> {
        let grid = CellGrid::new(images, patch)?;
        let items = Arc::new(RandomItems::new(&grid, None));
        Ok(Self::of(grid, Kind::Random { items, is_fixed }))
    }

    fn of(grid: CellGrid, kind: Kind) -> Self {
        Self { grid: Arc::new(grid), left: None, kind, validation: None }
    }

    /// The plan with only those of its cells that a filter has kept. Random regions then lie in their strata, and there
    /// are as many of a sample as its share of kept cells asks for, rounded up.
    ///
    /// # Errors
    ///
    /// If there is no such cell, or none is left.
    pub fn keep(&self, kept: impl IntoIterator<Item = u64> + Clone) -> Result<Self> {
        let n_cells = self.n_cells();
        if let Some(cell) = kept.clone().into_iter().find(|&cell| cell >= n_cells) {
            let expected = format!("numbers of cells below {n_cells}");
            return Err(Error::Argument { argument: "kept", expected, got: cell.to_string() });
        }
        let kept = CellSet::of(n_cells, kept);
        let left = match &self.left {
            None => kept,
            Some(left) => left.intersection(&kept),
        };
        if left.is_empty() {
            return Err(Error::NothingKept { n_patches: self.n_left() });
        }
        let left = Arc::new(left);
        let kind = match &self.kind {
            Kind::Random { is_fixed, .. } => {
                let items = Arc::new(RandomItems::new(&self.grid, Some(Arc::clone(&left))));
                Kind::Random { items, is_fixed: *is_fixed }
            }
            kind => kind.clone(),
        };
        Ok(Self { left: Some(left), kind, ..self.clone() })
    }

    /// The size of the patches along Z, Y and X.
    pub fn patch_size(&self) -> [usize; 3] {
        self.grid.patch_size()
    }

    /// The grid of all cells.
    pub fn grid(&self) -> &CellGrid {
        &self.grid
    }

    /// The number of all cells.
    pub fn n_cells(&self) -> u64 {
        self.grid.n_cells()
    }

    /// The cells that a filter or a split has left, or none if it is all of them.
    pub fn left(&self) -> Option<&CellSet> {
        self.left.as_deref()
    }

    /// The number of cells that are left.
    pub fn n_left(&self) -> u64 {
        self.left.as_ref().map_or(self.n_cells(), |left| left.len())
    }

    /// The number of items in an epoch.
    pub fn n_items(&self) -> u64 {
        match &self.kind {
            Kind::Sequential | Kind::Stratified => self.n_left(),
            Kind::Random { items, .. } => items.n_items(),
        }
    }

    /// The number of images.
    pub fn n_images(&self) -> usize {
        self.grid.n_images()
    }

    /// The number of items up to the end of each image.
    pub fn image_ends(&self) -> Vec<u64> {
        let cell_ends = self.grid.image_ends();
        match (&self.kind, &self.left) {
            (Kind::Random { items, .. }, _) => items.image_ends(cell_ends.len()),
            (_, Some(left)) => cell_ends.into_iter().map(|end| left.n_before(end)).collect(),
            (_, None) => cell_ends,
        }
    }

    /// The region of an item; all plans but the sequential one draw it.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub fn region(&self, seed: u64, epoch: u64, item: u64) -> Region {
        let stream = |epoch| Stream::new(seed, Purpose::Region, epoch, item);
        match &self.kind {
            Kind::Sequential => self.grid.region(self.cell(item)),
            Kind::Stratified => {
                let cell = self.cell(item);
                let draw = |words| self.grid.draw_in_stratum(cell, words);
                self.draw_beside_validation(stream(epoch), draw, |_| cell)
            }
            Kind::Random { items, is_fixed } => {
                let stream = stream(if *is_fixed { 0 } else { epoch });
                // Of the item's own sample: whoever reads files in turn has no other at hand.
                let spare = |words: [u64; 4]| {
                    let places = items.places(&self.grid, item, self.left.as_deref());
                    self.cell(places.start + below(words[0], places.end - places.start))
                };
                self.draw_beside_validation(stream, items.draw(&self.grid, item), spare)
            }
        }
    }

    /// The cell at a place among those that are left.
    pub(super) fn cell(&self, place: u64) -> u64 {
        self.left.as_ref().map_or(place, |left| left.at(place))
    }

    /// The first drawn region that touches no validation patch, or a cell that touches none.
    #[inline]
    fn draw_beside_validation(
        &self,
        stream: Stream,
        draw: impl Fn([u64; 4]) -> Region,
        spare: impl Fn([u64; 4]) -> u64,
    ) -> Region {
        let Some(validation) = &self.validation else { return draw(stream.block(0)) };
        (0..N_ATTEMPTS)
            .map(|attempt| draw(stream.block(attempt)))
            .find(|region| !self.grid.touches(*region, validation))
            .unwrap_or_else(|| self.grid.region(spare(stream.block(N_ATTEMPTS))))
    }
}
