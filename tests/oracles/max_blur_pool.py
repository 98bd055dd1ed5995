"""The pooling of N2V2: maxima of neighbours, blurred, and every other one of them."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["max_blur_pool"]


def max_blur_pool(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pool a (Z)YX image of even sizes."""
    maxima = np.zeros([size - 1 for size in image.shape])
    for origin in np.ndindex(*maxima.shape):
        maxima[origin] = image[tuple(slice(place, place + 2) for place in origin)].max()
    pooled = np.zeros([size // 2 for size in image.shape])
    for place in np.ndindex(*pooled.shape):
        for offset in itertools.product((-1, 0, 1), repeat=image.ndim):
            source = [2 * at + step for at, step in zip(place, offset, strict=True)]
            weight = np.prod([{-1: 1, 0: 2, 1: 1}[step] / 4 for step in offset])
            if all(0 <= at < size for at, size in zip(source, maxima.shape, strict=True)):
                pooled[place] += weight * maxima[tuple(source)]
    return pooled
