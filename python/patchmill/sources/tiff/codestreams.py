"""Compressed images in TIFF files, which say themselves how large they are: codecs take memory for what they say."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from patchmill.sources.tiff.errors import damaged

if TYPE_CHECKING:
    from collections.abc import Callable

    import tifffile

__all__ = ["check_codestreams", "is_image", "stated_samples"]

_START_BYTES = 4096

_JPEG2000_SIZES = b"\xff\x4f\xff\x51"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def check_codestreams(path: Path, series: tifffile.TiffPageSeries, n_samples: int) -> None:
    """Check that no strip or tile states a size beyond that of the strips and tiles of its image.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    series : tifffile.TiffPageSeries
        A series of an open file. If its compression is not one of images, nothing is checked.
    n_samples : int
        How many numbers a strip or tile has: pixels times samples.

    Raises
    ------
    ReadError
        If a strip or tile states more than twice as many.
    OSError
        If the file cannot be read.
    """
    keyframe = series.keyframe
    if not is_image(keyframe.compression):
        return
    with contextlib.ExitStack() as stack:
        part, file = None, None
        for page in series:
            if page is None:
                continue
            if file is None or page.parent is not part:
                part = page.parent
                file = stack.enter_context(Path(part.filehandle.path).open("rb", buffering=0))
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
                file.seek(offset)
                start = file.read(min(count, _START_BYTES))
                stated = stated_samples(keyframe.compression, start)
                if stated is None and count > _START_BYTES:
                    # Profiles and notes may stand in front of the size.
                    stated = stated_samples(keyframe.compression, start + file.read(count - _START_BYTES))
                if stated is not None and stated > 2 * n_samples:
                    expected = f"strips or tiles of {n_samples} samples in page {page.index}, as the tags say"
                    raise damaged(path, expected, f"one that states {stated}")


def is_image(compression: int) -> bool:
    """Tell whether strips and tiles are images of their own, and not just bytes.

    Parameters
    ----------
    compression : int
        Their compression, as the tag of TIFF has it.

    Returns
    -------
    bool
        Whether they state sizes of their own.
    """
    return compression in _STATED


def stated_samples(compression: int, content: bytes) -> int | None:
    """Return how many numbers a compressed image states to hold: pixels times samples.

    Parameters
    ----------
    compression : int
        Its compression, as the tag of TIFF has it.
    content : bytes
        The image, or its beginning.

    Returns
    -------
    int or None
        The number; None if there is none to be found.
    """
    find = _STATED.get(compression)
    try:
        return find(content) if find is not None else None
    except (IndexError, KeyError, struct.error):
        return None


def _jpeg(content: bytes) -> int | None:
    """Follow the markers to that of a frame (ITU-T T.81, B.2.2)."""
    at = 2
    while True:
        while content[at] == 0xFF and content[at + 1] == 0xFF:
            at += 1
        marker, start = content[at : at + 2], at + 2
        if marker[0] != 0xFF or marker[1] in {0xD9, 0xDA}:
            return None
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in {0xC4, 0xC8, 0xCC}:
            height, width, n_samples = struct.unpack_from(">HHB", content, start + 3)
            return int(height * width * n_samples)
        has_content = not (0xD0 <= marker[1] <= 0xD8 or marker[1] == 0x01)
        at = start + (struct.unpack_from(">H", content, start)[0] if has_content else 0)


def _jpeg2000(content: bytes) -> int | None:
    """Find the marker of sizes, in a codestream or in a file of boxes (ITU-T T.800, A.5.1)."""
    at = content.find(_JPEG2000_SIZES)
    if at < 0:
        return None
    end_x, end_y, x, y = struct.unpack_from(">IIII", content, at + 8)
    (n_samples,) = struct.unpack_from(">H", content, at + 40)
    return int(max(0, end_x - x) * max(0, end_y - y) * n_samples)


def _jpeg_xl(content: bytes) -> int | None:
    """Read the header of sizes (ISO/IEC 18181-1, D.2), as it is or in a file of boxes."""
    if content[:2] != b"\xff\x0a":
        at = max(content.find(b"jxlc\xff\x0a") + 4, content.find(b"jxlp\x00\x00\x00\x00\xff\x0a") + 8)
        if at < 8:
            return None
        content = content[at:]
    bits = int.from_bytes(content[2:18], "little")

    def take(n_bits: int) -> int:
        nonlocal bits
        taken = bits & ((1 << n_bits) - 1)
        bits >>= n_bits
        return taken

    is_small = take(1)

    def size() -> int:
        return 8 * (1 + take(5)) if is_small else 1 + take((9, 13, 18, 30)[take(2)])

    height = size()
    ratio = take(3)
    ratios = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
    width = height * ratios[ratio - 1][0] // ratios[ratio - 1][1] if ratio else size()
    return height * width


def _jpeg_xr(content: bytes) -> int | None:
    """Read the sizes of the codestream (ITU-T T.832, 8.3) and those of the file around it (A.7)."""
    at = content.find(b"WMPHOTO\0")
    if at < 0:
        return None
    has_short_sizes = content[at + 10] & 0x80
    width, height = (1 + size for size in struct.unpack_from(">HH" if has_short_sizes else ">II", content, at + 12))
    (first,) = struct.unpack_from("<I", content, 4)
    (n_entries,) = struct.unpack_from("<H", content, first)
    for number in range(n_entries):
        code, _, _, value = struct.unpack_from("<HHII", content, first + 2 + 12 * number)
        width, height = max(width, value * (code == 0xBC80)), max(height, value * (code == 0xBC81))
    return int(width * height)


def _png(content: bytes) -> int | None:
    width, height, _, kind = struct.unpack_from(">IIBB", content, 16)
    return int(width * height * _PNG_SAMPLES[kind])


def _webp(content: bytes) -> int | None:
    """Read the sizes of the sorts of WebP (RFC 9649, 2.5 to 2.7): 14 or 24 bits."""
    match content[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", content, 26)
            return int((width & 0x3FFF) * (height & 0x3FFF) * 3)
        case b"VP8L":
            bits = int.from_bytes(content[21:25], "little")
            return (1 + (bits & 0x3FFF)) * (1 + (bits >> 14 & 0x3FFF)) * 3
        case b"VP8X":
            width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
            return width * height * 3
        case _:
            return None


def _lerc(content: bytes) -> int | None:
    """Read the header of LERC (its specification, version 1.1, pages 3 and 10)."""
    if content[:10] == b"CntZImage ":
        height, width = struct.unpack_from("<ii", content, 18)
        return int(max(0, height) * max(0, width))
    if content[:6] != b"Lerc2 ":
        return None
    (version,) = struct.unpack_from("<i", content, 6)
    height, width, n_samples = struct.unpack_from("<iii", content, 14 if version >= 3 else 10)
    return int(max(0, height) * max(0, width) * (max(0, n_samples) if version >= 4 else 1))


_STATED: dict[int, Callable[[bytes], int | None]] = {
    **dict.fromkeys((6, 7, 33007, 34892), _jpeg),
    **dict.fromkeys((33003, 33004, 33005, 34712), _jpeg2000),
    **dict.fromkeys((50002, 52546), _jpeg_xl),
    **dict.fromkeys((22610, 34934), _jpeg_xr),
    34933: _png,
    **dict.fromkeys((34927, 50001), _webp),
    34887: _lerc,
}
