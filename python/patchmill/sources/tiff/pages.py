"""The list of the pages of a TIFF file, walked before tifffile follows it: it may go in circles, or never end."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, NamedTuple

from patchmill.sources.memory import usable_memory
from patchmill.sources.tiff.errors import damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MOST_NUMBERS", "PageList", "walk_pages"]

MOST_NUMBERS = 1 << 22
"""How many numbers the tags of one page may hold: positions and sizes of strips or tiles."""

_MOST_SUBPAGES = 256
_PAGE_BYTES = 4096
_FEW_PAGES = 16384

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {3: "H", 4: "I", 16: "Q"}
_BYTES, _ASCII, _UNDEFINED, _SUBPAGES = 1, 2, 7, 330

# The tags whose numbers tifffile makes Python objects of, dozens of bytes each, as soon as it sees a page.
_LOADED = {258, 273, 277, 279, 282, 283, 324, 325, _SUBPAGES, 338, 339, 513, 514, 530, 50838}


# What has to be the same in all pages that are read as one image, and what it is if it is not stated: the sizes of the
# page and its tiles, the compression, the number and the arrangement of samples, the predictor.
_FORM = {256: 0, 257: 0, 259: 1, 277: 1, 284: 1, 317: 1, 322: 0, 323: 0}


@dataclass
class PageList:
    """What the list of pages says of itself.

    Parameters
    ----------
    n_pages : int
        How many pages it has.
    has_end : bool
        Whether it ends as it should, and not because the file does.
    """

    n_pages: int = 0
    has_end: bool = False
    _first_form: tuple[int, ...] = ()
    _other_forms: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def are_alike(self, one: int, other: int) -> bool:
        """Tell whether two pages can be parts of one image, by their positions in the file.

        Parameters
        ----------
        one, other : int
            The positions of two pages of the list.

        Returns
        -------
        bool
            Whether they state the same sizes, the same compression, and the same samples.
        """
        return self._other_forms.get(one, self._first_form) == self._other_forms.get(other, self._first_form)

    def _add(self, at: int, form: tuple[int, ...]) -> None:
        if self.n_pages == 0:
            self._first_form = form
        elif form != self._first_form:
            self._other_forms[at] = form
        self.n_pages += 1


class _Layout(NamedTuple):
    """How numbers are laid out in one of the three sorts of TIFF: classic, BigTIFF, and Hamamatsu's NDPI."""

    order: str
    first: int
    number: struct.Struct
    entry: struct.Struct
    link: struct.Struct

    @classmethod
    def of(cls, path: Path, start: bytes) -> _Layout | None:
        order = {b"II": "<", b"MM": ">", b"EP": "<"}.get(start[:2])
        if order is None or len(start) < 8:
            return None
        number, entry, link, first = "H", "HHI4s", "I", 4
        if struct.unpack(f"{order}H", start[2:4])[0] == 43:
            number, entry, link, first = "Q", "HHQ8s", "Q", 8
        elif order == "<" and path.suffix.lower() == ".ndpi":
            link = "Q"
        return cls(order, first, *(struct.Struct(order + form) for form in (number, entry, link)))


class _Page(NamedTuple):
    """One page as the list has it."""

    form: tuple[int, ...]
    n_numbers: int
    subpages: tuple[int, ...]
    next_at: int | None


def walk_pages(path: Path) -> PageList:
    """Follow the list of pages to its end, as tifffile will do, and see that it has one.

    Parameters
    ----------
    path : pathlib.Path
        A file. What is no TIFF has no pages.

    Returns
    -------
    PageList
        What was found.

    Raises
    ------
    ReadError
        If the list comes back to a page that it had before, if a page has more than `MOST_NUMBERS` numbers in its tags
        or more than 256 pages below it, or if there are more pages than memory for what is known of them (4 KiB each).
    OSError
        If the file cannot be read.
    """
    pages = PageList()
    with path.open("rb", buffering=0) as file:
        n_bytes = file.seek(0, 2)
        file.seek(0)
        layout = _Layout.of(path, file.read(16))
        if layout is None:
            return pages
        file.seek(layout.first)
        at = _number(layout.link, file.read(layout.link.size))
        seen: set[int] = set()
        while at and at < n_bytes:
            if at in seen:
                raise damaged(path, "a list of pages with an end", f"one in circles: to {at} and back")
            seen.add(at)
            page = _read_page(file, layout, at, n_bytes)
            if page is None:
                return pages
            _check_page(path, file, layout, page, n_bytes)
            pages._add(at, page.form)
            _check_number_of_pages(path, pages.n_pages)
            at = page.next_at
        pages.has_end = at == 0
    return pages


