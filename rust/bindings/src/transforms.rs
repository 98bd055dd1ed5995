//! What is drawn and done to patches.

use numpy::{PyArray2, ToPyArray};
use patchmill_core::random::{Purpose, Stream};
use patchmill_core::transforms::{Augmentation, N2vManipulate, N2vStrategy};
use pyo3::prelude::*;

use crate::error::{make, to_python};

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
}

/// The pixel masking of Noise2Void.
#[pyclass(name = "N2vManipulate", module = "patchmill._core", frozen)]
pub(crate) struct PyN2vManipulate(pub(crate) N2vManipulate);

type Positions<'py> = Bound<'py, PyArray2<i64>>;

#[pymethods]
impl PyN2vManipulate {
    #[new]
    #[pyo3(signature = (*, strategy, roi_size, masked_pixel_percentage, is_3d))]
    fn new(strategy: &str, roi_size: usize, masked_pixel_percentage: f64, is_3d: bool) -> PyResult<Self> {
        let strategy = match strategy {
            "uniform" => N2vStrategy::Uniform,
            "median" => N2vStrategy::Median,
            other => {
                return Err(make("ConfigError", &format!("strategy: expected uniform or median, got {other}.")));
            }
        };
        N2vManipulate::new(strategy, roi_size, masked_pixel_percentage, is_3d)
            .map(Self)
            .map_err(|error| to_python(&error))
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
}

/// Rows of a matrix, one after the other, as an array.
pub(crate) fn rows<'py>(py: Python<'py>, values: &[i64], n_columns: usize) -> Positions<'py> {
    use numpy::PyArrayMethods;
    let flat = values.to_pyarray(py);
    flat.reshape([values.len() / n_columns, n_columns]).expect("the rows are whole")
}
