//! NumPy arrays as the core sees them. Unsafe code of the bindings is about their memory only: here, where views of
//! them are made, and in `dataset`, `filters`, `prediction` and `sources`, which hold the arrays while there are views.

use numpy::npyffi::PY_ARRAY_API;
use numpy::{
    Element, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use patchmill_core::sources::{Image, PixelType};
use pyo3::prelude::*;

use crate::error::{make, to_python};

/// An image as Python passes it: its name and its pixels, with the axes S, T, C, Z, Y, X.
pub(crate) type NamedArray<'py> = (String, Bound<'py, PyUntypedArray>);

/// The core's views of images.
///
/// # Safety
///
/// The arrays must outlive the views.
pub(crate) unsafe fn images(arrays: &[NamedArray<'_>]) -> PyResult<Vec<Image>> {
    // SAFETY: the caller's promise is passed on.
    arrays.iter().map(|(name, array)| unsafe { image(name, array) }).collect()
}

/// # Safety
///
/// The array must outlive the view.
unsafe fn image(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Image> {
    let dtype = array.dtype();
    let is_swapped = dtype.is_native_byteorder() == Some(false);
    let pixel_type = PixelType::from_numpy(dtype.kind(), dtype.itemsize(), is_swapped).ok_or_else(|| {
        let message = format!(
            "{name}: expected pixels of bool, an integer or a float type of up to 64 bits, got {dtype}. \
             Convert the image first."
        );
        make("DtypeError", &message)
    })?;
    let (Ok(shape), Ok(strides)) = (array.shape().try_into(), array.strides().try_into()) else {
        let message = format!("{name}: expected the six axes S, T, C, Z, Y, X, got {}.", array.ndim());
        return Err(make("AxesError", &message));
    };
    // SAFETY: the array is alive, and the index has as many zeros as it has axes.
    let pixels = unsafe { PY_ARRAY_API.PyArray_GetPtr(array.py(), array.as_array_ptr(), [0; 6].as_ptr().cast_mut()) };
    // SAFETY: shape and strides are the array's own, and the caller vouches for its life.
    unsafe { Image::new(name, pixels.cast(), pixel_type, shape, strides) }.map_err(|error| to_python(&error))
}

/// An output array, borrowed: it must be writeable, in C order, hold `n_items` items of `item_size`, and share no memory
/// with another one that is borrowed.
pub(crate) fn output<'py, T: Element>(
    array: &Bound<'py, PyAny>,
    n_items: usize,
    item_size: usize,
) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    let wrong = || {
        let expected = std::any::type_name::<T>();
        let message = format!(
            "output: expected a writeable, contiguous {expected} array of {n_items} items of {item_size} elements, \
             apart from the others in memory."
        );
        make("ShapeError", &message)
    };
    let array = array.cast::<PyArrayDyn<T>>().map_err(|_| wrong())?;
    let fits = array.shape().first() == Some(&n_items) && Some(array.len()) == n_items.checked_mul(item_size);
    if !fits || !array.is_c_contiguous() {
        return Err(wrong());
    }
    array.try_readwrite().map_err(|_| wrong())
}
