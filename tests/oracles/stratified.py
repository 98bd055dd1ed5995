"""The stratified plan: an item for each cell of the sequential grid, which lies near it, drawn anew in every epoch."""

from __future__ import annotations

from tests.oracles.philox import Block, below
from tests.oracles.sequential import ImageSize, Region, Size, origins, sequential_regions
from tests.oracles.split import draw_beside


def stratum(size: int, patch: int, cell: int) -> list[int]:
    """Return the origins along one axis that are nearest to a cell's, of two as near cells the first's."""
    cells = origins(size, patch)
    return [start for start in range(size - patch + 1) if min(cells, key=lambda other: abs(start - other)) == cell]


def draw_in_stratum(images: list[ImageSize], patch: Size, cell: Region, words: Block) -> Region:
    """Draw a region of the stratum of a cell: each origin uniform along every axis."""
    image, sample, *origin = cell
    _, size = images[image]
    strata = [stratum(size[axis], patch[axis], origin[axis]) for axis in range(3)]
    z, y, x = (strata[axis][below(words[axis], len(strata[axis]))] for axis in range(3))
    return image, sample, z, y, x


def stratified_region(
    images: list[ImageSize],
    patch: Size,
    *,
    seed: int,
    epoch: int,
    item: int,
    cells: list[Region] | None = None,
    validation: list[Region] | None = None,
) -> Region:
    """Draw the region of an item, in the stratum of its cell.

    With validation regions, the first of 64 draws that overlaps none of them; if all do, the cell itself. `cells` are
    those that are left, all of the grid without it.
    """
    cell = (sequential_regions(images, patch) if cells is None else cells)[item]
    region, _ = draw_beside(
        validation or [],
        patch,
        lambda words: draw_in_stratum(images, patch, cell, words),
        seed=seed,
        epoch=epoch,
        item=item,
    )
    return cell if region is None else region
