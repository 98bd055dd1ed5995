"""TIFF files as microscopes, their programs and libtiff write them, and tifffile does not."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.sources.tiff.raw import ASCII, BYTE, LONG, RATIONAL, SHORT, plain_page, write_raw

Random = np.random.Generator


def _stack(rng: Random, n_pages: int | None = None, dtype: str = "u2") -> NDArray[Any]:
    n_pages = int(rng.integers(2, 6)) if n_pages is None else n_pages
    shape = (n_pages, *(int(size) for size in rng.integers(1, 40, 2)))
    return rng.integers(0, 200, shape).astype(dtype)


def _order(rng: Random) -> str:
    return "<>"[int(rng.integers(2))]


def libtiff(path: Path, rng: Random) -> NDArray[Any]:
    """A page of strips of some rows, its tags behind its pixels."""
    order, pixels = _order(rng), _stack(rng, 1, str(rng.choice(["u1", "u2", "i4", "f4", "f8"])))[0]
    page = plain_page(pixels, order, rows=int(rng.integers(1, pixels.shape[0] + 1)))
    write_raw(path, [page], order=order, big=bool(rng.integers(2)), tags_first=False)
    return pixels


def one_strip_of_any_height(path: Path, rng: Random) -> NDArray[Any]:
    """All rows in one strip, which is said to have as many rows as there are numbers; and nothing of its bytes."""
    order, pixels = _order(rng), _stack(rng, 1)[0]
    page = plain_page(pixels, order, tag_278=(LONG, [2**32 - 1]))
    write_raw(path, [page], order=order, with_counts=bool(rng.integers(2)))
    return pixels


def streamed(path: Path, rng: Random) -> NDArray[Any]:
    """Pages as they come from the camera, each behind its tags: all equally far apart."""
    order, pixels = _order(rng), _stack(rng)
    pages = [plain_page(page, order, tag_270=(ASCII, f"frame {n:06}\0\0".encode())) for n, page in enumerate(pixels)]
    write_raw(path, pages, order=order, big=bool(rng.integers(2)), tags_first=bool(rng.integers(2)), gaps=(6,))
    return pixels


def streamed_unevenly(path: Path, rng: Random) -> NDArray[Any]:
    """Pages with something of another length between any two of them."""
    order, pixels = _order(rng), _stack(rng, 4)
    pages = [plain_page(page, order) for page in pixels]
    write_raw(path, pages, order=order, gaps=(2, 10, 4))
    return pixels


def scanimage(path: Path, rng: Random) -> NDArray[Any]:
    """Frames of ScanImage, in BigTIFF."""
    pixels = _stack(rng, dtype="i2")
    software = b"SI.LINE_FORMAT_VERSION = 1\nSI.VERSION_MAJOR = 5\n\0\0"
    pages = [plain_page(page, "<", tag_305=(ASCII, software)) for page in pixels]
    write_raw(path, pages, big=True)
    return pixels


def metamorph(path: Path, rng: Random) -> NDArray[Any]:
    """A stack of MetaMorph (STK): the tags of one page, and the pixels of the others behind its own."""
    pixels = _stack(rng)
    n_planes = len(pixels)
    described = np.tile(np.array([1, 1, 2460000, 0, 2460000, 0], "<u4"), (n_planes, 1))
    described[:, 0] += np.arange(n_planes, dtype="u4")
    page = plain_page(
        pixels[0],
        "<",
        rows=int(rng.integers(1, pixels.shape[1] + 1)),
        tag_33628=(LONG, [0, 0, 0, 0]),
        tag_33629=(RATIONAL, described.tobytes()),
        tag_33630=(RATIONAL, [500, 1] * n_planes),
    )
    page.counts[33629] = n_planes
    page.behind = [plane.astype("<u2").tobytes() for plane in pixels[1:]]
    write_raw(path, [page])
    return pixels


def zeiss(path: Path, rng: Random) -> NDArray[Any]:
    """A stack of Zeiss (LSM): planes of several channels, each followed by a small copy of itself."""
    n_planes, n_channels = int(rng.integers(1, 5)), int(rng.choice([1, 3, 4]))
    height, width = (int(size) for size in rng.integers(2, 40, 2))
    pixels = rng.integers(0, 4096, (n_planes, n_channels, height, width), np.uint16)
    info = np.zeros((), tifffile.TIFF.CZ_LSMINFO)
    for name, value in {
        "MagicNumber": 67127628,
        "StructureSize": info.dtype.itemsize,
        "DimensionX": width,
        "DimensionY": height,
        "DimensionZ": n_planes,
        "DimensionChannels": n_channels,
        "DimensionTime": 1,
        "DataType": 2,
    }.items():
        info[name] = value
    pages = []
    for number, plane in enumerate(pixels):
        page = plain_page(np.moveaxis(plane, 0, 2), "<", tag_284=(SHORT, [2]), tag_254=(LONG, [0]))
        page.tags |= {258: (SHORT, [16] * n_channels), 277: (SHORT, [n_channels]), 262: (SHORT, [1])}
        page.strips = [channel.astype("<u2").tobytes() for channel in plane]
        if number == 0:
            page.tags[34412] = (BYTE, info.tobytes())
        small = plain_page(np.zeros((2, 2, 3), np.uint8), "<", tag_254=(LONG, [1]), tag_284=(SHORT, [2]))
        small.strips = [bytes(4)] * 3
        pages += [page, small]
    write_raw(path, pages)
    return pixels


def olympus(path: Path, rng: Random) -> NDArray[Any]:
    """A stack of FluoView, whose axes are in a header of their own."""
    pixels = _stack(rng)
    header = np.zeros((), tifffile.TIFF.MM_HEADER)
    for place, (name, size) in enumerate((("X", pixels.shape[2]), ("Y", pixels.shape[1]), ("Z", pixels.shape[0]))):
        header["Dimensions"][place]["Name"], header["Dimensions"][place]["Size"] = name.encode(), size
    tags = {"tag_34361": (BYTE, header.tobytes()), "tag_34362": (BYTE, bytes(64))}
    write_raw(path, [plain_page(page, "<", **(tags if n == 0 else {})) for n, page in enumerate(pixels)])
    return pixels


def micro_manager(path: Path, rng: Random) -> NDArray[Any]:
    """A stack of Micro-Manager: an index of planes and a summary between the header and the first page."""
    pixels = _stack(rng, dtype="u2")
    n_planes = len(pixels)
    summary = json.dumps({"MicroManagerVersion": "1.4", "Frames": n_planes, "Slices": 1, "Channels": 1, "Prefix": "x"})
    comments = b"{}"
    pages = [plain_page(page, "<") for page in pixels]
    for page in pages:
        # Pixels are expected 162 bytes behind the beginning of the tags: 13 tags, whose values all fit into them.
        page.tags |= {code: (LONG, [8]) for code in (254, 65000, 51123)}
    start_bytes = 32 + len(summary)
    index_at = 8 + start_bytes
    index_bytes = 8 + 20 * n_planes
    comments_at = index_at + index_bytes
    first_at = comments_at + 8 + len(comments)
    first_at += first_at % 2
    page_bytes = 162 + pixels[0].nbytes
    index = b"".join(struct.pack("<5I", 0, 0, n, 0, first_at + n * page_bytes) for n in range(n_planes))
    start = (
        struct.pack("<8I", 54773648, index_at, 0, 0, 99384722, comments_at, 2355492, len(summary)) + summary.encode()
    )
    start += struct.pack("<II", 3453623, n_planes) + index
    start += struct.pack("<II", 84720485, len(comments)) + comments
    write_raw(path, pages, start=start)
    return pixels


def aperio(path: Path, rng: Random) -> NDArray[Any]:
    """A slide of Aperio (SVS): tiles of JPEG, a thumbnail, and a smaller copy."""
    pixels = rng.integers(0, 255, (64, 48, 3), np.uint8)
    with tifffile.TiffWriter(path) as writer:
        options: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
        writer.write(pixels, tile=(16, 16), description="Aperio Image Library v11\n48x64|AppMag = 20", **options)
        writer.write(pixels[::4, ::4], description="Aperio Image Library v11\n12x16", **options)
        writer.write(pixels[::2, ::2], tile=(16, 16), description="Aperio Image Library v11\n24x32", **options)
    return tifffile.imread(path)


def least_bit_first(path: Path, rng: Random) -> NDArray[Any]:
    """Bytes that begin with their least bit, as faxes and some cameras have them."""
    order, pixels = _order(rng), _stack(rng, 1)[0]
    page = plain_page(pixels, order, tag_266=(SHORT, [2]))
    bits = np.unpackbits(np.frombuffer(page.strips[0], "u1"))
    page.strips = [np.packbits(bits, bitorder="little").tobytes()]
    write_raw(path, [page], order=order)
    return pixels


def packed(path: Path, rng: Random) -> NDArray[Any]:
    """Numbers of 1 to 15 bits, packed; each row begins with a byte."""
    bits = int(rng.choice([1, 2, 4, 6, 10, 12, 14]))
    pixels = rng.integers(0, 2**bits, (int(rng.integers(1, 20)), int(rng.integers(1, 20))))
    pixels = pixels.astype("?" if bits == 1 else "u1" if bits <= 8 else "u2")
    page = plain_page(pixels.astype("u2"), "<", tag_258=(SHORT, [bits]), tag_339=(SHORT, [1]))
    one_by_one = pixels.astype("u2")[..., None] >> np.arange(bits - 1, -1, -1) & 1
    page.strips = [np.packbits(one_by_one.reshape(len(pixels), -1), axis=1).tobytes()]
    write_raw(path, [page])
    return pixels


def sparse(path: Path, rng: Random) -> NDArray[Any]:
    """Tiles some of which are not stored, because nothing is on them."""
    pixels = np.zeros((48, 64), np.uint16)
    kept = rng.integers(0, 2, (3, 4))
    kept[0, 0] = 1
    for (row, column), is_kept in np.ndenumerate(kept):
        if is_kept:
            pixels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = rng.integers(1, 99, (16, 16))
    tiles = (
        pixels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].copy() if is_kept else None
        for (row, column), is_kept in np.ndenumerate(kept)
    )
    compression = "zlib" if rng.integers(2) else None
    options: dict[str, Any] = {"compression": compression, "photometric": "minisblack", "tile": (16, 16)}
    tifffile.imwrite(path, tiles, shape=pixels.shape, dtype=pixels.dtype, **options)
    return pixels


def short_positions(path: Path, rng: Random) -> NDArray[Any]:
    """Tags of 16 bits where 32 are usual."""
    pixels = _stack(rng, 1, "u1")[0]
    page = plain_page(pixels, ">", tag_256=(SHORT, [pixels.shape[1]]), tag_257=(SHORT, [pixels.shape[0]]))
    write_raw(path, [page], order=">")
    return pixels


def imagej_virtual(path: Path, rng: Random) -> NDArray[Any]:
    """A stack of ImageJ beyond 4 GiB has the tags of its first page alone; here a smaller one."""
    pixels = _stack(rng)
    description = f"ImageJ=1.53t\nimages={len(pixels)}\nslices={len(pixels)}\nloop=false\n\0".encode()
    page = plain_page(pixels[0], ">", tag_270=(ASCII, description))
    page.behind = [plane.astype(">u2").tobytes() for plane in pixels[1:]]
    write_raw(path, [page], order=">")
    return pixels


# Each, and whether it is mapped.
CRAFTED: dict[str, tuple[Callable[[Path, Random], NDArray[Any]], bool]] = {
    function.__name__: (function, is_plain)
    for function, is_plain in (
        (libtiff, True),
        (one_strip_of_any_height, True),
        (streamed, True),
        (streamed_unevenly, False),
        (scanimage, True),
        (metamorph, True),
        (zeiss, True),
        (olympus, True),
        (micro_manager, True),
        (aperio, False),
        (least_bit_first, False),
        (packed, False),
        (sparse, False),
        (short_positions, True),
        (imagej_virtual, True),
    )
}
