"""How fast patch filters score cells of 64 x 64, beside what NumPy, SciPy and scikit-image do with the same patches."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from figures import Row, Section
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from skimage.measure import shannon_entropy
from turns import take_turns

from patchmill._core import filter_cells

__all__ = ["measure_filters"]

SIDE, PATCH = 8192, 64
THRESHOLD = 150

TEXT = f"""\
Of YX ({SIDE}, {SIDE}) uint16, an array of Poisson noise with about 40 values, in cells of {PATCH} x {PATCH}. *NumPy*:
`scipy.ndimage.maximum_filter`, `mean` and `std`, `skimage.measure.shannon_entropy` and `numpy.count_nonzero` of one
patch after the other, on one thread, on an eighth of the image."""

PEERS: dict[str, Callable[[NDArray[Any]], object]] = {
    "max": lambda patch: np.mean(maximum_filter(patch, PATCH // 2, mode="constant") > THRESHOLD),
    "mean_std": lambda patch: (patch.mean(), patch.std()),
    "shannon": shannon_entropy,
    "mask": lambda patch: np.count_nonzero(patch) / patch.size,
}
"""The same scores, patch by patch."""


def measure_filters(*, threads: Sequence[int], n_rounds: int) -> Section:
    """Measure each filter with each number of threads, and its peer."""
    image = (np.random.default_rng(0).poisson(20, (SIDE, SIDE)) * 5).astype(np.uint16)
    cases: dict[tuple[int | str, str], Callable[[], float]] = {}
    for name, peer in PEERS.items():
        cases["NumPy", name] = functools.partial(_peers_speed, image[: SIDE // 8], peer)
        for num_threads in threads:
            cases[num_threads, name] = functools.partial(_speed, image, name, num_threads)
    runs = take_turns(cases, n_rounds)
    rows = []
    for name in PEERS:
        peer_row = Row("NumPy", "GB/s", {"filter": name}, runs["NumPy", name])
        rows.append(peer_row)
        for num_threads in threads:
            what = f"patchmill, {num_threads} threads"
            row = Row(what, "GB/s", {"filter": name}, runs[num_threads, name])
            rows += [row, row.over(peer_row, f"{what}, of NumPy")]
    return Section("filters", "Patch filters", TEXT, rows)


def _speed(image: NDArray[Any], name: str, num_threads: int) -> float:
    inputs = [("image", image[np.newaxis, np.newaxis, np.newaxis, np.newaxis])]
    threshold = float(THRESHOLD) if name == "max" else None
    started = time.perf_counter()
    filter_cells(inputs, (1, PATCH, PATCH), name, channel=0, threshold=threshold, num_threads=num_threads)
    return image.nbytes / 1e9 / (time.perf_counter() - started)


def _peers_speed(image: NDArray[Any], score: Callable[[NDArray[Any]], object]) -> float:
    height, width = image.shape
    started = time.perf_counter()
    for y in range(0, height, PATCH):
        for x in range(0, width, PATCH):
            score(image[y : y + PATCH, x : x + PATCH])
    return image.nbytes / 1e9 / (time.perf_counter() - started)
