"""Cutting tiles out of a sample, and putting them together again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.oracles.sequential import Size
from tests.oracles.tiled import Span

Tile = tuple[Span, Span, Span]


def cut(sample: NDArray[np.float32], tile: Tile, tile_size: Size, margin: Size = (0, 0, 0)) -> NDArray[np.float32]:
    """Return the pixels of a tile of a sample (C, Z, Y, X), and a margin of more on either side along every axis.

    The sample is reflected at its borders, as far as tiles and margins reach beyond it.
    """
    missing = [max(size - length, 0) for size, length in zip(tile_size, sample.shape[1:], strict=True)]
    beyond = [(width, width + n) for width, n in zip(margin, missing, strict=True)]
    padded = np.pad(sample, [(0, 0), *beyond], mode="reflect")
    starts = [origin for origin, *_ in tile]
    ends = [start + size + 2 * width for start, size, width in zip(starts, tile_size, margin, strict=True)]
    return padded[(slice(None), *map(slice, starts, ends))]


def stitch(predicted: list[NDArray[np.float32]], tiles: list[Tile], size: Size) -> NDArray[np.float32]:
    """Return the sample (C, Z, Y, X) that the kept parts of all tiles make up. NaN is where none of them goes."""
    sample = np.full((predicted[0].shape[0], *size), np.nan, dtype=np.float32)
    for pixels, tile in zip(predicted, tiles, strict=True):
        kept = tuple(slice(start, end) for _, start, end, _ in tile)
        place = tuple(slice(to, to + end - start) for _, start, end, to in tile)
        sample[(slice(None), *place)] = pixels[(slice(None), *kept)]
    return sample
