"""The loop that one writes without patchmill: the same patches, flips, rotations and masks in plain NumPy.

It is written as a careful user would write it: slices instead of copies, no work on pixels that is not needed, and
all masked pixels of a patch at once. It runs in the thread of the training loop.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["numpy_batches"]

Pixels = NDArray[np.float32]


def numpy_batches(
    stack: NDArray[np.uint16],
    *,
    patch_size: int,
    batch_size: int,
    mean: float,
    std: float,
    masks: bool,
    rng: np.random.Generator,
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Iterate over the batches of one epoch.

    Parameters
    ----------
    stack : numpy.ndarray (S, Y, X), uint16
        The images.
    patch_size, batch_size : int
        The side of a patch, and the patches of a batch.
    mean, std : float
        What patches are normalised by.
    masks : bool
        Whether pixels are masked for Noise2Void: batches are then (masked, original, mask), else (patch,).
    rng : numpy.random.Generator
        Draws everything.

    Yields
    ------
    tuple of torch.Tensor (B, 1, Y, X)
        The next batch.
    """
    n_samples, height, width = stack.shape
    corners = [
        (sample, y, x)
        for sample in range(n_samples)
        for y in range(0, height - patch_size + 1, patch_size)
        for x in range(0, width - patch_size + 1, patch_size)
    ]
    order = rng.permutation(len(corners))
    shift, scale = np.float32(mean), np.float32(1 / (std + 1e-6))
    for first in range(0, len(order), batch_size):
        items = []
        for index in order[first : first + batch_size]:
            sample, y, x = corners[index]
            patch = stack[sample, y : y + patch_size, x : x + patch_size]
            patch = _augment((patch.astype(np.float32) - shift) * scale, rng)
            items.append(_mask(patch, rng) if masks else (patch,))
        yield tuple(torch.from_numpy(np.stack(arrays)[:, np.newaxis]) for arrays in zip(*items, strict=True))


def _augment(patch: Pixels, rng: np.random.Generator) -> Pixels:
    """Flip one axis with a probability of one half, and turn by one to three quarters with the same."""
    if rng.random() < 0.5:
        patch = np.flip(patch, axis=rng.integers(2))
    if rng.random() < 0.5:
        patch = np.rot90(patch, rng.integers(1, 4))
    return patch


def _mask(
    patch: Pixels, rng: np.random.Generator, *, percentage: float = 0.2, roi_size: int = 11
) -> tuple[Pixels, Pixels, NDArray[np.uint8]]:
    """Replace one pixel in every cell of a grid by another one of the region around it."""
    side = np.sqrt(100 / percentage)
    cells = np.indices([int(np.ceil(size / side)) for size in patch.shape]).reshape(2, -1).T
    pixels = ((cells + rng.random(cells.shape)) * side).astype(int)
    pixels = pixels[(pixels < patch.shape).all(axis=1)]
    steps = rng.integers(1, roi_size, pixels.shape) - roi_size // 2
    steps -= steps <= 0
    y, x = np.clip(pixels + steps, 0, np.array(patch.shape) - 1).T
    masked, mask = patch.copy(), np.zeros(patch.shape, np.uint8)
    masked[tuple(pixels.T)] = patch[y, x]
    mask[tuple(pixels.T)] = 1
    return masked, patch, mask
