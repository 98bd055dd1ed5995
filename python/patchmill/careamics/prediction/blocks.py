"""A Zarr array that is written block by block: a block is encoded once, when all of it has come."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockWriter"]

Block = tuple[int, ...]


class BlockWriter:
    """Gathers pixels until the blocks that they belong to are whole.

    A block is some chunks, or shards, in a row along X: they are encoded in one call. A store of Zarr reads, decodes
    and encodes a chunk each time that a part of it is written, and a tile covers only parts.

    Parameters
    ----------
    array : zarr.Array
        Where blocks are written.
    n_pixels : int, default=2**18
        How large a block is, where it has more than one chunk.
    limit : int, default=2**28
        The bytes that may wait for their blocks to be whole; beyond, all that wait are merged into the array.
    """

    def __init__(self, array: Any, *, n_pixels: int = 1 << 18, limit: int = 1 << 28) -> None:
        self.array = array
        self.limit = limit
        unit = array.shards or array.chunks
        self._block = (*unit[:-1], unit[-1] * max(1, n_pixels // prod(unit)))
        self._waiting: dict[Block, tuple[NDArray[np.float32], NDArray[np.bool_]]] = {}
        self._missing: dict[Block, int] = {}
        self._held = 0

    def put(self, start: Sequence[int], pixels: NDArray[Any]) -> None:
        """Take pixels.

        Parameters
        ----------
        start : sequence of int
            Where they begin, per axis of the array.
        pixels : numpy.ndarray
            As many axes as the array has.
        """
        stop = [first + length for first, length in zip(start, pixels.shape, strict=True)]
        touched = [
            range(first // step, -(-last // step)) for first, last, step in zip(start, stop, self._block, strict=True)
        ]
        for block in itertools.product(*touched):
            origin = [number * step for number, step in zip(block, self._block, strict=True)]
            low = [max(first, at) for first, at in zip(start, origin, strict=True)]
            high = [min(last, at + step) for last, at, step in zip(stop, origin, self._block, strict=True)]
            given = tuple(slice(a - first, b - first) for a, b, first in zip(low, high, start, strict=True))
            inside = tuple(slice(a - at, b - at) for a, b, at in zip(low, high, origin, strict=True))
            self._gather(block, inside, pixels[given])
        if self._held > self.limit:
            self.flush()

    def flush(self) -> None:
        """Merge what waits into the array."""
        for block, (values, come) in self._waiting.items():
            place = self._place(block)
            merged = np.asarray(self.array[place])
            np.copyto(merged, values, where=come)
            self.array[place] = merged
        self._waiting.clear()
        self._missing.clear()
        self._held = 0

    def _gather(self, block: Block, inside: tuple[slice, ...], pixels: NDArray[Any]) -> None:
        """Take the pixels of one block, and write it if it is whole."""
        if block not in self._waiting:
            shape = [place.stop - place.start for place in self._place(block)]
            self._waiting[block] = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
            self._missing[block] = prod(shape)
            self._held += self._waiting[block][0].nbytes
        values, come = self._waiting[block]
        values[inside] = pixels
        come[inside] = True
        self._missing[block] -= pixels.size
        # Tiles that overlap count some pixels twice.
        if self._missing[block] <= 0 and come.all():
            self.array[self._place(block)] = values
            self._held -= values.nbytes
            del self._waiting[block], self._missing[block]

    def _place(self, block: Block) -> tuple[slice, ...]:
        """Say where a block lies in the array."""
        return tuple(
            slice(number * step, min((number + 1) * step, size))
            for number, step, size in zip(block, self._block, self.array.shape, strict=True)
        )