def _read_page(file: IO[bytes], layout: _Layout, at: int, n_bytes: int) -> _Page | None:
    """Read the tags of a page, but not what they refer to; None if there are none where they should be."""
    file.seek(at)
    content = file.read(1024)
    n_entries = _number(layout.number, content)
    # The limit is that of tifffile, which ends its list there.
    if n_entries is None or n_entries > 4096:
        return None
    end = layout.number.size + n_entries * layout.entry.size
    if len(content) < end + layout.link.size:
        content += file.read(end + layout.link.size - len(content))
    form, n_numbers, subpages = _FORM.copy(), 0, tuple[int, ...]()
    whole = (min(end, len(content)) - layout.number.size) // layout.entry.size * layout.entry.size
    for code, kind, count, value in layout.entry.iter_unpack(content[layout.number.size :][:whole]):
        if code in _FORM and count == 1 and kind in _INTEGERS:
            form[code] = _number(struct.Struct(layout.order + _INTEGERS[kind]), value) or 0
        if code not in _LOADED or kind in {_BYTES, _ASCII, _UNDEFINED} or kind not in _TYPE_BYTES:
            continue
        if count * _TYPE_BYTES[kind] > n_bytes:
            continue  # tifffile ignores it
        n_numbers += count
        if code == _SUBPAGES:
            subpages = tuple(_subpages(file, layout, _TYPE_BYTES[kind], count, value))
    return _Page(tuple(form.values()), n_numbers, subpages, _number(layout.link, content[end:]))


def _subpages(file: IO[bytes], layout: _Layout, size: int, count: int, value: bytes) -> Iterator[int]:
    """Read the positions of the pages below a page: smaller copies of it."""
    n_bytes = count * size
    if n_bytes > len(value):
        position = _number(struct.Struct(layout.order + ("I" if len(value) == 4 else "Q")), value)
        file.seek(position or 0)
        value = file.read(min(n_bytes, (_MOST_SUBPAGES + 1) * size))
    number_form = struct.Struct(layout.order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size])
    return (number for (number,) in number_form.iter_unpack(value[: min(n_bytes, len(value)) // size * size]))


def _check_page(path: Path, file: IO[bytes], layout: _Layout, page: _Page, n_bytes: int) -> None:
    if page.n_numbers > MOST_NUMBERS:
        got = f"a page with {page.n_numbers:,} of them"
        raise damaged(path, f"at most {MOST_NUMBERS:,} positions of strips or tiles in a page", got)
    if len(page.subpages) > _MOST_SUBPAGES:
        raise damaged(path, f"at most {_MOST_SUBPAGES} pages below a page", f"{len(page.subpages)} or more")
    for at in page.subpages:
        below = _read_page(file, layout, at, n_bytes) if at < n_bytes else None
        if below is not None:
            _check_page(path, file, layout, below._replace(subpages=()), n_bytes)


def _check_number_of_pages(path: Path, n_pages: int) -> None:
    # Asking for the memory takes as long as reading dozens of pages.
    if n_pages % _FEW_PAGES == 0 and n_pages * _PAGE_BYTES > (usable := usable_memory()):
        got = f"{n_pages:,} pages or more, of which as much as {n_pages * _PAGE_BYTES >> 20} MiB are to be kept in mind"
        raise damaged(path, f"a list of pages that fits into {usable >> 20} MiB of memory", got)


def _number(form: struct.Struct, content: bytes) -> int | None:
    if len(content) < form.size:
        return None
    number: int = form.unpack_from(content)[0]
    return number
