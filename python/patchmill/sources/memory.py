"""How much memory this process may use, and whether images fit into it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from patchmill.sources.header import ImageLike

__all__ = ["MEMORY_SHARE", "fits_in_memory", "usable_memory"]

MEMORY_SHARE = 0.8
"""The share of the usable memory that images may take."""

_logger = logging.getLogger(__name__)


def usable_memory() -> int:
    """Return how much memory this process may still use.

    Returns
    -------
    int
        Bytes: what the system has available or, on Linux, what the limits of a control group (of a container, or of a
        job on a cluster) leave, whichever is least. What a group keeps of files that were not used lately counts as
        free, as the kernel gives it up first.
    """
    return max(0, min([psutil.virtual_memory().available, *_left_in_groups(Path("/"))]))


def fits_in_memory(images: Iterable[ImageLike], usable: int) -> bool:
    """Tell whether images fit into 80 % of the usable memory, and log it.

    Parameters
    ----------
    images : iterable of ImageHeader or Image
        All that are used at the same time: those for training and validation, and their targets. Those that are mapped
        take none.
    usable : int
        What `usable_memory` returned before any of them was read.

    Returns
    -------
    bool
        Whether they fit when they are decoded.
    """
    listed = list(images)
    n_bytes = sum(image.nbytes for image in listed if not image.is_mapped)
    fits = n_bytes <= MEMORY_SHARE * usable
    _logger.info(
        "images: %d, of which %d are mapped; the others take %s decoded, and %s of memory are usable: %s",
        len(listed),
        sum(image.is_mapped for image in listed),
        _gib(n_bytes),
        _gib(usable),
        "all are kept in memory" if fits else f"read in turn, as they take more than {MEMORY_SHARE:.0%} of it",
    )
    return fits


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.2f} GiB"


def _left_in_groups(root: Path) -> Iterator[int]:
    """Look up what each limit leaves that holds for this process; `root` is where the file system begins."""
    mounts = root / "sys/fs/cgroup"
    for controllers, group in _groups(root / "proc/self/cgroup"):
        if controllers == "":
            for folder in _with_parents(mounts, group):
                yield from _left(folder, ("memory.max", "memory.high"), "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            for folder in _with_parents(mounts / "memory", group):
                yield from _left(folder, ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")


def _groups(path: Path) -> Iterator[tuple[str, str]]:
    """Read the control groups of this process; version 2 has one, with no controllers in its name."""
    for line in _read(path).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        yield controllers, group


def _with_parents(mount: Path, group: str) -> Iterator[Path]:
    """List the folder of a group and those of the groups around it, up to where they are mounted.

    In a container the group may be named as outside of it, and only the mount itself be there.
    """
    folder = mount.joinpath(*(part for part in group.split("/") if part not in ("", "..")))
    yield folder
    while folder != mount:
        folder = folder.parent
        yield folder


def _left(folder: Path, limits: Iterable[str], used: str, freed: str) -> Iterator[int]:
    in_use = _number(_read(folder / used))
    if in_use is None:
        return
    lines = (line.partition(" ") for line in _read(folder / "memory.stat").splitlines())
    free = next((_number(value) for key, _, value in lines if key == freed), None) or 0
    for name in limits:
        limit = _number(_read(folder / name))
        if limit is not None:
            yield limit - max(0, in_use - free)


def _number(text: str) -> int | None:
    """Parse a number; None if it is none, such as ``max``, or if there was nothing to read."""
    text = text.strip()
    return int(text) if text.isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
