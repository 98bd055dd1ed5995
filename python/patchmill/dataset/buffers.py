"""The memory that batches are made in, used again once nobody refers to it any more."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["BatchBuffers"]

Arrays = tuple[NDArray[Any], ...]
Tensors = tuple[torch.Tensor, ...]

_ALIGNMENT = 64

_TYPES = {"float32": torch.float32, "uint8": torch.uint8}


class BatchBuffers:
    """Arrays for the batches of a loader.

    Fresh memory costs a page fault for every 4 KiB, which is as long as a batch takes to make. So arrays are kept, and
    handed out again when the batch that was made in them is gone: a torch tensor made of an array holds a reference to
    it, as does every view of that tensor.

    Pinned arrays are always new: torch's own allocator recycles them, and it alone knows when a copy to a device ends.

    Parameters
    ----------
    layout : sequence of (shape, dtype)
        The shape and the type of an item's arrays.
    n_kept : int
        How many batches' arrays are kept.
    pin_memory : bool
        Whether the memory is pinned, for asynchronous copies to a device.
    """

    def __init__(
        self, layout: Sequence[tuple[tuple[int, ...], np.dtype[Any]]], *, n_kept: int, pin_memory: bool
    ) -> None:
        self.layout = layout
        self.n_kept = 0 if pin_memory else n_kept
        self._pin_memory = pin_memory
        self._kept: list[Arrays] = []
        self._n_items_kept = 0
        self._thread = threading.get_ident()
        self._n_references_if_unused = _n_references((_aligned((0,), np.dtype(np.float32)),))

    def take(self, n_items: int) -> tuple[Arrays, Tensors]:
        """Return arrays for `n_items` items that nobody else uses, and tensors of the same memory."""
        if self._pin_memory:
            # The tensors of the allocator itself: of memory that a copy reads, it knows where it begins, or this.
            pinned = tuple(
                torch.empty((n_items, *shape), dtype=_TYPES[dtype.name], pin_memory=True)
                for shape, dtype in self.layout
            )
            return tuple(tensor.numpy() for tensor in pinned), pinned
        arrays = self._take_kept(n_items)
        return arrays, tuple(torch.from_numpy(array) for array in arrays)

    def _take_kept(self, n_items: int) -> Arrays:
        if threading.get_ident() != self._thread:
            # Without a GIL, a count of references is only exact on the thread that made the arrays.
            self._kept.clear()
            self._thread = threading.get_ident()
        if n_items > self._n_items_kept:
            self._kept.clear()
            self._n_items_kept = n_items
        for place, arrays in enumerate(self._kept):
            if _n_references(arrays) == self._n_references_if_unused:
                # Those given out longest ago stand first: they are likely to be unused again.
                self._kept.append(self._kept.pop(place))
                break
        else:
            arrays = self._allocate(self._n_items_kept if len(self._kept) < self.n_kept else n_items)
            if len(self._kept) < self.n_kept:
                self._kept.append(arrays)
        return arrays if n_items == len(arrays[0]) else tuple(array[:n_items] for array in arrays)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy begins with: no arrays."""
        return {**self.__dict__, "_kept": [], "_n_items_kept": 0}

    def _allocate(self, n_items: int) -> Arrays:
        return tuple(_aligned((n_items, *shape), dtype) for shape, dtype in self.layout)


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array that begins with a line of cache: vectors that lie across two of them are written twice."""
    n_bytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % _ALIGNMENT)


def _n_references(arrays: Arrays) -> int:
    """Count the references to the most used of some arrays. Views of one refer to its base, too."""
    return max([sys.getrefcount(array) + sys.getrefcount(array.base) for array in arrays])
