"""TIFF files: mapped where they can be, decoded where they must be, and never trusted to be whole."""

from __future__ import annotations

import contextlib
import logging
import math
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tifffile

from patchmill.config.axes import AXES, parse_axes
from patchmill.errors import AxesError, MissingFileError, PatchmillError, PatchmillWarning, ReadError
from patchmill.sources.image import Image, check_alike

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from patchmill.sources.files import PathLike

__all__ = ["OpenTiff", "images_from_tiffs", "open_tiff", "read_tiff", "series_axes"]

_logger = logging.getLogger(__name__)

_AGAIN = "Copy or download the file again, or save it anew"


class OpenTiff(NamedTuple):
    """A TIFF file that is open, and the series of pages that patchmill reads: the first."""

    file: tifffile.TiffFile
    series: tifffile.TiffPageSeries


@contextlib.contextmanager
def open_tiff(path: PathLike) -> Iterator[OpenTiff]:
    """Open a TIFF file and check that it is whole, before any pixel is read.

    What tifffile logs while the file is open goes to the log of patchmill at the level DEBUG, and what it raises
    becomes a `ReadError`.

    Parameters
    ----------
    path : path
        The file.

    Yields
    ------
    OpenTiff
        The open file and its first series.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ReadError
        If it is not a TIFF, is cut off, or cannot be read.
    """
    path = Path(path)
    with _tifffile_log() as messages:
        try:
            _check_there(path)
            with tifffile.TiffFile(path) as file:
                series = _first_series(path, file)
                _check_whole(path, file, series)
                yield OpenTiff(file, series)
        except PatchmillError:
            raise
        except MemoryError as error:
            msg = f"{path}: expected an image that fits into memory, got {error or 'no memory for it'}."
            raise ReadError(msg) from error
        except Exception as error:
            raise ReadError(_unreadable(path, error)) from error
        finally:
            for message in messages:
                _logger.debug("%s: tifffile: %s", path, message)


def read_tiff(path: PathLike) -> NDArray[Any]:
    """Read the image of a TIFF file: its first series of pages, with axes of size 1 as tifffile keeps or drops them.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    numpy.ndarray
        The image in its own data type. Pixels that lie in the file as one uncompressed block are mapped, read-only
        and in the byte order of the file (a `numpy.memmap`); others are decoded, into native byte order.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ReadError
        If it is not a TIFF, is cut off, or cannot be decoded.

    Warns
    -----
    PatchmillWarning
        If the file holds further series, which are not read.
    """
    with open_tiff(path) as opened:
        return _pixels(Path(path), opened)


def images_from_tiffs(paths: Iterable[PathLike], axes: str) -> list[Image]:
    """Read TIFF files as images, one per file.

    Parameters
    ----------
    paths : iterable of paths
        The files.
    axes : str
        The axes of every file. Axes that tifffile drops from an OME-TIFF or ImageJ file because they are of size 1 may
        be named all the same.

    Returns
    -------
    list of Image
        One image per file, named as its path.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit a file.
    DtypeError
        If a data type cannot be milled, or the data types of the files differ.
    MissingFileError
        If a file is not there, or no path was given.
    ReadError
        If a file cannot be read, or if two files are parts of the same OME-TIFF image.
    ShapeError
        If a file holds no pixels, or the numbers of channels differ.

    Warns
    -----
    PatchmillWarning
        If a file holds further series, which are not read.
    """
    letters = parse_axes(axes)
    images: list[Image] = []
    part_of: dict[Path, Path] = {}
    for path in map(Path, paths):
        with open_tiff(path) as opened:
            if opened.series.is_multifile:
                _check_parts(path, opened.series, part_of)
            array = _pixels(path, opened)
            array = _with_dropped_axes(path, array, series_axes(opened.series), letters)
        images.append(Image.of(str(path), array, letters))
    if not images:
        msg = "paths: expected at least one TIFF file, got none. Give the files to train on or to predict."
        raise MissingFileError(msg)
    check_alike(images)
    return images


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


def _check_there(path: Path) -> None:
    if path.is_dir():
        msg = f"{path}: expected a TIFF file, got a folder. Give a file in it."
        raise ReadError(msg)
    if not path.exists():
        msg = f"{path}: expected a TIFF file, got nothing of that name. Check the path."
        raise MissingFileError(msg)


