"""TIFF files as images: mapped where they can be, decoded where they must be."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchmill.config.axes import parse_axes
from patchmill.errors import MissingFileError, PatchmillWarning, ReadError
from patchmill.sources.image import Image, check_alike
from patchmill.sources.tiff.axes import series_axes, with_dropped_axes
from patchmill.sources.tiff.file import OpenTiff, open_tiff
from patchmill.sources.tiff.pixels import read_pixels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from patchmill.sources.files import PathLike

__all__ = ["images_from_tiffs", "open_tiff_image", "read_tiff"]


def read_tiff(path: PathLike) -> NDArray[Any]:
    """Read the image of a TIFF file: its first series of pages, with axes of size 1 as tifffile keeps or drops them.

    Numbers are given as they are stored. Images with a palette give the indices of their colours, and those that state
    that 0 is white (photometric interpretation 0) are not inverted. JPEG in YCbCr is converted to RGB. Of a pyramid,
    the largest level is read.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    numpy.ndarray
        The image in its own data type. Pixels that lie in the file as they are, each page in one piece and all pages
        equally far apart, are mapped: read-only, in the byte order of the file, a `numpy.memmap` or a view of one.
        Others are decoded, into native byte order.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ReadError
        If it is not a TIFF, is cut off, cannot be decoded, or does not fit into memory when it is.

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
            for part in opened.parts:
                _check_part(path, part, part_of)
            images.append(_image(path, opened, letters))
    if not images:
        msg = "paths: expected at least one TIFF file, got none. Give the files to train on or to predict."
        raise MissingFileError(msg)
    check_alike(images)
    return images


def open_tiff_image(path: PathLike, axes: str) -> Image:
    """Read one TIFF file as an image.

    Parameters
    ----------
    path : path
        The file.
    axes : str
        The axes, as in `images_from_tiffs`.

    Returns
    -------
    Image
        The image, named as the path. Its pixels are those that `read_tiff` gives.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit the file.
    DtypeError
        If the data type cannot be milled.
    MissingFileError
        If there is no such file.
    ReadError
        If the file cannot be read.
    ShapeError
        If it holds no pixels.

    Warns
    -----
    PatchmillWarning
        If the file holds further series, which are not read.
    """
    letters = parse_axes(axes)
    with open_tiff(path) as opened:
        return _image(Path(path), opened, letters)


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
    return read_pixels(path, series)


def _image(path: Path, opened: OpenTiff, letters: str) -> Image:
    array = with_dropped_axes(path, _pixels(path, opened), series_axes(opened.series), letters)
    return Image.of(str(path), array, letters)


def _check_part(path: Path, part: Path, part_of: dict[Path, Path]) -> None:
    """Check that the files of an image that spans several are read once, not once per file."""
    if part_of.setdefault(part, path) != path:
        msg = (
            f"{path}: expected an image of its own, got a part of the image that {part_of[part]} opens. Give one file "
            "of each such image."
        )
        raise ReadError(msg)
