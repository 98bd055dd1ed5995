"""Classical denoisers, each at the strength that suits the truth best: what they could do at most."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from skimage.restoration import denoise_nl_means

__all__ = ["CLASSICAL", "psnr", "psnr_of_mean"]

Floats = NDArray[np.float32]


def psnr(image: Floats, truth: Floats) -> float:
    """Return the peak signal-to-noise ratio in dB, over the range of the truth."""
    error = np.mean((image.astype(np.float64) - truth) ** 2)
    return float(20 * np.log10(np.ptp(truth)) - 10 * np.log10(error))


def psnr_of_mean(image: Floats, truth: Floats) -> float:
    """Return the peak signal-to-noise ratio in dB that the image would have with the mean of the truth."""
    shift = truth.mean(dtype=np.float64) - image.mean(dtype=np.float64)
    return psnr(image + np.float32(shift), truth)


def _best(candidates: Sequence[Floats], truth: Floats) -> Floats:
    return max(candidates, key=lambda image: psnr(image, truth))


def _gaussian(noisy: Floats, truth: Floats) -> Floats:
    return _best([scipy.ndimage.gaussian_filter(noisy, sigma) for sigma in np.arange(0.4, 3.1, 0.2)], truth)


def _non_local_means(noisy: Floats, truth: Floats) -> Floats:
    """Non-local means of square roots, whose noise is alike everywhere."""
    floor = noisy.min()
    roots = np.sqrt(noisy - floor)
    # Neighbours differ by their noise where the image does not change: in most places.
    sigma = float(np.median(np.abs(np.diff(roots, axis=1)))) / (0.6745 * np.sqrt(2))
    strengths = (0.5, 0.7, 0.9, 1.1, 1.4)
    found = [
        denoise_nl_means(roots, patch_size=5, patch_distance=9, h=strength * sigma, sigma=sigma, fast_mode=True)
        for strength in strengths
    ]
    return _best([np.square(image).astype(np.float32) + floor for image in found], truth)


CLASSICAL: dict[str, Callable[[Floats, Floats], Floats]] = {
    "Gaussian": _gaussian,
    "non-local means": _non_local_means,
}
"""By name: called with a noisy image and its truth (Y, X)."""
