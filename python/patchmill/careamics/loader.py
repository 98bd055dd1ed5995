"""CAREamics' data loader with Rust threads for workers."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from patchmill._core import Batch, default_num_threads
from patchmill.careamics.dataset import Draws, EngineDataset
from patchmill.careamics.index_batches import index_batches
from patchmill.careamics.region_data import collate_specs, split_specs
from patchmill.dataset.buffers import BatchBuffers
from patchmill.dataset.file_mill import Batches, GroupReader
from patchmill.dataset.replicas import replicas

__all__ = ["RegionLoader"]

_PREFETCH = 2
"""How many batches are made ahead."""

_DRAWN_AT_ONCE = 4096
"""About how many items are drawn at once: for a batch alone, the calls cost more than the draws."""

Indices = NDArray[np.int64]


class RegionLoader(DataLoader[Any]):
    """Yields the batches that torch's DataLoader would, with CAREamics' dataset and torch's ``default_collate``.

    No worker process is started, whatever `num_workers` says: the batches are made ahead of time by as many threads as
    there are cores for this process. The order of the items is that of torch's own samplers, and of the same draws of
    its generator; with it begins the random generator of an iteration's regions and orientations.

    Parameters
    ----------
    dataset : EngineDataset
        The dataset.
    **params
        What torch's DataLoader takes.
    """

    def __init__(self, dataset: EngineDataset, **params: Any) -> None:
        super().__init__(dataset, **params)
        self._spare_buffers: list[BatchBuffers] = []

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch types its own iterator class here
        return _Batches(self)


class _Batches(Iterator[Any]):
    """One iteration of a loader: batches in flight, in order.

    Parameters
    ----------
    loader : RegionLoader
        The loader.
    """

    def __init__(self, loader: RegionLoader) -> None:
        dataset: Any = loader.dataset
        self._dataset: EngineDataset = dataset
        # As torch's own iterators begin, so that the samplers find the generator in the same state.
        seed = int(torch.empty((), dtype=torch.int64).random_(generator=loader.generator).item())
        self._rng = np.random.default_rng([seed, replicas()[1]])
        self._index_batches = index_batches(loader)
        self._mill: _Mill | _FileMill = _Mill(self._dataset)
        if self._dataset.is_in_turn:
            batches = list(self._index_batches)
            self._index_batches = iter(batches)
            self._mill = _FileMill(self._dataset, batches)
        self._pin_memory = loader.pin_memory and torch.accelerator.is_available()
        self._spare_buffers = loader._spare_buffers
        self._layout: Any = None
        self._drawn = self._draw()
        self._in_flight: deque[tuple[Batch | Batches, Draws, dict[str, Any], tuple[torch.Tensor, ...]]] = deque()
        # CAREamics' own generators are not to draw for batches that nobody asks for.
        for _ in range(0 if self._dataset.is_faithful else _PREFETCH):
            self._submit_next()

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> Any:
        # The next batch is begun before this one is waited for, so that threads always find work.
        self._submit_next()
        if not self._in_flight:
            if self._layout is not None:
                # For the next iterator: fresh memory would cost it page faults.
                self._spare_buffers[:] = [self._buffers]
            raise StopIteration
        batch, draws, specs, tensors = self._in_flight[0]
        regions = [
            region_data.collate(tensor, draws.images, specs)
            for region_data, tensor in zip(self._dataset.region_data, tensors, strict=False)
            if region_data is not None
        ]
        batch.wait()
        self._in_flight.popleft()
        return regions

    def _submit_next(self) -> None:
        drawn = next(self._drawn, None)
        if drawn is None:
            return
        draws, specs = drawn
        # Tensors already here: they hold the references that tell the buffers that the arrays are in use.
        arrays, tensors = self._take_buffers(self._dataset.item_layout(draws.patch_size)).take(len(draws.images))
        self._in_flight.append((self._mill.submit(draws, arrays), draws, specs, tensors))

    def _draw(self) -> Iterator[tuple[Draws, dict[str, Any]]]:
        """Draw the items of each batch, of many batches at once."""
        while batches := list(self._some_batches()):
            draws = self._dataset.draw(np.concatenate(batches), self._rng)
            lengths = [len(batch) for batch in batches]
            first = 0
            for length, specs in zip(lengths, split_specs(collate_specs(draws.regions), lengths), strict=True):
                yield draws.part(first, first + length), specs
                first += length

    def _some_batches(self) -> Iterator[Indices]:
        n_items = 0
        for batch in self._index_batches:
            yield batch
            n_items += len(batch)
            if n_items >= _DRAWN_AT_ONCE or self._dataset.is_faithful:
                return

    def _take_buffers(self, layout: Any) -> BatchBuffers:
        """Return what batches of a layout are made in: where it can be, what the last iterator left."""
        if layout != self._layout:
            self._layout = layout
            spare = self._spare_buffers.pop() if self._spare_buffers else None
            if spare is not None and spare.layout == layout:
                self._buffers = spare
            else:
                self._buffers = BatchBuffers(layout, n_kept=_PREFETCH + 2, pin_memory=self._pin_memory)
        return self._buffers


class _Mill:
    """Makes batches of images that are at hand.

    Parameters
    ----------
    dataset : EngineDataset
        The dataset.
    """

    def __init__(self, dataset: EngineDataset) -> None:
        self._dataset = dataset
        self._num_threads = default_num_threads()

    def submit(self, draws: Draws, arrays: tuple[NDArray[Any], ...]) -> Batch:
        """Begin to make a batch."""
        return _submit(self._dataset.core(draws.patch_size), draws, arrays, self._num_threads)


class _FileMill:
    """Makes batches of files that are opened in turn: the next one is read while patches are cut from this one.

    Parameters
    ----------
    dataset : EngineDataset
        The dataset.
    index_batches : list of numpy.ndarray
        The items of all batches, in their order.
    """

    def __init__(self, dataset: EngineDataset, index_batches: list[Indices]) -> None:
        images = [dataset.image_of_item[indices] for indices in index_batches]
        visits = np.concatenate(images) if images else np.empty(0, dtype=np.int64)
        order = [image for image, _ in itertools.groupby(visits.tolist())]
        self._reader = GroupReader(
            lambda group: dataset.create_core(group.tolist(), dataset.patch_size(int(group[0]))),
            [np.array([image]) for image in order],
            step=1,
        )
        self._order = order
        self._place = 0
        self._num_threads = default_num_threads()

    def submit(self, draws: Draws, arrays: tuple[NDArray[Any], ...]) -> Batches:
        """Begin to make a batch; waits for files that are not read yet."""
        ends = [*(np.flatnonzero(np.diff(draws.images)) + 1).tolist(), len(draws.images)]
        batches, first = [], 0
        for end in ends:
            if self._order[self._place] != draws.images[first]:
                self._place += 1
            core = self._reader.get(self._place)
            part = tuple(array[first:end] for array in arrays)
            batches.append(_submit(core, draws.part(first, end), part, self._num_threads))
            first = end
        return Batches(batches)


def _submit(core: Any, draws: Draws, arrays: tuple[NDArray[Any], ...], num_threads: int) -> Batch:
    # Nothing is left to draw: the numbers of the items and the seed decide on nothing.
    items = np.zeros((len(draws.images), 2), dtype=np.int64)
    batch: Batch = core.submit(
        items, arrays, seed=0, num_threads=num_threads, draws=(draws.regions.rows, draws.orientations)
    )
    return batch
