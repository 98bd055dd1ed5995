"""An image that patches come from, with what becomes of each of its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from patchmill.plotting.style import ACCENT, GAP, TEXT, add_image, add_label, add_line, value_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from patchmill.plotting.style import Box, Floats

__all__ = ["TINT_OF_CELL", "Cell", "Overview", "arrange", "draw_overview"]

TITLE = 30
TINTED, OUTLINED = 0.38, 0.95
SMALLEST_BOX = 6  # pixels of the frame around a patch in a large image


class Cell(IntEnum):
    """What becomes of a cell of the grid. Where cells overlap, the greater one is seen."""

    FILTERED = 0
    LEFT_OUT = 1
    TRAINING = 2
    VALIDATION = 3


TINT_OF_CELL = {Cell.FILTERED: "#ff5d7d", Cell.LEFT_OUT: "#b48cff", Cell.VALIDATION: ACCENT}
"""Training has none: it is seen as it is."""


@dataclass(frozen=True)
class Overview:
    """A plane of an image, and what becomes of the cells of its grid.

    Parameters
    ----------
    title : str
        What stands above it.
    plane : numpy.ndarray (Y, X)
        Its pixels, of all of the plane, and as few of them as are to be seen.
    size : tuple of int
        The size of the whole plane in its own pixels, (Y, X).
    patch_size : tuple of int
        The size of a cell and of a patch in these pixels, (Y, X).
    origins : tuple of numpy.ndarray
        Where the cells begin along Y and along X, rising.
    cells : numpy.ndarray (n_y, n_x), uint8
        A `Cell` for each.
    patches : mapping of str to tuple of int
        By label, where patches that are shown were cut, (y, x).
    """

    title: str
    plane: Floats
    size: tuple[int, int]
    patch_size: tuple[int, int]
    origins: tuple[NDArray[np.int64], NDArray[np.int64]]
    cells: NDArray[np.uint8]
    patches: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def arrange(sizes: Sequence[tuple[int, int]], width: float, height: float) -> list[Box]:
    """Lay out images of the sizes (Y, X) in rows of one height each, so that as much as can be of a box is filled.

    Returns
    -------
    list of tuple
        For each the distances of its left and upper edge from those of the box, its width, and its height.
    """
    layouts = [_in_rows(sizes, width, height, number) for number in range(1, len(sizes) + 1)]
    return max(layouts, key=lambda boxes: sum(box[2] * box[3] for box in boxes), default=[])


def _in_rows(sizes: Sequence[tuple[int, int]], width: float, height: float, n_in_row: int) -> list[Box]:
    n_rows = math.ceil(len(sizes) / n_in_row)
    tallest = (height - (n_rows - 1) * (GAP + TITLE)) / n_rows
    boxes: list[Box] = []
    top = 0.0
    for first in range(0, len(sizes), n_in_row):
        aspects = [size_x / size_y for size_y, size_x in sizes[first : first + n_in_row]]
        tall = min(tallest, (width - (len(aspects) - 1) * GAP) / sum(aspects))
        left = 0.0
        for aspect in aspects:
            boxes.append((left, top, max(1.0, tall * aspect), max(1.0, tall)))
            left += tall * aspect + GAP
        top += tall + GAP + TITLE
    return boxes


def draw_overview(figure: Figure, box: Box, overview: Overview) -> Axes:
    """Draw an overview into a box, and its title above it."""
    left, bottom, width, height = box
    low, high = value_range(overview.plane) or (0.0, 1.0)
    axes = add_image(figure, box, overview.plane, low, high)
    # In pixels of the whole plane, whatever was read of it.
    extent = (0, overview.size[1], overview.size[0], 0)
    axes.images[0].set_extent(extent)
    tints = _tints(_seen_cells(overview, round(height), round(width)))
    axes.imshow(tints, extent=extent, aspect="auto", interpolation="nearest", origin="upper")
    axes.set(xlim=extent[:2], ylim=extent[2:])
    for label, origin in overview.patches.items():
        _add_box(axes, overview, label, origin, (height, width))
    add_line(figure, (left, bottom + height + 10), width, overview.title)
    return axes


def _seen_cells(overview: Overview, height: int, width: int) -> NDArray[np.uint8]:
    """Look up the cell that is seen at each pixel of the picture."""
    rows, columns = (
        _covering(origins, patch, size, n_pixels)
        for origins, patch, size, n_pixels in zip(
            overview.origins, overview.patch_size, overview.size, (height, width), strict=True
        )
    )
    found = [overview.cells[np.ix_(row, column)] for row in rows for column in columns]
    seen: NDArray[np.uint8] = np.maximum.reduce(found)
    return seen


def _covering(
    origins: NDArray[np.int64], patch: int, size: int, n_pixels: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the first and the last of the cells that cover each pixel of the picture along one axis."""
    places = (np.arange(n_pixels) + 0.5) * size / n_pixels
    return np.searchsorted(origins + patch, places, side="right"), np.searchsorted(origins, places, side="right") - 1


def _tints(cells: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour what is seen, less where its neighbours are of the same kind."""
    from matplotlib.colors import to_rgb

    is_edge = np.zeros(cells.shape, bool)
    for axis in (0, 1):
        changes = np.diff(cells, axis=axis) != 0
        for sides in ((0, 1), (1, 0)):
            is_edge |= np.pad(changes, [sides if each == axis else (0, 0) for each in (0, 1)])
    tints = np.zeros((*cells.shape, 4), np.float32)
    for cell, colour in TINT_OF_CELL.items():
        tints[cells == cell, :3] = to_rgb(colour)
        tints[cells == cell, 3] = TINTED
        tints[(cells == cell) & is_edge, 3] = OUTLINED
    return tints


def _add_box(axes: Axes, overview: Overview, label: str, origin: tuple[int, int], shape: tuple[float, float]) -> None:
    """Frame where a patch was cut."""
    from matplotlib.patches import Rectangle

    least = [SMALLEST_BOX * size / n_pixels for size, n_pixels in zip(overview.size, shape, strict=True)]
    size_y, size_x = (max(pair) for pair in zip(overview.patch_size, least, strict=True))
    axes.add_patch(Rectangle((origin[1], origin[0]), size_x, size_y, fill=False, edgecolor=TEXT, linewidth=1.2))
    add_label(axes, label, (origin[1], origin[0]))
