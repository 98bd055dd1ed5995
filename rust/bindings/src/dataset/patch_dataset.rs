//! The patch dataset.

use std::sync::Arc;

use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray2};
use patchmill_core::dataset::{Batch, BatchBuffers, Item, ItemDraw, Paired, PatchDataset};
use patchmill_core::patching::Region;
use patchmill_core::threads::pool;
use patchmill_core::transforms::{Augmentation, Orientation};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::batch::{Lease, PyBatch};
use crate::array::{NamedArray, images, output};
use crate::error::{make, to_python};
use crate::patching::PyPlan;
use crate::prediction::affines;
use crate::transforms::{PyAugmentation, PyN2vManipulate, rows};

/// Images, the plan of their patches, and what is done to each.
#[pyclass(name = "PatchDataset", module = "patchmill._core", frozen)]
pub(crate) struct PyPatchDataset {
    dataset: Arc<PatchDataset>,
    /// The arrays that the dataset reads.
    _arrays: Vec<Py<PyAny>>,
}

#[pymethods]
impl PyPatchDataset {
    #[new]
    #[pyo3(signature = (
        inputs, normalization, plan, *, numbers = None, targets = None, target_normalization = None,
        n2v_manipulate = None, augmentation = None, fixed_epoch = None
    ))]
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn new(
        inputs: Vec<NamedArray<'_>>,
        normalization: Vec<(f64, f64)>,
        plan: &PyPlan,
        numbers: Option<Vec<usize>>,
        targets: Option<Vec<NamedArray<'_>>>,
        target_normalization: Option<Vec<(f64, f64)>>,
        n2v_manipulate: Option<&PyN2vManipulate>,
        augmentation: Option<&PyAugmentation>,
        fixed_epoch: Option<u64>,
    ) -> PyResult<Self> {
        let arrays = inputs.iter().chain(targets.iter().flatten());
        let arrays = arrays.map(|(_, array)| array.clone().into_any().unbind()).collect();
        // SAFETY: `_arrays` holds the arrays for as long as the dataset lives, and every batch holds the dataset.
        let (inputs, targets) = unsafe { (images(&inputs)?, targets.as_deref().map(|t| images(t)).transpose()?) };
        let paired = match (targets, n2v_manipulate) {
            (None, None) => Paired::Nothing,
            (None, Some(manipulate)) => Paired::Masks(manipulate.0),
            (Some(targets), None) => Paired::Targets(targets, affines(&target_normalization.unwrap_or_default())),
            (Some(_), Some(_)) => {
                return Err(make("ConfigError", "targets: expected none with Noise2Void's masking, got some."));
            }
        };
        if let Some(numbers) = &numbers
            && !(numbers.len() == inputs.len() && numbers.is_sorted_by(|a, b| a < b))
        {
            let message =
                format!("numbers: expected one for each of {} images, rising, got {numbers:?}.", inputs.len());
            return Err(make("ConfigError", &message));
        }
        let dataset = PatchDataset::new(
            inputs,
            numbers,
            affines(&normalization),
            paired,
            plan.0.clone(),
            augmentation.map_or(Augmentation::NONE, |augmentation| augmentation.0),
            fixed_epoch,
        )
        .map_err(|error| to_python(&error))?;
        Ok(Self { dataset: Arc::new(dataset), _arrays: arrays })
    }

    fn __len__(&self) -> usize {
        self.dataset.n_items() as usize
    }

    /// The random parameters of items: regions as rows of (image, sample, z, y, x), and orientations as rows of
    /// (transpose, flip_y, flip_x).
    #[pyo3(signature = (items, *, seed))]
    #[allow(clippy::needless_pass_by_value, clippy::type_complexity, reason = "extracted from Python")]
    fn draw<'py>(
        &self,
        py: Python<'py>,
        items: PyReadonlyArray2<'py, i64>,
        seed: u64,
    ) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<i64>>)> {
        let (mut regions, mut orientations) = (Vec::new(), Vec::new());
        for item in items_of(&items, self.dataset.n_items())? {
            let draw = self.dataset.draw_item(seed, item);
            regions.extend([draw.region.image as i64, draw.region.sample as i64]);
            regions.extend(draw.region.origin.map(|origin| origin as i64));
            let orientation = draw.orientation;
            let flags = [orientation.transpose, orientation.flip_y, orientation.flip_x];
            orientations.extend(flags.map(i64::from));
        }
        Ok((rows(py, &regions, 5), rows(py, &orientations, 3)))
    }

    /// Begins to fill the outputs with items, given as rows of (index, epoch), as they are drawn here or in `draws`.
    #[pyo3(signature = (items, outputs, *, seed, num_threads, draws = None))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn submit<'py>(
        slf: &Bound<'py, Self>,
        items: PyReadonlyArray2<'py, i64>,
        outputs: &Bound<'py, PyTuple>,
        seed: u64,
        num_threads: usize,
        draws: Option<(PyReadonlyArray2<'py, i64>, PyReadonlyArray2<'py, i64>)>,
    ) -> PyResult<PyBatch> {
        let dataset = &slf.get().dataset;
        let items = items_of(&items, if draws.is_none() { dataset.n_items() } else { u64::MAX })?;
        let draws = draws.map(|(regions, orientations)| draws_of(dataset, items.len(), &regions, &orientations));
        let draws = draws.transpose()?;
        if draws.is_none()
            && let Some(item) = items.iter().find(|&&item| !dataset.holds(seed, item))
        {
            let message = format!("item {}: expected one of the dataset's own images, got one of another.", item.index);
            return Err(make("ConfigError", &message));
        }
        let buffers = buffers_of(dataset, items.len(), outputs)?;
        let mut lease: Lease = outputs.iter().map(Bound::unbind).collect();
        lease.push(slf.clone().into_any().unbind());
        let pool = slf.py().detach(|| pool(num_threads)).map_err(|error| to_python(&error))?;
        // SAFETY: the buffers have the room that `buffers_of` has checked, and `PyBatch` holds them, and the dataset
        // with its arrays, until the batch is done.
        let batch = unsafe { Batch::submit(&pool, Arc::clone(dataset), seed, items, draws, buffers) };
        Ok(PyBatch::new(batch, lease, num_threads))
    }
}

