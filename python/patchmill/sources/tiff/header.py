"""What a TIFF file says of its image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from patchmill.config.axes import parse_axes
from patchmill.sources.tiff.axes import series_axes, with_dropped_axes
from patchmill.sources.tiff.file import open_tiff
from patchmill.sources.tiff.pixels import is_plain

if TYPE_CHECKING:
    from patchmill.sources.files import PathLike

__all__ = ["TiffHeader", "tiff_header"]


class TiffHeader(NamedTuple):
    """What a TIFF file says of its image.

    Parameters
    ----------
    shape : tuple of int
        The shape of the image, in the axes that were asked for.
    axes : str
        Those axes.
    dtype : numpy.dtype
        Its data type; in the byte order of the file if it is mapped, in native byte order if it is decoded.
    nbytes : int
        The bytes of all pixels, decoded.
    is_mapped : bool
        Whether its pixels are mapped, and not decoded.
    parts : tuple of pathlib.Path, default=()
        The files that hold its pixels, if there are several.
    """

    shape: tuple[int, ...]
    axes: str
    dtype: np.dtype[Any]
    nbytes: int
    is_mapped: bool
    parts: tuple[Path, ...] = ()


def tiff_header(path: PathLike, axes: str) -> TiffHeader:
    """Read what a TIFF file says of its image, and none of its pixels.

    Parameters
    ----------
    path : path
        The file.
    axes : str
        The axes, as in `images_from_tiffs`.

    Returns
    -------
    TiffHeader
        The header of the image that `open_tiff_image` would read.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit the file.
    MissingFileError
        If there is no such file.
    ReadError
        If it is not a TIFF, is cut off, or cannot be read.
    """
    letters = parse_axes(axes)
    with open_tiff(path) as opened:
        file, series = opened
        # An array of this shape that takes no memory.
        stand_in = np.broadcast_to(np.zeros((), series.dtype), series.shape)
        shape = with_dropped_axes(Path(path), stand_in, series_axes(series), letters).shape
        plain = is_plain(series)
        dtype = series.dtype.newbyteorder(file.byteorder if plain else "=")
        return TiffHeader(shape, letters, dtype, math.prod(shape) * dtype.itemsize, plain, tuple(opened.parts))
