"""Images as a microscope might make them: blobs of several sizes, seen with shot noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

MODEL = {"depth": 2, "num_channels_init": 8}
"""A UNet that is small enough to be trained within seconds."""


def clean(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Return what is there: the expected number of photons of each pixel."""
    noise = np.random.default_rng(seed).normal(size=shape)
    blobs = sum((gaussian_filter(noise, sigma, mode="wrap") * sigma for sigma in (1, 2, 4)), np.zeros(shape))
    return (100 * np.exp(0.5 * blobs / blobs.std())).astype(np.float32)


def noisy(image: NDArray[np.float32], seed: int) -> NDArray[np.uint16]:
    """Return what the camera sees of it."""
    return np.random.default_rng(seed).poisson(image).astype(np.uint16)
