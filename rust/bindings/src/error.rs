//! The one mapping from the core's errors to Python's.

use patchmill_core::Error;
use pyo3::prelude::*;

/// The exception that Python sees: a class of `patchmill.errors` with the core's message.
pub(crate) fn to_python(error: &Error) -> PyErr {
    let class = match error {
        Error::PatchLargerThanImage { .. } | Error::Mismatch { .. } | Error::NothingToTrainOn { .. } => "ShapeError",
        Error::BadPixel { .. } => "DataError",
        Error::Argument { .. } | Error::NothingKept { .. } => "ConfigError",
        _ => "InternalError",
    };
    make(class, &error.to_string())
}

/// An exception of `patchmill.errors` by its name.
pub(crate) fn make(class: &str, message: &str) -> PyErr {
    Python::attach(|py| {
        let exception = py
            .import("patchmill.errors")
            .and_then(|errors| errors.getattr(class))
            .and_then(|class| class.call1((message,)));
        exception.map_or_else(|error| error, PyErr::from_value)
    })
}
