"""W5 from a disk: patches of a mapped file that is not in the page cache, and the memory that it takes."""

from __future__ import annotations

import functools
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import page_cache
import tifffile
from datasets import create_dataset
from figures import Place, Row, Section
from loader import PREFETCH, take
from numpy.typing import NDArray
from processes import in_fresh_process, memory_bytes
from turns import take_turns
from works import WORKS

from patchmill import PatchLoader
from patchmill.patching import create_plan
from patchmill.sources import images_from_tiffs

__all__ = ["measure_cold", "measure_memory"]

WORK = WORKS["W5"]
N_PATCHES, N_BATCHES = 512, 200
SIZE_Y, SIZE_X = WORK.patch_size
WIDTH = WORK.source.shape[-1]
ITEM_BYTES = np.dtype(WORK.source.dtype).itemsize

COLD_TEXT = f"""\
{N_PATCHES} random patches of a mapped TIFF of 4 GiB, which is dropped from the page cache before every run (`mincore`
tells that it is). *pread of rows*: the same regions, row by row, into nothing; *pread of stretches*: from the first
pixel of a region to its last in one call, with the pixels beside it that lie in the same pages anyway. As many threads
read as patchmill has. A disk may have a cache of its own, which stays."""

MEMORY_TEXT = f"""\
RssAnon of a fresh process, read after each of {N_BATCHES} batches of W5. *Batches*: {PREFETCH + 2} whole ones."""


def measure_cold(*, threads: Sequence[int], n_rounds: int, folder: Path) -> Section:
    """Measure patches from a cold page cache, beside reading the same regions."""
    path = WORK.source.write(folder)
    items = np.random.default_rng(0).permutation(WORK.n_patches)[:N_PATCHES]
    corners = _corners(path, items)
    ways: dict[str, Callable[[int], float]] = {
        "PatchLoader": lambda num_threads: _seconds_to_load(folder, items, num_threads),
        "pread of rows": lambda num_threads: _seconds_to_read(path, corners, _read_rows, num_threads),
        "pread of stretches": lambda num_threads: _seconds_to_read(path, corners, _read_stretch, num_threads),
    }
    cases = {
        (num_threads, what): functools.partial(_cold_speed, path, way, num_threads)
        for num_threads in threads
        for what, way in ways.items()
    }
    runs = take_turns(cases, n_rounds)
    rows = []
    for num_threads in threads:
        at: Place = {"threads": num_threads}
        ours, by_rows, by_stretches = (Row(what, "patches/s", at, runs[num_threads, what]) for what in ways)
        rows += [ours, by_rows, by_stretches, ours.over(by_rows, "of rows"), ours.over(by_stretches, "of stretches")]
    return Section("cold", "A cold page cache (W5)", COLD_TEXT, rows)


def measure_memory(*, n_rounds: int, folder: Path) -> Section:
    """Measure the anonymous memory of W5."""
    page_cache.load(WORK.source.write(folder))  # from the disk, that many batches would take minutes
    grown = [in_fresh_process(_grown_bytes, folder) / 1e6 for _ in range(n_rounds)]
    batches = (PREFETCH + 2) * WORK.batch_size * WORK.bytes_per_patch / 1e6
    at: Place = {"work": WORK.name}
    rows = [
        Row("more than after the imports", "MB", at, grown),
        Row("batches", "MB", at, [batches]),
        Row("above the batches", "MB", at, [growth - batches for growth in grown]),
    ]
    return Section("memory", "Anonymous memory with a mapped file (W5)", MEMORY_TEXT, rows)


def _cold_speed(path: Path, way: Callable[[int], float], num_threads: int) -> float:
    page_cache.drop(path)
    return N_PATCHES / way(num_threads)


def _seconds_to_load(folder: Path, items: NDArray[np.int64], num_threads: int) -> float:
    loader = PatchLoader(
        create_dataset(WORK, folder),
        WORK.batch_size,
        sampler=items.tolist(),
        num_threads=num_threads,
        prefetch=PREFETCH,
    )
    started = time.perf_counter()
    deque(loader, maxlen=0)
    return time.perf_counter() - started


def _seconds_to_read(path: Path, corners: list[int], read: Callable[[int, int], None], num_threads: int) -> float:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with ThreadPoolExecutor(num_threads) as pool:
            started = time.perf_counter()
            deque(pool.map(functools.partial(read, descriptor), corners), maxlen=0)
            return time.perf_counter() - started
    finally:
        os.close(descriptor)


def _read_rows(descriptor: int, corner: int) -> None:
    for y in range(SIZE_Y):
        os.pread(descriptor, SIZE_X * ITEM_BYTES, corner + y * WIDTH * ITEM_BYTES)


def _read_stretch(descriptor: int, corner: int) -> None:
    os.pread(descriptor, ((SIZE_Y - 1) * WIDTH + SIZE_X) * ITEM_BYTES, corner)


def _corners(path: Path, items: NDArray[np.int64]) -> list[int]:
    """Return where the first pixels of items lie in the file in epoch 0, in bytes."""
    plan = create_plan(images_from_tiffs([path], WORK.source.axes), WORK.patch_size, WORK.patching)
    _, samples, _, ys, xs = plan.regions(np.column_stack([items, np.zeros_like(items)]), seed=0).T
    with tifffile.TiffFile(path) as tiff:
        first = tiff.pages.first.dataoffsets[0]
    return [first + pixel * ITEM_BYTES for pixel in np.ravel_multi_index((samples, ys, xs), WORK.source.shape).tolist()]


def _grown_bytes(folder: Path) -> int:
    before = memory_bytes("RssAnon")
    loader = PatchLoader(create_dataset(WORK, folder), WORK.batch_size, shuffle=True, prefetch=PREFETCH)
    return max(memory_bytes("RssAnon") for _ in take(loader, N_BATCHES)) - before