def _first_series(path: Path, file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    if not file.pages or not file.series:
        msg = f"{path}: expected a TIFF with an image, got {file.filehandle.size} bytes that hold none. {_AGAIN}."
        raise ReadError(msg)
    series = file.series[0]
    if series.keyframe.dtype is None:
        page = series.keyframe
        msg = (
            f"{path}: expected pixels of a known type, got {page.bitspersample} bits of sample format "
            f"{page.sampleformat}. Convert the file."
        )
        raise ReadError(msg)
    return series


def _check_whole(path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Check that all pages and bytes that a file promises are there: tifffile fills many a gap with zeros."""
    size_bytes = file.filehandle.size
    if series.dataoffset is not None and not series.is_multifile:
        end = series.dataoffset + math.prod(series.shape) * series.dtype.itemsize
        if end > size_bytes:
            raise ReadError(_cut_off(path, f"{end} bytes", f"{size_bytes} bytes"))
    else:
        _check_pages(path, series)
    if series.kind in {"uniform", "generic"}:
        _check_page_list(path, file)


def _check_pages(path: Path, series: tifffile.TiffPageSeries) -> None:
    n_pages = len(series)
    needed = math.prod(series.shape) // max(1, math.prod(series.keyframe.shape))
    try:
        pages = [page for page in series if page is not None]
    except (IndexError, RuntimeError):
        pages = []
    if len(pages) < max(n_pages, needed):
        msg = (
            f"{path}: expected the {max(n_pages, needed)} pages that its metadata promises, got "
            f"{len(pages) or 'fewer'}: the file is cut off, or a file that belongs to it is missing. {_AGAIN}."
        )
        raise ReadError(msg)
    n_segments = 1 if series.keyframe.is_contiguous else math.prod(series.keyframe.chunked)
    for page in pages:
        size_bytes = page.parent.filehandle.size
        if not n_segments <= len(page.dataoffsets) == len(page.databytecounts):
            raise ReadError(_cut_off(path, "the positions of all pixels", f"page {page.index} without them"))
        end = max(offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True))
        if end > size_bytes:
            raise ReadError(_cut_off(path, f"{end} bytes for page {page.index}", f"{size_bytes} bytes"))


def _check_page_list(path: Path, file: tifffile.TiffFile) -> None:
    """Check a file whose number of pages is stated nowhere but in the list of its pages."""
    n_pages = len(file.pages)
    position = file.pages.next_page_offset
    if position is not None:
        file.filehandle.seek(position)
        stored = file.filehandle.read(file.tiff.offsetsize)
        if len(stored) < file.tiff.offsetsize or struct.unpack(file.tiff.offsetformat, stored)[0] != 0:
            raise ReadError(_cut_off(path, f"more than {n_pages} pages", f"a list of pages that ends after {n_pages}"))
    # tifffile takes the pages as they come where the metadata of a hyperstack do not fit the file.
    stated = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if file.is_shaped or stated > n_pages:
        what = f"{stated} pages" if file.is_imagej else "the shape that its metadata state"
        raise ReadError(_cut_off(path, what, f"{n_pages} pages in {file.filehandle.size} bytes"))


def _pixels(path: Path, opened: OpenTiff) -> NDArray[Any]:
    file, series = opened
    if len(file.series) > 1:
        name = f" ({series.name!r})" if series.name else ""
        warnings.warn(
            f"{path}: holds {len(file.series)} images; the first{name}, of shape {series.shape}, is used, the other "
            f"{len(file.series) - 1} are ignored. Save them as files of their own to use them.",
            PatchmillWarning,
            stacklevel=3,
        )
    if 0 in series.shape:
        return np.empty(series.shape, series.dtype)
    offset = series.dataoffset
    if offset is not None and not series.is_multifile and series.transform is None:
        dtype = series.dtype.newbyteorder(file.byteorder)
        mapped: NDArray[Any] = np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=series.shape)
        return mapped
    array: NDArray[Any] = series.asarray()
    if array.shape != series.shape:
        msg = f"{path}: expected the shape {series.shape}, as its metadata state, got {array.shape}. {_AGAIN}."
        raise ReadError(msg)
    return array


def _with_dropped_axes(path: Path, array: NDArray[Any], stated: str | None, axes: str) -> NDArray[Any]:
    """Give back axes of size 1 that were asked for and that tifffile drops from the files that state them."""
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


def _check_parts(path: Path, series: tifffile.TiffPageSeries, part_of: dict[Path, Path]) -> None:
    """Check that the files of an OME-TIFF image that spans several are read once, not once per file."""
    for page in series:
        part = Path(page.parent.filehandle.path) if page is not None else path
        if part_of.setdefault(part, path) != path:
            msg = (
                f"{path}: expected an image of its own, got a part of the OME-TIFF image that {part_of[part]} opens. "
                "Give one file of each such image."
            )
            raise ReadError(msg)


def _cut_off(path: Path, expected: str, got: str) -> str:
    return f"{path}: expected {expected}, got {got}: the file is cut off. {_AGAIN}."


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{path}: expected a TIFF file that can be read, got: {error.strerror}. Check the path."
    with contextlib.suppress(OSError):
        if not (start := _first_bytes(path)):
            return f"{path}: expected a TIFF file, got an empty one (0 bytes). {_AGAIN}."
        if start[:2] not in {b"II", b"MM", b"EP"}:
            return f"{path}: expected a TIFF file, got one that begins with {start!r}. Convert it to TIFF."
    return f"{path}: expected a TIFF file that can be read, got {type(error).__name__}: {error}. {_AGAIN}."


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


class _Collect(logging.Filter):
    """Take what is logged into a list instead."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self.messages.append(record.getMessage())
        return False


@contextlib.contextmanager
def _tifffile_log() -> Iterator[list[str]]:
    """Keep what tifffile logs from the screen: what matters of it is checked, and told in one error."""
    collect = _Collect()
    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield collect.messages
    finally:
        logger.removeFilter(collect)
