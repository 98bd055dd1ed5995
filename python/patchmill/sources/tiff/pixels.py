"""The pixels of a TIFF file: mapped where they lie in the file as they are, decoded where they do not."""

from __future__ import annotations

import itertools
import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from patchmill.sources.tiff.apart import APART, decode_apart
from patchmill.sources.tiff.errors import damaged
from patchmill.sources.tiff.segments import BUFFER_BYTES, check_decodable

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile
    from numpy.typing import NDArray

__all__ = ["is_plain", "read_pixels"]


class _Plain(NamedTuple):
    """Where plain pixels lie: the position of the first page, and how far the others lie apart, in bytes."""

    start: int
    step: int


def is_plain(series: tifffile.TiffPageSeries) -> bool:
    """Tell whether the pixels of a series are mapped.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        The series, of an open file.

    Returns
    -------
    bool
        True if they lie in one file as numbers of their type, each page in one piece and all pages equally far apart.
    """
    return _plain(series) is not None


def read_pixels(path: Path, series: tifffile.TiffPageSeries) -> NDArray[Any]:
    """Map the pixels of a series, or decode them.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    series : tifffile.TiffPageSeries
        A series that was checked, of the open file.

    Returns
    -------
    numpy.ndarray
        The pixels. Mapped ones are a `numpy.memmap` or a view of one, read-only and in the byte order of the file;
        decoded ones are in native byte order.

    Raises
    ------
    ReadError
        If the pixels do not fit into memory, or are not as many as the file says.
    Exception
        Whatever tifffile and its codecs raise.
    """
    if 0 in series.shape:
        return np.empty(series.shape, series.dtype)
    if (plain := _plain(series)) is not None:
        return _mapped(path, series, plain)
    check_decodable(path, series)
    if series.keyframe.compression in APART:
        return decode_apart(path, series)
    array: NDArray[Any] = series.asarray(buffersize=BUFFER_BYTES)
    if array.shape != series.shape:
        raise damaged(path, f"the shape {series.shape}, as its metadata state", str(array.shape))
    return array


def _plain(series: tifffile.TiffPageSeries) -> _Plain | None:
    keyframe = series.keyframe
    if series.is_multifile or series.transform is not None or 0 in series.shape or not keyframe.is_final:
        return None
    if series.dataoffset is not None:
        return _Plain(series.dataoffset, keyframe.nbytes)
    # Microscopes write the tags of each page in front of its pixels, or behind them.
    starts = [page.dataoffsets[0] if page is not None and page.dataoffsets else -1 for page in series]
    steps = {later - earlier for earlier, later in itertools.pairwise(starts)}
    # Axes that are counted from page to page have to come first: others could not be told apart without a copy.
    counts = itertools.accumulate(series.shape, operator.mul)
    is_stack = len(starts) in counts and len(starts) * math.prod(keyframe.shape) == math.prod(series.shape)
    if len(steps) != 1 or -1 in starts or not is_stack:
        return None
    (step,) = steps
    return _Plain(starts[0], step) if step >= keyframe.nbytes else None


def _mapped(path: Path, series: tifffile.TiffPageSeries, plain: _Plain) -> NDArray[Any]:
    dtype = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
    page_shape = series.keyframe.shape
    page_bytes = math.prod(page_shape) * dtype.itemsize
    if plain.step == page_bytes:
        return np.memmap(path, dtype=dtype, mode="r", offset=plain.start, shape=series.shape)
    n_pages = math.prod(series.shape) // math.prod(page_shape)
    whole = np.memmap(
        path, dtype=np.uint8, mode="r", offset=plain.start, shape=((n_pages - 1) * plain.step + page_bytes,)
    )
    strides = [math.prod(page_shape[axis + 1 :]) * dtype.itemsize for axis in range(len(page_shape))]
    pages: NDArray[Any] = np.ndarray((n_pages, *page_shape), dtype, whole, strides=(plain.step, *strides))
    return pages.reshape(series.shape)
