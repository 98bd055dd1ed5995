"""TIFF files: mapped where they can be, decoded where they must be, and never trusted to be whole."""

from __future__ import annotations

import contextlib
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tifffile

from patchmill.config.axes import parse_axes
from patchmill.errors import MissingFileError, PatchmillError, PatchmillWarning, ReadError
from patchmill.sources.image import Image, check_alike
from patchmill.sources.tiff_axes import series_axes, with_dropped_axes
from patchmill.sources.tiff_claims import check_claims
from patchmill.sources.tiff_errors import cut_off, damaged
from patchmill.sources.tiff_pages import PageList, walk_pages
from patchmill.sources.tiff_pixels import is_plain, read_pixels
from patchmill.sources.tiff_segments import check_segments, check_start
from patchmill.sources.tifffile_log import kept_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from patchmill.sources.files import PathLike

__all__ = [
    "OpenTiff",
    "TiffHeader",
    "images_from_tiffs",
    "open_tiff",
    "open_tiff_image",
    "read_tiff",
    "tiff_header",
]


class OpenTiff(NamedTuple):
    """A TIFF file that is open, and the series of pages that patchmill reads: the first."""

    file: tifffile.TiffFile
    series: tifffile.TiffPageSeries


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
    # Numbers of damaged metadata may overflow, of which NumPy would warn.
    with kept_log(path), np.errstate(all="ignore"):
        try:
            _check_there(path)
            pages = walk_pages(path)
            with tifffile.TiffFile(path) as file:
                series = _first_series(path, file)
                _check_whole(path, file, pages, series)
                yield OpenTiff(file, series)
        except PatchmillError:
            raise
        except MemoryError as error:
            msg = f"{path}: expected an image that fits into memory, got {error or 'no memory for it'}."
            raise ReadError(msg) from error
        except Exception as error:
            raise _unreadable(path, error) from error


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
            for part in _parts(opened.series):
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
    with open_tiff(path) as (file, series):
        # An array of this shape that takes no memory.
        stand_in = np.broadcast_to(np.zeros((), series.dtype), series.shape)
        shape = with_dropped_axes(Path(path), stand_in, series_axes(series), letters).shape
        plain = is_plain(series)
        dtype = series.dtype.newbyteorder(file.byteorder if plain else "=")
        return TiffHeader(shape, letters, dtype, math.prod(shape) * dtype.itemsize, plain, tuple(_parts(series)))


def _check_there(path: Path) -> None:
    if path.is_dir():
        msg = f"{path}: expected a TIFF file, got a folder. Give a file in it."
        raise ReadError(msg)
    if not path.exists():
        msg = f"{path}: expected a TIFF file, got nothing of that name. Check the path."
        raise MissingFileError(msg)
    if not path.is_file():
        msg = f"{path}: expected a TIFF file, got something that is no file. Give a file."
        raise ReadError(msg)


def _first_series(path: Path, file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    if file.pages:
        check_claims(path, file)
    if not file.pages or not file.series:
        raise damaged(path, "a TIFF with an image", f"{file.filehandle.size} bytes that hold none")
    series = file.series[0]
    if series.keyframe.dtype is None:
        page = series.keyframe
        msg = (
            f"{path}: expected pixels of a known type, got {page.bitspersample} bits of sample format "
            f"{page.sampleformat}. Convert the file."
        )
        raise ReadError(msg)
    return series


def _check_whole(path: Path, file: tifffile.TiffFile, pages: PageList, series: tifffile.TiffPageSeries) -> None:
    """Check that all pages and bytes that a file promises are there: tifffile fills many a gap with zeros."""
    size_bytes = file.filehandle.size
    if series.dataoffset is not None and not series.is_multifile:
        check_start(path, series.dataoffset)
        end = series.dataoffset + math.prod(series.shape) * series.dtype.itemsize
        if end > size_bytes:
            raise cut_off(path, f"{end} bytes", f"{size_bytes} bytes")
    else:
        check_segments(path, pages, series)
    if series.kind in {"uniform", "generic"}:
        _check_page_list(path, file, pages)


def _check_page_list(path: Path, file: tifffile.TiffFile, pages: PageList) -> None:
    """Check a file whose number of pages is stated nowhere but in the list of its pages."""
    n_pages = pages.n_pages
    if not pages.has_end:
        raise cut_off(path, f"more than {n_pages} pages", f"a list of pages that ends after {n_pages}")
    # tifffile takes the pages as they come where the metadata of a hyperstack do not fit the file.
    stated = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if file.is_shaped or stated > n_pages:
        what = f"{stated} pages" if file.is_imagej else "the shape that its metadata state"
        raise cut_off(path, what, f"{n_pages} pages in {file.filehandle.size} bytes")


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


def _parts(series: tifffile.TiffPageSeries) -> list[Path]:
    """List the files that the pixels of an image lie in, if there are several."""
    if not series.is_multifile:
        return []
    return sorted({Path(page.parent.filehandle.path) for page in series if page is not None})


def _check_part(path: Path, part: Path, part_of: dict[Path, Path]) -> None:
    """Check that the files of an image that spans several are read once, not once per file."""
    if part_of.setdefault(part, path) != path:
        msg = (
            f"{path}: expected an image of its own, got a part of the image that {part_of[part]} opens. Give one file "
            "of each such image."
        )
        raise ReadError(msg)


def _unreadable(path: Path, error: Exception) -> ReadError:
    if isinstance(error, OSError) and error.strerror:
        return ReadError(f"{path}: expected a TIFF file that can be read, got: {error.strerror}. Check the path.")
    with contextlib.suppress(OSError):
        if not (start := _first_bytes(path)):
            return damaged(path, "a TIFF file", "an empty one (0 bytes)")
        if start[:2] not in {b"II", b"MM", b"EP"}:
            return ReadError(f"{path}: expected a TIFF file, got one that begins with {start!r}. Convert it to TIFF.")
    return damaged(path, "a TIFF file that can be read", f"{type(error).__name__}: {error}")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)
