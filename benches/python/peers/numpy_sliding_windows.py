"""Plain NumPy: patches of a sliding window, one after the other, and a stack of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from works import MASKED_PERCENTAGE, NOISE_MEAN, ROI_SIZE, Work

from peers.peer import SCALE, Batches, Peer, Task, draw_orientations

__all__ = ["NumpySlidingWindows"]

Pixels = NDArray[np.float32]


class NumpySlidingWindows(Peer):
    """NumPy loop."""

    works: ClassVar = frozenset({"W1", "W2", "W3", "W3m", "W3d-uniform", "W4"})
    setup: ClassVar = (
        "Hand-written: views of the images as windows, one NumPy expression per patch, masks without a loop over "
        "pixels. Workers are processes of a torch `DataLoader` that make whole batches. The medians of 3D are left "
        "out: tens of seconds an epoch."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        batches = _Batches(task)
        self._loader = (
            DataLoader(batches, batch_size=None, num_workers=n_workers, persistent_workers=True)
            if n_workers
            else batches
        )

    def epoch(self) -> Batches:
        return self._loader


class _Batches(IterableDataset[tuple[torch.Tensor, ...]]):
    """Batches of the patches of a grid; workers take turns with them."""

    def __init__(self, task: Task) -> None:
        self._work = task.work
        self._windows = [_grid(pixels, task.work.patch_size) for pixels in task.arrays.values()]
        self._n_corner_axes = task.source.ndim
        self._epoch = -1

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        self._epoch += 1
        worker = get_worker_info()
        number, n_workers = (worker.id, worker.num_workers) if worker else (0, 1)
        grid = self._windows[0].shape[: self._n_corner_axes]
        # The order is the same in all workers, the draws are not.
        order = np.random.default_rng(self._epoch).permutation(int(np.prod(grid)))
        rng = np.random.default_rng([self._epoch, number])
        size = self._work.batch_size
        for first in itertools.islice(range(0, len(order), size), number, None, n_workers):
            corners = np.stack(np.unravel_index(order[first : first + size], grid), axis=-1)
            yield self._batch(corners, rng)

    def _batch(self, corners: NDArray[Any], rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        orientations = draw_orientations(len(corners), rng).tolist()
        arrays = []
        for windows in self._windows:
            output = np.empty((len(corners), 1, *self._work.patch_size), np.float32)
            for patch, corner, orientation in zip(output[:, 0], corners.tolist(), orientations, strict=True):
                np.subtract(_orient(windows[tuple(corner)], *orientation), np.float32(NOISE_MEAN), out=patch)
            output *= np.float32(SCALE)
            arrays.append(output)
        if self._work.masking:
            arrays = _manipulate(arrays[0], self._work, rng)
        return tuple(map(torch.from_numpy, arrays))


def _grid(pixels: NDArray[Any], patch_size: tuple[int, ...]) -> NDArray[Any]:
    """View images as a grid of patches."""
    axes = tuple(range(pixels.ndim - len(patch_size), pixels.ndim))
    windows = sliding_window_view(pixels, patch_size, axis=axes)
    return windows[
        tuple(slice(None, None, dict(zip(axes, patch_size, strict=True)).get(a, 1)) for a in range(pixels.ndim))
    ]


def _orient(patch: NDArray[Any], transpose: bool, flip_y: bool, flip_x: bool) -> NDArray[Any]:  # noqa: FBT001
    patch = patch.swapaxes(-2, -1) if transpose else patch
    return patch[..., :: -1 if flip_y else 1, :: -1 if flip_x else 1]


def _manipulate(original: Pixels, work: Work, rng: np.random.Generator) -> list[NDArray[Any]]:
    """Replace one pixel in each cell of a grid, in all patches of a batch at once."""
    sizes = np.array(work.patch_size)
    side = (100 / MASKED_PERCENTAGE) ** (1 / len(sizes))
    cells = np.indices(np.ceil(sizes / side).astype(int)).reshape(len(sizes), -1).T
    pixels = ((cells + rng.random((len(original), *cells.shape))) * side).astype(int)
    items, which = np.nonzero((pixels < sizes).all(-1))
    pixels = pixels[items, which]
    masked, mask = original.copy(), np.zeros(original.shape, np.uint8)
    places = (items, 0, *pixels.T)
    mask[places] = 1
    around = np.moveaxis(np.clip(pixels[:, np.newaxis] + _steps(len(pixels), work, rng), 0, sizes - 1), -1, 0)
    values = original[(items[:, np.newaxis], 0, *around)]
    masked[places] = np.median(values, axis=1) if work.masking == "median" else values[:, 0]
    return [masked, original, mask]


def _steps(n: int, work: Work, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the steps to where a replacement comes from: one, or all of the region for a median."""
    half, n_axes = ROI_SIZE // 2, len(work.patch_size)
    if work.masking == "median":
        steps = np.indices([ROI_SIZE] * n_axes).reshape(n_axes, -1).T - half
        return steps[(steps != 0).any(-1)]
    steps = rng.integers(1, ROI_SIZE, (n, 1, n_axes)) - half
    return steps - (steps <= 0)
