"""The fastest loop that one can write by hand: Numba, with a batch's patches shared among threads.

Everything is done in one pass over a patch, in memory that is used again, by code that is compiled for the shape of the
patches; no object is made per patch. Batches come from a ring: one is overwritten when as many as the ring holds have
followed it, which a training loop that keeps batches would have to know.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from works import MASKED_PERCENTAGE, NOISE_MEAN, ROI_SIZE

from peers.peer import SCALE, Batches, Peer, Task, draw_orientations

__all__ = ["Numba"]

RING = 4
BLOCK = 8
"""Of a transposition; the sizes of all works' patches are multiples of it."""

jit = numba.njit(nogil=True, fastmath=True, error_model="numpy", boundscheck=False)
parallel_jit = numba.njit(nogil=True, fastmath=True, error_model="numpy", boundscheck=False, parallel=True)


class Numba(Peer):
    """Parallel Numba."""

    packages: ClassVar = ("numba", "llvmlite")
    works: ClassVar = frozenset({"W1", "W2", "W3", "W3m", "W3d-uniform", "W3d-median", "W4"})
    workers: ClassVar = (1, 2)
    setup: ClassVar = (
        "Hand-written: one pass over a patch, the patches of a batch shared among threads, which are the workers, into "
        "a ring of buffers. The user must not keep a batch for longer than the ring turns."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        numba.set_num_threads(n_workers)
        self._task, self._work = task, task.work
        # Volumes of one plane are what a stack of images is: one kernel for both.
        self._images = [pixels[np.newaxis] if task.is_3d else pixels[:, np.newaxis] for pixels in task.arrays.values()]
        self._patch_size = (1, *self._work.patch_size)[-3:]
        self._corners = self._grid()
        self._rng = np.random.default_rng(0)
        self._ring = [self._allocate() for _ in range(RING)]

    def _grid(self) -> NDArray[np.int64]:
        """List the corners of all patches, as sample, z, y, x."""
        n_samples, *sizes = self._images[0].shape
        axes = [range(0, size - patch + 1, patch) for size, patch in zip(sizes, self._patch_size, strict=True)]
        return np.stack(np.meshgrid(range(n_samples), *axes, indexing="ij"), axis=-1).reshape(-1, 4)

    def _allocate(self) -> list[torch.Tensor]:
        shape = (self._work.batch_size, *self._work.patch_shape)
        n_floats = 2 if self._work.masking else len(self._images)
        arrays = [torch.zeros(shape) for _ in range(n_floats)]
        return [*arrays, torch.zeros(shape, dtype=torch.uint8)] if self._work.masking else arrays

    def epoch(self) -> Batches:
        """Cut the patches of the grid in another order."""
        n = len(self._corners)
        corners = self._rng.permutation(self._corners)
        orientations = draw_orientations(n, self._rng)
        for number, first in enumerate(range(0, n, self._work.batch_size)):
            rows = slice(first, first + self._work.batch_size)
            tensors = self._ring[number % RING]
            batch = [tensor[: len(corners[rows])] for tensor in tensors]
            self._fill(corners[rows], orientations[rows], [self._as_volumes(tensor) for tensor in batch])
            yield batch

    def _as_volumes(self, batch: torch.Tensor) -> NDArray[Any]:
        return batch.numpy().reshape(-1, *self._patch_size)

    def _fill(self, corners: NDArray[Any], orientations: NDArray[Any], batch: list[NDArray[Any]]) -> None:
        if self._work.masking:
            cell = (100 / MASKED_PERCENTAGE) ** (1 / len(self._work.patch_size))
            is_median = self._work.masking == "median"
            _fill_masked(self._images[0], corners, orientations, batch[0], batch[1], batch[2], cell, is_median)
            return
        for pixels, output in zip(self._images, batch, strict=True):
            _fill(pixels, corners, orientations, output)


@parallel_jit
def _fill(pixels, corners, orientations, output):  # type: ignore[no-untyped-def]
    for item in numba.prange(len(corners)):
        _crop(pixels, corners[item], orientations[item], output[item])


@parallel_jit
def _fill_masked(pixels, corners, orientations, masked, original, mask, cell, is_median):  # type: ignore[no-untyped-def]
    for item in numba.prange(len(corners)):
        _crop(pixels, corners[item], orientations[item], original[item])
        masked[item] = original[item]
        mask[item] = 0
        _manipulate(original[item], masked[item], mask[item], cell, is_median)


@jit
def _crop(pixels, corner, orientation, output):  # type: ignore[no-untyped-def]
    """Crop, normalise, flip and turn."""
    depth, height, width = output.shape
    sample, z0, y0, x0 = corner
    transpose, flip_y, flip_x = orientation
    rows = np.empty((height, width), np.float32)
    for z in range(depth):
        plane, out = pixels[sample, z0 + z], output[z]
        for y in range(height):
            row = plane[y0 + y, x0 : x0 + width]
            if transpose:
                _normalize(row, rows[height - 1 - y if flip_x else y])
            elif flip_x:
                _normalize_backwards(row, out[height - 1 - y if flip_y else y])
            else:
                _normalize(row, out[height - 1 - y if flip_y else y])
        if transpose:
            _transpose(rows, out, flip_y)


@jit
def _normalize(row, output):  # type: ignore[no-untyped-def]
    mean, scale = np.float32(NOISE_MEAN), np.float32(SCALE)
    for x in range(len(output)):
        output[x] = (np.float32(row[x]) - mean) * scale


@jit
def _normalize_backwards(row, output):  # type: ignore[no-untyped-def]
    mean, scale = np.float32(NOISE_MEAN), np.float32(SCALE)
    last = np.uintp(len(output) - 1)
    for x in range(len(output)):
        # Without a sign there are no indices that count from the end, and the loop becomes vectors.
        output[x] = (np.float32(row[last - np.uintp(x)]) - mean) * scale


@jit
def _transpose(rows, output, flip_y):  # type: ignore[no-untyped-def]
    """Transpose by blocks, of rows that are together: in the image they lie in few sets of the cache."""
    width, height = output.shape
    last = np.uintp(width - 1)
    for y_block in range(width // BLOCK):
        for x_block in range(height // BLOCK):
            for j in range(BLOCK):
                y = np.uintp(y_block * BLOCK + j)
                to = last - y if flip_y else y
                for i in range(BLOCK):
                    x = np.uintp(x_block * BLOCK + i)
                    output[to, x] = rows[x, y]


@jit
def _manipulate(original, masked, mask, cell, is_median):  # type: ignore[no-untyped-def]
    """Replace one pixel in each cell of a grid."""
    depth, height, width = original.shape
    z_cell = cell if depth > 1 else 1.0
    values = np.empty(ROI_SIZE**3 if depth > 1 else ROI_SIZE**2, np.float32)
    for i in range(math.ceil(depth / z_cell)):
        for j in range(math.ceil(height / cell)):
            for k in range(math.ceil(width / cell)):
                z = int((i + _random()) * z_cell) if depth > 1 else 0
                y = int((j + _random()) * cell)
                x = int((k + _random()) * cell)
                if z >= depth or y >= height or x >= width:
                    continue
                mask[z, y, x] = 1
                if is_median:
                    masked[z, y, x] = _median_around(original, z, y, x, values)
                else:
                    masked[z, y, x] = original[_step(z, depth) if depth > 1 else 0, _step(y, height), _step(x, width)]


@jit
def _random():  # type: ignore[no-untyped-def]
    """Draw a number below 1 from the generator that Numba has in each thread."""
    return np.random.random()  # noqa: NPY002


@jit
def _step(place, size):  # type: ignore[no-untyped-def]
    """Draw another place nearby."""
    step = 1 + int(_random() * (ROI_SIZE - 1)) - ROI_SIZE // 2
    if step <= 0:
        step -= 1
    return min(max(place + step, 0), size - 1)


@jit
def _median_around(original, z, y, x, values):  # type: ignore[no-untyped-def]
    """Compute the median of what lies around a pixel, without it."""
    depth, height, width = original.shape
    half = ROI_SIZE // 2
    n = 0
    for dz in range(-half if depth > 1 else 0, half + 1 if depth > 1 else 1):
        for dy in range(-half, half + 1):
            row = original[min(max(z + dz, 0), depth - 1), min(max(y + dy, 0), height - 1)]
            for dx in range(-half, half + 1):
                if dz != 0 or dy != 0 or dx != 0:
                    values[n] = row[min(max(x + dx, 0), width - 1)]
                    n += 1
    upper = _select(values, n, n // 2)
    lower = values[0]
    for i in range(1, n // 2):
        lower = max(lower, values[i])
    return (lower + upper) / np.float32(2)


@jit
def _select(values, n, k):  # type: ignore[no-untyped-def]
    """Find the value of rank k, with lesser ones before it, by Hoare's method."""
    first, last = 0, n - 1
    while first < last:
        pivot = values[(first + last) // 2]
        i, j = first, last
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            last = j
        elif k >= i:
            first = i
        else:
            break
    return values[k]
