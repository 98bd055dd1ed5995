"""How many patches a second the data module's loader hands out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from careamics.lightning.data.data_module import CareamicsDataModule
from works import NOISE_MEAN, NOISE_STD, Source

from drop_in.configuration import configure

__all__ = ["measure"]

LEAST_BATCHES = 6
"""That a run has to have, before it is timed and while it is; workers have prepared up to four when it begins."""


def measure(
    axes: str, shape: list[int], patch_size: list[int], batch_size: int, num_workers: int, seconds: float
) -> dict[str, Any]:
    """Count the patches of some seconds, after half as many seconds to warm up. Batches are dropped unread.

    Parameters
    ----------
    axes, shape : str, list of int
        The axes and the shape of the array of 16-bit noise.
    patch_size, batch_size : list of int, int
        The size of a patch, and the patches of a batch.
    num_workers : int
        CAREamics' setting.
    seconds : float
        The least that a run takes.
    """
    # Its statistics are given: what a data module costs before the first batch is another row.
    statistics = {"input_means": [NOISE_MEAN], "input_stds": [NOISE_STD]}
    config = configure(axes, patch_size, batch_size, num_workers=num_workers, normalization_params=statistics)
    data_module = CareamicsDataModule(config.data_config, train_data=Source(tuple(shape), axes).make())
    data_module.setup("fit")
    batches = _endless(data_module.train_dataloader())
    _count(batches, seconds / 2)
    started = time.perf_counter()
    n_patches = _count(batches, seconds)
    return {"patches_per_s": n_patches / (time.perf_counter() - started)}


def _endless(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def _count(batches: Iterator[Any], seconds: float) -> int:
    n_batches = n_patches = 0
    end = time.perf_counter() + seconds
    while n_batches < LEAST_BATCHES or time.perf_counter() < end:
        (region, *_) = next(batches)
        n_batches += 1
        n_patches += len(region.data)
    return n_patches
