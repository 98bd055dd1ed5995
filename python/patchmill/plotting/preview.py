"""A training batch, where its patches come from, and what becomes of the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchmill.plotting.overview import TINT_OF_CELL, Cell, Overview, arrange, draw_overview
from patchmill.plotting.patches import PatchGrid
from patchmill.plotting.style import EDGE, FONT, HEADER, MUTED, TEXT, add_line, create_figure, relative, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["plot_preview"]

WIDEST, NARROWEST = 1600, 1100  # pixels of the picture
LOWEST = 720  # pixels of the part with images
BETWEEN = 36  # pixels between the patches and the images
LEGEND = 40
LINE_HEIGHT = 24
SWATCH = 14


def plot_preview(
    batch: Mapping[str, NDArray[Any]],
    overviews: Sequence[Overview],
    path: str | os.PathLike[str],
    *,
    legend: Mapping[Cell, str],
    captions: Sequence[str] = (),
) -> None:
    """Draw a batch beside the images that it comes from, as a PNG file.

    Parameters
    ----------
    batch : mapping of str to numpy.ndarray
        By title, the parts of the items, (B, C, (Z), Y, X), from left to right. Of volumes the middle planes are drawn,
        of many channels the first three. What is called "mask" frames its pixels in the other parts.
    overviews : sequence of Overview
        The images.
    path : path-like
        The PNG file, up to 1600 pixels wide. It is replaced in one step: a failure leaves what was there.
    legend : mapping of Cell to str
        What the tints of the images mean.
    captions : sequence of str
        Lines that stand beneath.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    ShapeError
        If the parts of the batch do not belong together.
    OutputError
        If the file cannot be written.
    """
    grid = PatchGrid(batch)
    height = max(grid.height, LOWEST) if overviews else grid.height
    foot = EDGE + LINE_HEIGHT * len(captions) + LEGEND
    left = EDGE + grid.width + BETWEEN
    places = arrange([overview.size for overview in overviews], WIDEST - EDGE - left, height)
    right = max((left + x + wide for x, _, wide, _ in places), default=0)
    width = max(NARROWEST, round(right) + EDGE)
    figure = create_figure(width, foot + height + HEADER)
    grid.draw(figure, EDGE, foot + height)
    for (x, depth, wide, tall), overview in zip(places, overviews, strict=True):
        draw_overview(figure, (left + x, foot + height - depth - tall, wide, tall), overview)
    _add_legend(figure, foot - LEGEND, legend)
    for number, caption in enumerate(captions):
        bottom = foot - LEGEND - (number + 1) * LINE_HEIGHT
        add_line(figure, (EDGE, bottom + 6), width - 2 * EDGE, caption)
    save_figure(figure, Path(path))


def _add_legend(figure: Figure, bottom: float, legend: Mapping[Cell, str]) -> None:
    """Write what the tints mean, side by side."""
    from matplotlib.patches import Rectangle

    left = float(EDGE)
    for cell, text in legend.items():
        colour = TINT_OF_CELL.get(cell)
        place = relative(figure, (left, bottom + 8, SWATCH, SWATCH))
        swatch = Rectangle(
            place[:2],
            *place[2:],
            facecolor=colour or "none",
            edgecolor=colour or MUTED,
            transform=figure.transFigure,
        )
        figure.add_artist(swatch)
        x, y, _, _ = relative(figure, (left + SWATCH + 8, bottom + 10, 0, 0))
        written = figure.text(x, y, text, color=TEXT, family=FONT, fontsize=11)
        left += SWATCH + 8 + written.get_window_extent().width + 28
