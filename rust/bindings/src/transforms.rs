//! What is drawn and done to patches.

use std::iter;

use numpy::{PyArray2, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods, ToPyArray};
use patchmill_core::random::{Purpose, Stream};
use patchmill_core::transforms::{Augmentation, N2vManipulate, N2vStrategy, StructAxis, StructPattern};
use pyo3::prelude::*;

use crate::array::output;
use crate::error::{make, to_python};
use crate::run::run_each;

/// Random flips and quarter turns.
#[pyclass(name = "Augmentation", module = "patchmill._core", frozen)]
pub(crate) struct PyAugmentation(pub(crate) Augmentation);

#[pymethods]
impl PyAugmentation {
    #[new]
    #[pyo3(signature = (*, flip_y, flip_x, flip_probability, rotation_probability))]
    fn new(flip_y: bool, flip_x: bool, flip_probability: f64, rotation_probability: f64) -> Self {
        Self(Augmentation { flip_y, flip_x, flip_probability, rotation_probability })
    }

    /// The orientation of an item, as (transpose, flip_y, flip_x).
    #[pyo3(signature = (*, seed, epoch, item, is_square))]
    fn draw(&self, seed: u64, epoch: u64, item: u64, is_square: bool) -> (bool, bool, bool) {
        let orientation = self.0.draw_orientation(seed, epoch, item, is_square);
        (orientation.transpose, orientation.flip_y, orientation.flip_x)
    }
}

/// The pixel masking of Noise2Void.
#[pyclass(name = "N2vManipulate", module = "patchmill._core", frozen)]
pub(crate) struct PyN2vManipulate(pub(crate) N2vManipulate);

type Positions<'py> = Bound<'py, PyArray2<i64>>;

#[pymethods]
impl PyN2vManipulate {
    #[new]
    #[pyo3(signature = (*, strategy, roi_size, masked_pixel_percentage, is_3d, struct_axis = "none", struct_span = 5))]
    fn new(
        strategy: &str,
        roi_size: usize,
        masked_pixel_percentage: f64,
        is_3d: bool,
        struct_axis: &str,
        struct_span: usize,
    ) -> PyResult<Self> {
        let strategy = match strategy {
            "uniform" => N2vStrategy::Uniform,
            "median" => N2vStrategy::Median,
            other => {
                return Err(make("ConfigError", &format!("strategy: expected uniform or median, got {other}.")));
            }
        };
        let axis = match struct_axis {
            "none" => None,
            "horizontal" => Some(StructAxis::Horizontal),
            "vertical" => Some(StructAxis::Vertical),
            "cross" => Some(StructAxis::Cross),
            "square" => Some(StructAxis::Square),
            other => {
                let message =
                    format!("struct_axis: expected none, horizontal, vertical, cross or square, got {other}.");
                return Err(make("ConfigError", &message));
            }
        };
        let masking = N2vManipulate::new(strategy, roi_size, masked_pixel_percentage, is_3d);
        let masking = match axis {
            None => masking,
            Some(axis) => masking.and_then(|masking| masking.with_pattern(StructPattern::new(axis, struct_span)?)),
        };
        masking.map(Self).map_err(|error| to_python(&error))
    }

