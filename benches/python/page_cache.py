"""The system's cache of a file's pages: empty, full, and how full it is."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np

__all__ = ["drop", "load", "resident_share"]

N_READS = 3


def drop(path: Path) -> None:
    """Drop a file from the cache.

    Raises
    ------
    RuntimeError
        If some of it is still there: pages that a process has mapped and touched stay.
    """
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if (share := resident_share(path)) > 0.001:
        msg = f"{path}: expected no page of it in the cache, got {share:.1%}. Close what has it mapped."
        raise RuntimeError(msg)


def load(path: Path) -> None:
    """Read a file into the cache, again where pages that were read only once are taken for something else.

    Raises
    ------
    RuntimeError
        If some of it is still gone: there is not enough memory.
    """
    buffer = bytearray(1 << 24)
    for _ in range(N_READS):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
        if (share := resident_share(path)) > 0.99:
            return
    msg = f"{path}: expected it in the cache, got {share:.1%}. Free some memory."
    raise RuntimeError(msg)


def resident_share(path: Path) -> float:
    """Return the share of a file's pages that are in the cache, 0 to 1."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = np.frombuffer(mapped, np.uint8)
        pages = np.empty(-(-len(view) // mmap.PAGESIZE), np.uint8)
        arguments = (ctypes.c_void_p(view.ctypes.data), ctypes.c_size_t(len(view)), ctypes.c_void_p(pages.ctypes.data))
        del view  # or the map could not be closed
        if libc.mincore(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    return float((pages & 1).mean())
