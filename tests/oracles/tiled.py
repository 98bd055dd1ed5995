"""The tiles of prediction: overlapping crops that cover an axis, each with the part of it that is kept.

The rule is that of CAREamics: tiles every (tile - overlap) pixels, half of every overlap kept from each of the two
neighbours, the last tile moved back to end with the image. An axis that is not longer than its tile has one tile, which
is padded by reflection.
"""

from __future__ import annotations

from itertools import product

from tests.oracles.sequential import Size

Span = tuple[int, int, int, int]
"""Origin of the tile; start and end of its kept part, counted in the tile; where that part goes in the image."""


def spans(size: int, tile: int, overlap: int) -> list[Span]:
    """Return the tiles along one axis."""
    if size <= tile:
        return [(0, 0, size, 0)]
    found: list[Span] = []
    stitch_start = 0
    for start in range(0, size - overlap, tile - overlap):
        is_last = start + tile >= size
        origin = size - tile if is_last else start
        stitch_end = size if is_last else start + tile - overlap // 2
        found.append((origin, stitch_start - origin, stitch_end - origin, stitch_start))
        stitch_start = stitch_end
    return found


def tiles(size: Size, tile: Size, overlap: Size) -> list[tuple[Span, Span, Span]]:
    """Return the tiles of a sample (Z, Y, X), with X changing fastest."""
    return list(product(*(spans(size[axis], tile[axis], overlap[axis]) for axis in range(3))))
