"""The axes of an image in a TIFF file: as the file states them, and as they were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from patchmill.config.axes import AXES
from patchmill.errors import AxesError

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile
    from numpy.typing import NDArray

__all__ = ["series_axes", "with_dropped_axes"]


def series_axes(series: tifffile.TiffPageSeries) -> str | None:
    """Return the axes that a file states for a series, or None if it does not state them all.

    The samples of RGB pixels, which tifffile calls S, are channels here.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        The series.

    Returns
    -------
    str or None
        Letters of ``STCZYX`` in the order of the shape of the series, each once.
    """
    axes: str = series.axes
    page_axes = series.keyframe.axes
    if "S" in page_axes and series.keyframe.samplesperpixel > 1:
        # Only there, counted from the end, S are the samples of a page; elsewhere somebody wrote it as an axis.
        at = len(axes) - len(page_axes) + page_axes.index("S")
        if at >= 0 and axes[at] == "S":
            axes = f"{axes[:at]}C{axes[at + 1 :]}"
    known = set(axes) <= set(AXES) and len(set(axes)) == len(axes) and {"Y", "X"} <= set(axes)
    return axes if known else None


def with_dropped_axes(path: Path, array: NDArray[Any], stated: str | None, axes: str) -> NDArray[Any]:
    """Give back axes of size 1 that were asked for and that tifffile drops from the files that state them.

    Parameters
    ----------
    path : pathlib.Path
        The file, for the message.
    array : numpy.ndarray
        The image as tifffile gives it.
    stated : str or None
        The axes that the file states, or None.
    axes : str
        The axes that were asked for.

    Returns
    -------
    numpy.ndarray
        A view of the image with as many axes as were asked for.

    Raises
    ------
    AxesError
        If other axes than those of size 1 are missing, or there are too many.
    """
    if array.ndim == len(axes):
        return array
    if stated is not None and stated == "".join(letter for letter in axes if letter in stated):
        return array[tuple(slice(None) if letter in stated else np.newaxis for letter in axes)]
    says = f"the axes {stated!r}" if stated else "nothing about axes"
    msg = (
        f"{path}: expected {len(axes)} axes, as in {axes!r}, got {array.ndim}: the shape is {array.shape}, and the "
        f"file says {says}. Give one letter per axis, in the order of the shape."
    )
    raise AxesError(msg)
