"""What patch filters say of each cell of the sequential grid: slowly, from its pixels alone."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.crop import crop
from tests.oracles.sequential import Size, sequential_regions
from tests.oracles.statistics import float_moments, integer_moments, square_root


def cell_scores(
    images: list[NDArray[Any]], patch: Size, name: str, *, channel: int = 0, threshold: float | None = None
) -> NDArray[np.float64]:
    """Return a row of scores for each cell of images (S*T, C, Z, Y, X)."""
    sizes = [(len(image), image.shape[2:]) for image in images]
    patches = [crop(images, region, patch)[channel] for region in sequential_regions(sizes, patch)]
    if threshold is not None:
        return np.array([[share_near_bright(patch, threshold)] for patch in patches])
    score = {"mean_std": mean_and_std, "shannon": entropy, "mask": share_inside}[name]
    return np.array([np.atleast_1d(score(patch)) for patch in patches])


def share_near_bright(patch: NDArray[Any], threshold: float) -> float:
    """Return the share of the pixels with a pixel above the threshold in their window, of half the size of the patch.

    The threshold of floats is the nearest number of their type.
    """
    if patch.dtype.kind == "f":
        with np.errstate(over="ignore"):
            threshold = float(patch.dtype.type(threshold))
    is_bright = np.array([float(pixel) > threshold for pixel in patch.ravel()]).reshape(patch.shape)
    windows = [max(length // 2, 1) for length in patch.shape]
    n_near = 0
    for place in itertools.product(*(range(length) for length in patch.shape)):
        starts = [index - window // 2 for index, window in zip(place, windows, strict=True)]
        ends = [start + window for start, window in zip(starts, windows, strict=True)]
        n_near += is_bright[tuple(slice(max(start, 0), end) for start, end in zip(starts, ends, strict=True))].any()
    return n_near / patch.size


def mean_and_std(patch: NDArray[Any]) -> tuple[float, float]:
    """Return mean and population standard deviation: of integers rounded once, of floats summed as the core sums."""
    if patch.dtype.kind == "f":
        return float_moments([patch[np.newaxis]])
    mean, variance = integer_moments([patch])
    return float(mean), square_root(variance)


def entropy(patch: NDArray[Any]) -> float:
    """Return the entropy of the distribution of values in bits, added up from rare to frequent values."""
    # The sum makes one zero of the two.
    values = patch + patch.dtype.type(0) if patch.dtype.kind == "f" else patch
    counts, n_values = np.unique(np.unique(values, return_counts=True)[1], return_counts=True)
    total = 0.0
    for count, n in zip(counts.tolist(), n_values.tolist(), strict=True):
        total += count * n * (log2(patch.size) - log2(count))
    return total / patch.size


def share_inside(mask: NDArray[Any]) -> float:
    """Return the share of the pixels that are not zero."""
    return np.count_nonzero(mask) / mask.size


def log2(number: int) -> float:
    """Return the binary logarithm, rounded as the core rounds: libraries disagree on the last bits."""
    whole = number.bit_length() - 1
    fraction = number / 2**whole
    if fraction > math.sqrt(2):
        fraction, whole = fraction / 2, whole + 1
    s = (fraction - 1) / (fraction + 1)
    series = 0.0
    for power in range(23, 0, -2):
        series = series * (s * s) + 1 / power
    return whole + 2 * s * series / math.log(2)
