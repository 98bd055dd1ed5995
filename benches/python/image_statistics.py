"""W7: how fast mean and standard deviation, and two quantiles, of 4 GiB are computed, beside one pass over them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from datasets import pixels
from figures import Row, Section
from numpy.typing import NDArray
from turns import take_turns
from works import LARGE

from patchmill.sources import compute_quantiles, compute_statistics, images_from_arrays

__all__ = ["measure_statistics"]

TEXT = f"""\
Of {LARGE.axes} {LARGE.shape} {LARGE.dtype}. *Reading*: the maximum of the same bytes, taken as 64-bit integers, in
NumPy, each thread on its share: the fastest pass over memory that NumPy has."""


def measure_statistics(*, threads: Sequence[int], n_rounds: int) -> Section:
    """Measure W7 with each number of threads, and the pass over memory."""
    array = pixels(LARGE)
    images = images_from_arrays(array, LARGE.axes)
    passes: dict[str, Callable[[int], object]] = {
        "reading": functools.partial(_read, array),
        "mean and std": lambda num_threads: compute_statistics(images, num_threads=num_threads),
        "quantiles": lambda num_threads: compute_quantiles(images, [0.01, 0.99], num_threads=num_threads),
    }
    cases = {
        (num_threads, what): functools.partial(_speed, work, num_threads)
        for num_threads in threads
        for what, work in passes.items()
    }
    runs = take_turns(cases, n_rounds)
    rows = []
    for num_threads in threads:
        reading, *ours = (Row(what, "GB/s", {"threads": num_threads}, runs[num_threads, what]) for what in passes)
        rows += [reading, *ours, *(row.over(reading, f"{row.what}, of reading") for row in ours)]
    return Section("statistics", "Statistics (W7)", TEXT, rows)


def _speed(work: Callable[[int], object], num_threads: int) -> float:
    started = time.perf_counter()
    work(num_threads)
    return LARGE.n_bytes / 1e9 / (time.perf_counter() - started)


def _read(array: NDArray[Any], num_threads: int) -> None:
    shares = np.array_split(array.reshape(-1).view(np.uint64), num_threads)
    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(np.max, shares))
