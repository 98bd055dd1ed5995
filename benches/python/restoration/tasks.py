"""What is restored: images with their truth, and the algorithm that learns to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import skimage.data
from numpy.typing import NDArray

from patchmill.samples import simulate_fluorescence

__all__ = ["TASKS", "Images", "Task"]

Stack = NDArray[np.uint16]
Truth = NDArray[np.float32]

SIDE = 384
PHOTONS = 40.0
"""Of the brightest pixel of a photograph."""
READ_NOISE = 2.0
"""Standard deviation in photo-electrons."""
OFFSET, GAIN = 100.0, 2.0


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size (S, Y, X).

    Parameters
    ----------
    train : numpy.ndarray, uint16
        What is trained on.
    target : numpy.ndarray, float32, or None
        Its targets, for CARE.
    test : numpy.ndarray, uint16
        What is restored: for Noise2Void, which learns from the noisy images themselves, what is trained on.
    truth : numpy.ndarray, float32
        What `test` would be without noise.
    """

    train: Stack
    target: Truth | None
    test: Stack
    truth: Truth


@dataclass(frozen=True)
class Task:
    """An algorithm on images.

    Parameters
    ----------
    name : str
        Its name.
    algorithm : {"n2v", "n2v2", "care"}
        The algorithm.
    create_images : callable
        Makes the images, the same ones each time.
    """

    name: str
    algorithm: Literal["n2v", "n2v2", "care"]
    create_images: Callable[[], Images]


def _simulated() -> Images:
    samples = [simulate_fluorescence((SIDE, SIDE), seed=seed, photons=25.0) for seed in range(4)]
    noisy = np.stack([sample.noisy for sample in samples])
    return Images(noisy, None, noisy, np.stack([sample.truth for sample in samples]))


def _photographs() -> Images:
    """Four images that scikit-image ships, as a camera would record them with little light."""
    names = ("camera", "cell", "brick", "moon")
    shipped = [getattr(skimage.data, name)()[:SIDE, :SIDE] for name in names]
    rng = np.random.default_rng(2026)
    electrons = np.stack([image.astype(np.float64) / image.max() * PHOTONS for image in shipped])
    recorded = rng.poisson(electrons) + rng.normal(0, READ_NOISE, electrons.shape)
    noisy = np.clip(np.rint(recorded * GAIN + OFFSET), 0, 2**16 - 1).astype(np.uint16)
    return Images(noisy, None, noisy, (electrons * GAIN + OFFSET).astype(np.float32))


def _pairs() -> Images:
    samples = [simulate_fluorescence((SIDE, SIDE), seed=10 + seed, photons=15.0) for seed in range(6)]
    noisy, truth = np.stack([s.noisy for s in samples]), np.stack([s.truth for s in samples])
    return Images(noisy[:4], truth[:4], noisy[4:], truth[4:])


TASKS = (
    Task("Noise2Void, simulated cells", "n2v", _simulated),
    Task("Noise2Void, photographs", "n2v", _photographs),
    Task("N2V2, simulated cells", "n2v2", _simulated),
    Task("N2V2, photographs", "n2v2", _photographs),
    Task("CARE, simulated pairs", "care", _pairs),
)
"""What is compared."""
