"""Normalisation: (x - mean) / (std + 1e-6) for each channel, as float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def normalize(pixels: NDArray[Any], means: Sequence[float], stds: Sequence[float]) -> NDArray[np.float32]:
    """Normalise pixels (C, Z, Y, X) by their channels' mean and standard deviation."""
    return affine(pixels, [(mean, 1 / (std + 1e-6)) for mean, std in zip(means, stds, strict=True)])


def affine(pixels: NDArray[Any], normalization: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Return (x - shift) * scale for each channel.

    Types of 8 and 16 bits and float32 are computed in float32, rounded after each of the two operations; wider ones in
    float64, rounded to float32 at the end.
    """
    is_wide = pixels.dtype.itemsize > 4 or pixels.dtype in (np.uint32, np.int32)
    compute = np.float64 if is_wide else np.float32
    return np.stack(
        [
            ((channel.astype(compute) - compute(shift)) * compute(scale)).astype(np.float32)
            for channel, (shift, scale) in zip(pixels, normalization, strict=True)
        ]
    )


def denormalize(values: NDArray[np.float32], normalization: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Return x / scale + shift for each channel, computed in float64 and rounded once."""
    return np.stack(
        [
            (channel.astype(np.float64) / scale + shift).astype(np.float32)
            for channel, (shift, scale) in zip(values, normalization, strict=True)
        ]
    )