    /// The masked pixels of one channel of an item, and those drawn to replace them, as rows of (z, y, x).
    #[pyo3(signature = (*, seed, epoch, item, channel, size))]
    fn draw<'py>(
        &self,
        py: Python<'py>,
        seed: u64,
        epoch: u64,
        item: u64,
        channel: usize,
        size: [usize; 3],
    ) -> (Positions<'py>, Positions<'py>) {
        let stream = Stream::new(seed, Purpose::Mask, epoch, item);
        let (mut positions, mut replacements) = (Vec::new(), Vec::new());
        self.0.draw_masked_pixels(&stream, channel, size, |pixel| {
            positions.extend(pixel.position.map(|position| position as i64));
            replacements.extend(pixel.replacement.map(|position| position as i64));
        });
        (rows(py, &positions, 3), rows(py, &replacements, 3))
    }

    /// Masks a patch: fills `masked` and `mask` from `original`, all of them with the axes C(Z)YX.
    #[pyo3(signature = (original, masked, mask, *, seed, epoch, item))]
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn manipulate_into<'py>(
        &self,
        py: Python<'py>,
        original: PyReadonlyArrayDyn<'py, f32>,
        masked: Bound<'py, PyAny>,
        mask: Bound<'py, PyAny>,
        seed: u64,
        epoch: u64,
        item: u64,
    ) -> PyResult<()> {
        let (n_channels, size) = self.layout(original.shape()).ok_or_else(|| self.wrong_pixels("", &original))?;
        let n_pixels = size.iter().product();
        let mut masked = output::<f32>(&masked, n_channels, n_pixels)?;
        let mut mask = output::<u8>(&mask, n_channels, n_pixels)?;
        let (Ok(original), Ok(masked), Ok(mask)) = (original.as_slice(), masked.as_slice_mut(), mask.as_slice_mut())
        else {
            return Err(self.wrong_pixels("", &original));
        };
        run_each(py, 1, iter::once((masked, mask)), |(masked, mask)| {
            let stream = Stream::new(seed, Purpose::Mask, epoch, item);
            self.0.manipulate_into(original, size, &stream, masked, mask);
            Ok(())
        })
    }

    /// Masks the patches of a batch, all of them with the axes BC(Z)YX, as items 0, 1, 2, ... of an epoch.
    #[pyo3(signature = (originals, masked, masks, *, seed, epoch, num_threads))]
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn manipulate_batch_into<'py>(
        &self,
        py: Python<'py>,
        originals: PyReadonlyArrayDyn<'py, f32>,
        masked: Bound<'py, PyAny>,
        masks: Bound<'py, PyAny>,
        seed: u64,
        epoch: u64,
        num_threads: usize,
    ) -> PyResult<()> {
        let [n_items, patch @ ..] = originals.shape() else { return Err(self.wrong_pixels("B", &originals)) };
        let (n_channels, size) = self.layout(patch).ok_or_else(|| self.wrong_pixels("B", &originals))?;
        let item_size = n_channels * size.iter().product::<usize>();
        let mut masked = output::<f32>(&masked, *n_items, item_size)?;
        let mut masks = output::<u8>(&masks, *n_items, item_size)?;
        let (Ok(pixels), Ok(masked), Ok(masks)) = (originals.as_slice(), masked.as_slice_mut(), masks.as_slice_mut())
        else {
            return Err(self.wrong_pixels("B", &originals));
        };
        let items = pixels.chunks_exact(item_size).zip(masked.chunks_exact_mut(item_size));
        let items = items.zip(masks.chunks_exact_mut(item_size)).enumerate();
        run_each(py, num_threads, items, |(item, ((pixels, masked), mask))| {
            let stream = Stream::new(seed, Purpose::Mask, epoch, item as u64);
            self.0.manipulate_into(pixels, size, &stream, masked, mask);
            Ok(())
        })
    }
}

impl PyN2vManipulate {
    /// The number of channels of a patch with the axes C(Z)YX and its size along Z, Y and X, if it has pixels.
    fn layout(&self, shape: &[usize]) -> Option<(usize, [usize; 3])> {
        match (shape, self.0.is_3d()) {
            _ if shape.contains(&0) => None,
            (&[c, z, y, x], true) => Some((c, [z, y, x])),
            (&[c, y, x], false) => Some((c, [1, y, x])),
            _ => None,
        }
    }

    fn wrong_pixels(&self, batch: &str, got: &PyReadonlyArrayDyn<'_, f32>) -> PyErr {
        let (axes, shape) = (if self.0.is_3d() { "CZYX" } else { "CYX" }, got.shape());
        let message =
            format!("patch: expected contiguous pixels with the axes {batch}{axes}, got the shape {shape:?}.");
        make("ShapeError", &message)
    }
}

/// Rows of a matrix, one after the other, as an array.
pub(crate) fn rows<'py>(py: Python<'py>, values: &[i64], n_columns: usize) -> Positions<'py> {
    let flat = values.to_pyarray(py);
    flat.reshape([values.len() / n_columns, n_columns]).expect("the rows are whole")
}
