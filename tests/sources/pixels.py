"""What the tests of statistics and quantiles share: types, pixels of channels, and values that are refused."""

from __future__ import annotations

import numpy as np

from patchmill._core import statistics
from patchmill.sources import canonical_view
from tests.images import DTYPES
from tests.oracles.crop import samples

INTEGERS = [dtype for dtype in DTYPES if dtype.kind in "bui"]
FLOATS = [dtype for dtype in DTYPES if dtype.kind == "f"]
LEVELS = [0.0, 0.01, 0.25, 1 / 3, 0.5, 0.99, 1.0]
BAD = [
    ("f2", np.nan, "a finite number"),
    ("f2", np.inf, "a finite number"),
    ("f4", np.nan, "a finite number"),
    (">f4", -np.inf, "a finite number"),
    ("f4", 1e16, "a magnitude of at most 2^53"),
    ("f8", np.nan, "a finite number"),
    (">f8", np.inf, "a finite number"),
    ("f8", 2.0**53 + 2, "a magnitude of at most 2^53"),
    ("f8", -1e300, "a magnitude of at most 2^53"),
    ("f8", 1e308, "a magnitude of at most 2^53"),
    ("u8", 2**53 + 1, "a magnitude of at most 2^53"),
    (">u8", 2**64 - 1, "a magnitude of at most 2^53"),
    ("i8", -(2**53) - 1, "a magnitude of at most 2^53"),
    (">i8", -(2**63), "a magnitude of at most 2^53"),
]


def computed(arrays: list[np.ndarray], axes: str, num_threads: int = 2) -> np.ndarray:
    """Return rows of means, standard deviations, minima and maxima, with a column for each channel."""
    return np.array(statistics(inputs(arrays, axes), num_threads=num_threads))


def inputs(arrays: list[np.ndarray], axes: str) -> list[tuple[str, np.ndarray]]:
    return [(f"image {number}", canonical_view(array, axes)) for number, array in enumerate(arrays)]


def channels(arrays: list[np.ndarray], axes: str) -> list[list[np.ndarray]]:
    """Return the pixels of each channel, image by image."""
    images = [samples(array, axes) for array in arrays]
    return [[image[:, channel] for image in images] for channel in range(images[0].shape[1])]


def noisy(offset: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return offset + spread * np.random.default_rng(4).normal(size=(512, 512))
