"""What the metadata of a TIFF file claim of its pages: tifffile makes lists as long as they say before it looks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tifffile

from patchmill.sources.tiff.errors import damaged
from patchmill.sources.tiff.ome import ome_claims
from patchmill.sources.tiff.pages import walk_pages

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MOST_PLANES", "check_claims"]

MOST_PLANES = 1 << 22
"""How many planes the metadata of one file may claim."""


def check_claims(path: Path, file: tifffile.TiffFile) -> None:
    """Check that the metadata of a file claim no more planes than there can be, and that the files that they name are.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    file : tifffile.TiffFile
        The file, of which nothing but the first page was read.

    Raises
    ------
    ReadError
        If more than `MOST_PLANES` planes are claimed, if XML defines entities, or if a file that is named is no file,
        or has a list of pages without an end.
    """
    description = file.pages.first.description
    if "<!ENTITY" in description:
        raise damaged(path, "XML that says what it means", "entities, which stand for something else")
    if file.is_ome:
        claims = ome_claims(file.ome_metadata or "")
        _check_number(path, "OME-XML", claims.n_planes)
        _check_files(path, claims.files)
    if file.is_micromanager:
        _check_micromanager(path, file)


def _check_micromanager(path: Path, file: tifffile.TiffFile) -> None:
    """Check the index of a file of Micro-Manager, or that of the folder of an NDTiff."""
    if file.is_ndtiff:
        entries = list(tifffile.read_ndtiff_index(path.parent / "NDTiff.index"))
        _check_number(path, "NDTiff.index", _extent([place for place, *_ in entries]))
        _check_files(path, {name for _, name, *_ in entries})
    elif file.is_mmstack:
        settings = file.micromanager_metadata or {}
        stated = (_count(settings["Summary"].get(key)) for key in ("Channels", "Slices", "Frames", "Positions"))
        listed = (1 + int(last) for last in settings["IndexMap"][:, :4].max(axis=0, initial=0))
        _check_number(path, "Micro-Manager", math.prod(max(pair) for pair in zip(stated, listed, strict=True)))


def _extent(places: list[dict[str, Any]]) -> int:
    """Return how many planes there are if every axis has all places from its first to its last."""
    extent = 1
    for axis in places[0] if places else ():
        found = {place.get(axis) for place in places}
        # Places with names, such as channels, are numbered as they come.
        numbers = [number for number in found if isinstance(number, int)] or [1, len(found)]
        extent *= max(numbers) - min(numbers) + 1
    return extent


def _count(number: object) -> int:
    try:
        return int(str(number))
    except ValueError:
        return 1


def _check_number(path: Path, what: str, n_planes: int) -> None:
    if n_planes > MOST_PLANES:
        raise damaged(path, f"at most {MOST_PLANES:,} planes in its metadata ({what})", f"{n_planes:,}")


def _check_files(path: Path, names: Iterable[str]) -> None:
    for name in sorted(set(names) - {path.name}):
        other = path.parent / name
        if other.is_file():
            walk_pages(other)
        elif other.exists():
            raise damaged(path, "names of files in its metadata", f"{name!r}, which is something else")
