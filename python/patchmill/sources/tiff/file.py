"""TIFF files that are open: never trusted to be whole."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tifffile

from patchmill.errors import MissingFileError, PatchmillError, ReadError
from patchmill.sources.tiff.claims import check_claims
from patchmill.sources.tiff.errors import cut_off, damaged
from patchmill.sources.tiff.log import kept_log
from patchmill.sources.tiff.pages import PageList, walk_pages
from patchmill.sources.tiff.segments import check_segments, check_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from patchmill.sources.files import PathLike

__all__ = ["OpenTiff", "open_tiff"]


class OpenTiff(NamedTuple):
    """A TIFF file that is open, and the series of pages that patchmill reads: the first."""

    file: tifffile.TiffFile
    series: tifffile.TiffPageSeries

    @property
    def parts(self) -> list[Path]:
        """The files that the pixels of the image lie in, if there are several."""
        if not self.series.is_multifile:
            return []
        return sorted({Path(page.parent.filehandle.path) for page in self.series if page is not None})


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