/// The items in rows of (index, epoch), all of which must exist.
pub(crate) fn items_of(items: &PyReadonlyArray2<'_, i64>, n_items: u64) -> PyResult<Vec<Item>> {
    let items = items.as_array();
    if items.ncols() != 2 {
        return Err(make("ShapeError", &format!("items: expected rows of (index, epoch), got {:?}.", items.shape())));
    }
    items
        .rows()
        .into_iter()
        .map(|row| match (u64::try_from(row[0]), u64::try_from(row[1])) {
            (Ok(index), Ok(epoch)) if index < n_items => Ok(Item { index, epoch }),
            _ => Err(PyIndexError::new_err(format!(
                "item: expected an index below {n_items} and an epoch of at least 0, got {} and {}.",
                row[0], row[1]
            ))),
        })
        .collect()
}

/// The draws in rows of (image, sample, z, y, x) and of (transpose, flip_y, flip_x), one for each of `n_items` items,
/// all of which the dataset can make.
fn draws_of(
    dataset: &PatchDataset,
    n_items: usize,
    regions: &PyReadonlyArray2<'_, i64>,
    orientations: &PyReadonlyArray2<'_, i64>,
) -> PyResult<Vec<ItemDraw>> {
    let (regions, orientations) = (regions.as_array(), orientations.as_array());
    if regions.dim() != (n_items, 5) || orientations.dim() != (n_items, 3) {
        let (regions, orientations) = (regions.shape(), orientations.shape());
        let message = format!(
            "draws: expected {n_items} rows of (image, sample, z, y, x), and as many of (transpose, flip_y, flip_x), \
             got {regions:?} and {orientations:?}."
        );
        return Err(make("ShapeError", &message));
    }
    regions
        .rows()
        .into_iter()
        .zip(orientations.rows())
        .map(|(region, orientation)| {
            let [image, sample, z, y, x] =
                std::array::from_fn(|column| usize::try_from(region[column]).unwrap_or(usize::MAX));
            let [transpose, flip_y, flip_x] = std::array::from_fn(|column| orientation[column] != 0);
            let draw = ItemDraw {
                region: Region { image, sample, origin: [z, y, x] },
                orientation: Orientation { transpose, flip_y, flip_x },
            };
            if dataset.can_make(&draw) {
                return Ok(draw);
            }
            let message = format!(
                "draws: expected regions of {:?} (Z, Y, X) within the images, transposed only if square, got {:?}{}.",
                dataset.patch_size(),
                region.to_vec(),
                if transpose { ", transposed" } else { "" }
            );
            Err(make("ShapeError", &message))
        })
        .collect()
}

/// The memory of the outputs, checked to be what the dataset's items ask for.
fn buffers_of(dataset: &PatchDataset, n_items: usize, outputs: &Bound<'_, PyTuple>) -> PyResult<BatchBuffers> {
    let n_pixels = dataset.patch_size().iter().product::<usize>();
    let n_input = n_pixels * dataset.n_channels();
    let expect = |n: usize| match outputs.len() {
        got if got == n => Ok(()),
        got => Err(make("ShapeError", &format!("outputs: expected {n} arrays, got {got}."))),
    };
    let array = |i| outputs.get_item(i);
    // All are borrowed before the first pointer is taken, which shows whether two of them share memory.
    Ok(match dataset.paired() {
        Paired::Nothing => {
            expect(1)?;
            let patch = output(&array(0)?, n_items, n_input)?;
            BatchBuffers::Patch(patch.data())
        }
        Paired::Targets(_, target_affines) => {
            expect(2)?;
            let input = output(&array(0)?, n_items, n_input)?;
            let target = output(&array(1)?, n_items, n_pixels * target_affines.len())?;
            BatchBuffers::Pair { input: input.data(), target: target.data() }
        }
        Paired::Masks(_) => {
            expect(3)?;
            let masked = output(&array(0)?, n_items, n_input)?;
            let original = output(&array(1)?, n_items, n_input)?;
            let mask = output(&array(2)?, n_items, n_input)?;
            BatchBuffers::Masked { masked: masked.data(), original: original.data(), mask: mask.data() }
        }
    })
}
