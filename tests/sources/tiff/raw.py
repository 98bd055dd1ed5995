"""TIFF files written by hand: what tifffile reads and does not write, as microscopes, libtiff and others write it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

BYTE, ASCII, SHORT, LONG, RATIONAL, LONG8 = 1, 2, 3, 4, 5, 16

_FORMS = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", LONG8: "Q"}
_BYTES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, LONG8: 8}


@dataclass
class RawPage:
    """A page: its tags, as (type, numbers or bytes) by code, and its strips as they are stored.

    `behind` lies behind the strips. `counts` are what tags state of the number of their values, where they do not tell
    how many there are.
    """

    tags: dict[int, tuple[int, Any]]
    strips: list[bytes]
    behind: list[bytes] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)


def plain_page(pixels: NDArray[Any], order: str, rows: int | None = None, **tags: tuple[int, Any]) -> RawPage:
    """Describe a page of uncompressed pixels, of axes Y, X or Y, X, S. Further tags are named ``tag_CODE``."""
    height, width = pixels.shape[:2]
    n_samples = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = height if rows is None else rows
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    described = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [8 * pixels.dtype.itemsize] * n_samples),
        259: (SHORT, [1]),
        262: (SHORT, [2 if n_samples == 3 else 1]),
        277: (SHORT, [n_samples]),
        278: (LONG, [rows]),
        339: (SHORT, [kind] * n_samples),
    }
    more = {int(name.removeprefix("tag_")): tag for name, tag in tags.items()}
    strips = [stored[start : start + rows].tobytes() for start in range(0, height, rows)]
    return RawPage(described | more, strips)


def write_raw(
    path: Path,
    pages: list[RawPage],
    *,
    order: str = "<",
    big: bool = False,
    tags_first: bool = True,
    start: bytes = b"",
    gaps: tuple[int, ...] = (0,),
    with_counts: bool = True,
) -> None:
    """Write pages one after another, each with its tags in front of its pixels or behind them.

    `start` stands behind the header; between pages lie as many bytes as `gaps` says, in turn.
    """
    link = "Q" if big else "I"
    header = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 0) if big else (42, 0)))
    content = bytearray((b"II" if order == "<" else b"MM") + header)
    link_at = len(content) - struct.calcsize(link)
    content += start
    for number, page in enumerate(pages):
        content += bytes(len(content) % 2)
        tags = dict(page.tags)
        offset_type = LONG8 if big else LONG
        tags[273] = (offset_type, [0] * len(page.strips))
        if with_counts:
            tags[279] = (offset_type, [len(strip) for strip in page.strips])
        positions: list[int] = []
        if not tags_first:
            positions = _put_strips(content, page)
            content += bytes(len(content) % 2)
        page_at = len(content)
        content += bytes(_page_bytes(len(tags), big=big))
        places = {code: _put_values(content, tags[code], order, big=big) for code in sorted(tags)}
        if tags_first:
            positions = _put_strips(content, page)
        _, kept = _encoded((offset_type, positions), order)
        if places[273] is None:
            tags[273] = (offset_type, positions)
        else:
            content[places[273] : places[273] + len(kept)] = kept
        _put_page(content, page_at, tags, page.counts, places, order, big=big)
        struct.pack_into(order + link, content, link_at, page_at)
        link_at = page_at + _page_bytes(len(tags), big=big) - struct.calcsize(link)
        content += bytes(gaps[number % len(gaps)])
    path.write_bytes(content)


def _page_bytes(n_tags: int, *, big: bool) -> int:
    return 8 + 20 * n_tags + 8 if big else 2 + 12 * n_tags + 4


def _encoded(tag: tuple[int, Any], order: str) -> tuple[int, bytes]:
    """Return the number of values of a tag, and the values as they are stored."""
    kind, values = tag
    if isinstance(values, bytes):
        return len(values) // _BYTES[kind], values
    count = len(values) // (2 if kind == RATIONAL else 1)
    return count, struct.pack(f"{order}{len(values)}{_FORMS[kind]}", *values)


def _put_values(content: bytearray, tag: tuple[int, Any], order: str, *, big: bool) -> int | None:
    """Append values that do not fit into a tag, and return where they are."""
    _, values = _encoded(tag, order)
    if len(values) <= (8 if big else 4):
        return None
    content += bytes(len(content) % 2)
    at = len(content)
    content += values
    return at


def _put_strips(content: bytearray, page: RawPage) -> list[int]:
    positions = []
    for strip in page.strips:
        positions.append(len(content))
        content += strip
    for more in page.behind:
        content += more
    return positions


def _put_page(
    content: bytearray,
    at: int,
    tags: dict[int, tuple[int, Any]],
    counts: dict[int, int],
    places: dict[int, int | None],
    order: str,
    *,
    big: bool,
) -> None:
    struct.pack_into(order + ("Q" if big else "H"), content, at, len(tags))
    at += 8 if big else 2
    room = 8 if big else 4
    for code in sorted(tags):
        count, values = _encoded(tags[code], order)
        place = places[code]
        stored = values.ljust(room, b"\0") if place is None else struct.pack(order + ("Q" if big else "I"), place)
        stated = struct.pack(order + ("HHQ" if big else "HHI"), code, tags[code][0], counts.get(code, count))
        content[at : at + len(stated) + room] = stated + stored
        at += len(stated) + room
