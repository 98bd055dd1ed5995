"""What a network makes of some patches: a row for each patch, a column for each stage that it is shown at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchmill.errors import ConfigError
from patchmill.plotting.patches import PatchGrid
from patchmill.plotting.style import EDGE, HEADER, add_header, create_figure, save_figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["plot_panel"]

NARROWEST = 420  # pixels that the title and the caption need
MOST_ROWS = 6
TITLE = 40  # pixels of the line with the title


def plot_panel(
    parts: Mapping[str, NDArray[Any]],
    path: str | os.PathLike[str],
    *,
    title: str,
    caption: str = "",
    reference: str | None = None,
) -> None:
    """Draw patches side by side, each row in one contrast, as a PNG file.

    Parameters
    ----------
    parts : mapping of str to numpy.ndarray
        By title, from left to right, the same patches as they were at some stage, (B, C, (Z), Y, X). Of volumes the
        middle planes are drawn, of many channels the first three, and as many patches as six rows have room for.
    path : path-like
        The PNG file, about 700 pixels wide. It is replaced in one step: a failure leaves what was there.
    title, caption : str
        What stands at the upper left and at the upper right.
    reference : str, optional
        Title of the part whose percentiles 0.5 and 99.5 become black and white in its row. By default the last one.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    ShapeError
        If the parts do not belong together.
    ConfigError
        If `reference` names a part that is not there.
    OutputError
        If the file cannot be written.
    """
    reference = next(reversed([*parts]), None) if reference is None else reference
    if parts and reference not in parts:
        msg = f"reference of the panel: expected one of {list(parts)}, got {reference!r}. Name one of the parts."
        raise ConfigError(msg)
    grid = PatchGrid(parts, reference=reference, most_rows=MOST_ROWS, is_plain=True)
    width = max(NARROWEST, grid.width)
    bottom = EDGE + grid.height
    figure = create_figure(width + 2 * EDGE, bottom + HEADER + TITLE)
    grid.draw(figure, EDGE, bottom)
    add_header(figure, (EDGE, bottom + HEADER, width, TITLE), title, caption)
    save_figure(figure, Path(path))
