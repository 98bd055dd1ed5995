"""The strips and tiles of a TIFF file: whether all are there, and how much memory it takes to decode them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import tifffile

from patchmill.errors import ReadError
from patchmill.sources.memory import usable_memory
from patchmill.sources.tiff.codestreams import check_codestreams, is_image
from patchmill.sources.tiff.errors import cut_off, damaged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from patchmill.sources.tiff.pages import PageList

__all__ = ["BUFFER_BYTES", "check_decodable", "check_segments", "check_start", "decoding_bytes"]

BUFFER_BYTES = 1 << 24
"""How many bytes of a file are read at once to be decoded, if strips and tiles are smaller than that."""

_FEW_BYTES = 1 << 26
_HEADER_BYTES = 8

# The most that one byte can become, as the formats have it: packed bits repeat 1 byte 128 times in 2; a code of LZW has
# 9 bits or more and stands for a string of at most 3,838 bytes; a match of deflate has 2 bits or more and 258 bytes; a
# repeated match of LZMA at least 0.3 bits and 273 bytes; a block of zstandard 4 bytes or more and 128 KiB.
_LZW, _PACKBITS, _LZMA = 5, 32773, 34925
_DEFLATES = (8, 32946, 50013)
_ZSTANDARDS = (34926, 50000)
_GROWTH = {
    _LZW: 4096,
    _PACKBITS: 64,
    _LZMA: 16384,
    **dict.fromkeys(_DEFLATES, 1032),
    **dict.fromkeys(_ZSTANDARDS, 32768),
}


class _Segments(NamedTuple):
    """How a page is cut into strips or tiles."""

    number: int
    nbytes: int

    @classmethod
    def of(cls, series: tifffile.TiffPageSeries) -> _Segments | None:
        """Work it out from the sizes of a page; None if they make no sense."""
        page = series.keyframe
        n_planes, depth, length, width, n_samples = page.shaped
        is_tiled = page.tilewidth > 0
        tile = (page.tiledepth, page.tilelength, page.tilewidth) if is_tiled else (1, page.rowsperstrip, width)
        if min(tile) < 1 or (n_planes * n_samples > 1 and page.planarconfig not in {1, 2}):
            return None
        number = n_planes * math.prod(
            math.ceil(size / step) for size, step in zip((depth, length, width), tile, strict=True)
        )
        return cls(number, math.prod(tile) * n_samples * series.dtype.itemsize)


def check_segments(path: Path, pages: PageList, series: tifffile.TiffPageSeries) -> None:
    """Check that all pages, strips and tiles that a series promises are there: tifffile fills many a gap with zeros.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    pages : PageList
        The list of its pages.
    series : tifffile.TiffPageSeries
        The series, of an open file.

    Raises
    ------
    ReadError
        If a page is missing, if pages differ that are read as one image, if the strips or tiles do not cover a page or
        lie beyond the end of the file, or if they are too small for what they are said to hold.
    """
    keyframe = series.keyframe
    if 0 in series.shape:
        return
    segments = _Segments.of(series)
    if segments is None and not keyframe.is_contiguous:
        got = (
            f"tiles of {keyframe.tilewidth} x {keyframe.tilelength} x {keyframe.tiledepth}"
            if keyframe.tilewidth > 0
            else f"strips of {keyframe.rowsperstrip} rows"
        )
        got += f" in a planar configuration of {int(keyframe.planarconfig)}"
        raise damaged(path, "strips or tiles that hold pixels", got)
    for page in _all_pages(path, series):
        # The list is that of the file which was asked for, and not of those that belong to it.
        is_listed = page.parent is keyframe.parent is series.parent
        if is_listed and not pages.are_alike(page.offset, keyframe.offset):
            expected = f"pages of one size, compression and number of samples, as page {keyframe.index} has them"
            raise damaged(path, expected, f"page {page.index} of others")
        _check_page(path, page, series, segments)


def check_decodable(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Check that pixels that have to be decoded fit into memory, before any is taken.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    series : tifffile.TiffPageSeries
        The series, which `check_segments` has checked.

    Raises
    ------
    ReadError
        If they do not, or if a strip or tile states a size that is not that of the image.
    """
    needed = decoding_bytes(series)
    if needed > _FEW_BYTES and needed > (usable := usable_memory()):
        msg = (
            f"{path}: expected an image that fits into the {usable / 2**30:.1f} GiB of memory that are usable, got one "
            f"of shape {series.shape} and type {series.dtype.name} that takes {needed / 2**30:.1f} GiB to decode. Free "
            "memory, or save it uncompressed and not in tiles: then it is mapped."
        )
        raise ReadError(msg)
    segments = _Segments.of(series)
    if segments is not None:
        check_codestreams(path, series, segments.nbytes // series.dtype.itemsize)


def decoding_bytes(series: tifffile.TiffPageSeries) -> int:
    """Return how much memory it takes at most to decode a series, the decoded pixels included.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        The series, which `check_segments` has checked.

    Returns
    -------
    int
        Bytes: the pixels, and for each thread two times what is read at once, and three times a decoded strip or tile,
        or six times if it is an image to its codec.
    """
    keyframe = series.keyframe
    if keyframe.is_contiguous or (segments := _Segments.of(series)) is None:
        return math.prod(series.shape) * series.dtype.itemsize
    counts = [page.databytecounts[: segments.number] for page in series if page is not None]
    stored = max((max(max(count, default=0), min(sum(count), BUFFER_BYTES)) for count in counts), default=0)
    n_threads = min(tifffile.TIFF.MAXWORKERS, len(counts) * segments.number)
    times = 6 if is_image(keyframe.compression) else 3
    nbytes = len(series) * math.prod(keyframe.shaped) * series.dtype.itemsize
    return int(nbytes + n_threads * (times * segments.nbytes + 2 * stored))


def _all_pages(path: Path, series: tifffile.TiffPageSeries) -> Sequence[tifffile.TiffPage | tifffile.TiffFrame]:
    n_pages = len(series)
    needed = math.prod(series.shape) // max(1, math.prod(series.keyframe.shape))
    try:
        pages = [page for page in series if page is not None]
    except (IndexError, RuntimeError):
        pages = []
    if len(pages) < max(n_pages, needed):
        expected = f"the {max(n_pages, needed)} pages that its metadata promises"
        got = f"{len(pages) or 'fewer'}: the file is cut off, or a file that belongs to it is missing"
        raise damaged(path, expected, got)
    return pages


def _check_page(
    path: Path,
    page: tifffile.TiffPage | tifffile.TiffFrame,
    series: tifffile.TiffPageSeries,
    segments: _Segments | None,
) -> None:
    keyframe = series.keyframe
    size_bytes = page.parent.filehandle.size
    offsets, counts = page.dataoffsets, page.databytecounts
    if segments is None or (keyframe.is_contiguous and offsets):
        check_start(path, offsets[0])
        ends = [start + count for start, count in zip(offsets, counts, strict=False)]
        if page is not keyframe and len(offsets) > 1 and ends[:-1] != list(offsets[1:]):
            expected = f"strips that follow one another, as in page {keyframe.index}"
            raise damaged(path, expected, f"page {page.index}, in which they do not")
        end = offsets[0] + keyframe.nbytes
    else:
        if not segments.number <= len(offsets) == len(counts):
            raise cut_off(path, "the positions of all pixels", f"page {page.index} without them")
        offsets, counts = offsets[: segments.number], counts[: segments.number]
        end = max(offset + count for offset, count in zip(offsets, counts, strict=True))
        _check_growth(path, page, series, segments)
    if end > size_bytes:
        raise cut_off(path, f"{end} bytes for page {page.index}", f"{size_bytes} bytes")


def _check_growth(
    path: Path, page: tifffile.TiffPage | tifffile.TiffFrame, series: tifffile.TiffPageSeries, segments: _Segments
) -> None:
    """Check that what is stored of a page can become as large as the page; strips of no bytes stand for zeros."""
    counts = page.databytecounts[: segments.number]
    growth = _growth(series)
    if growth is None or not any(counts):
        return
    shape = series.keyframe.shape
    page_bytes = math.prod(shape) * series.dtype.itemsize
    # Tiles at the edge may be stored without what lies beyond it.
    if min(segments.nbytes, page_bytes) > growth * max(counts) or (all(counts) and page_bytes > growth * sum(counts)):
        expected = (
            f"at least {math.ceil(page_bytes / growth)} bytes for page {page.index} of shape {shape} and type "
            f"{series.dtype.name}, since one byte becomes at most {growth:g} in its compression"
        )
        raise damaged(path, expected, f"{sum(counts)} bytes in {segments.number} strips or tiles")


def _growth(series: tifffile.TiffPageSeries) -> float | None:
    """Return how many bytes one stored byte becomes at most; None if there is no limit to it."""
    if series.keyframe.compression == 1:
        bits = series.keyframe.bitspersample
        return 8 * series.dtype.itemsize / bits if isinstance(bits, int) and bits > 0 else None
    return _GROWTH.get(series.keyframe.compression)


def check_start(path: Path, position: int) -> None:
    """Check that pixels do not begin within the header of a file, where a position that was lost points to.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    position : int
        Where its pixels are said to begin.

    Raises
    ------
    ReadError
        If they would begin in the header.
    """
    if position < _HEADER_BYTES:
        raise damaged(path, "pixels behind the header of the file", f"some at byte {position}")
