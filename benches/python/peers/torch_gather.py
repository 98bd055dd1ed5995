"""Vectorised torch: all patches of a batch that are turned alike are gathered by one indexing of a sliding window."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from works import MASKED_PERCENTAGE, NOISE_MEAN, PROBABILITY, ROI_SIZE

from peers.peer import SCALE, Batches, Peer, Task

__all__ = ["TorchGather"]


class TorchGather(Peer):
    """Torch gather."""

    works: ClassVar = frozenset({"W1", "W2", "W3", "W3m", "W3d-uniform", "W4"})
    workers: ClassVar = (1, 2)
    setup: ClassVar = (
        "Hand-written: one indexing of a view as windows for all patches of a batch that are turned alike, so that a "
        "batch is ordered by orientation. The images are kept normalised, as float32: twice their memory, and nothing "
        "to normalise per patch. Workers are torch's threads. The medians of 3D are left out: tens of seconds an epoch."
    )

    def __init__(self, task: Task, n_workers: int) -> None:
        torch.set_num_threads(n_workers)
        self._work = task.work
        self._windows = [_windows(pixels, task.work.patch_size) for pixels in task.arrays.values()]
        self._grid = self._windows[0].shape[: task.source.ndim]
        self._generator = torch.Generator().manual_seed(0)

    def epoch(self) -> Batches:
        n_patches = self._grid.numel()
        order = torch.randperm(n_patches, generator=self._generator)
        for numbers in order.split(self._work.batch_size):
            corners = torch.unravel_index(numbers, self._grid)
            flips, turns = self._draw(len(numbers))
            batch = [self._gather(windows, corners, flips, turns) for windows in self._windows]
            yield self._manipulate(batch[0]) if self._work.masking else batch

    def _draw(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the axis to flip, 0 for none, and the number of quarter turns."""
        flips = torch.randint(1, 3, (n,), generator=self._generator)
        turns = torch.randint(1, 4, (n,), generator=self._generator)
        flips[torch.rand(n, generator=self._generator) >= PROBABILITY] = 0
        turns[torch.rand(n, generator=self._generator) >= PROBABILITY] = 0
        return flips, turns

    def _gather(
        self, windows: torch.Tensor, corners: tuple[torch.Tensor, ...], flips: torch.Tensor, turns: torch.Tensor
    ) -> torch.Tensor:
        groups = []
        for flip, n_turns in itertools.product(range(3), range(4)):
            chosen = (flips == flip) & (turns == n_turns)
            patches = windows[tuple(corner[chosen] for corner in corners)]
            if flip:
                patches = patches.flip(-flip)
            groups.append(patches.rot90(n_turns, (-2, -1)) if n_turns else patches)
        return torch.cat(groups).unsqueeze(1)

    def _manipulate(self, original: torch.Tensor) -> list[torch.Tensor]:
        """Replace one pixel in each cell of a grid, in all patches of a batch at once."""
        n, sizes = len(original), torch.tensor(self._work.patch_size)
        side = (100 / MASKED_PERCENTAGE) ** (1 / len(sizes))
        cells = torch.cartesian_prod(*(torch.arange(-(-size // side)) for size in sizes.tolist()))
        pixels = ((cells + torch.rand((n, *cells.shape), generator=self._generator)) * side).long()
        items, which = (pixels < sizes).all(-1).nonzero(as_tuple=True)
        pixels = pixels[items, which]
        places = (items, torch.zeros_like(items), *pixels.T)
        masked, mask = original.clone(), torch.zeros_like(original, dtype=torch.uint8)
        mask[places] = 1
        around = self._around(pixels, sizes)
        values = original[(items[:, None], torch.zeros_like(items)[:, None], *around.unbind(-1))]
        masked[places] = _median(values) if self._work.masking == "median" else values[:, 0]
        return [masked, original, mask]

    def _around(self, pixels: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """Return the places that a replacement comes from: one, or all of the region for a median."""
        half, n_axes = ROI_SIZE // 2, len(sizes)
        if self._work.masking == "median":
            steps = torch.cartesian_prod(*[torch.arange(-half, half + 1)] * n_axes)
            steps = steps[(steps != 0).any(-1)]
        else:
            steps = torch.randint(1, ROI_SIZE, (len(pixels), 1, n_axes), generator=self._generator) - half
            steps -= (steps <= 0).long()
        return (pixels[:, None] + steps).clamp(torch.zeros_like(sizes), sizes - 1)


def _windows(pixels: NDArray[Any], patch_size: tuple[int, ...]) -> torch.Tensor:
    """View normalised images as a grid of patches."""
    windows = torch.from_numpy(pixels).float().sub_(NOISE_MEAN).mul_(SCALE)
    first = windows.ndim - len(patch_size)
    for axis, size in enumerate(patch_size, start=first):
        windows = windows.unfold(axis, size, size)
    return windows


def _median(values: torch.Tensor) -> torch.Tensor:
    """Compute the medians of rows of an even length."""
    half = values.shape[1] // 2
    ordered = values.sort(dim=1).values
    return (ordered[:, half - 1] + ordered[:, half]) / 2
