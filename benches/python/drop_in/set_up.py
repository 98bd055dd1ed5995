"""What a data module costs before the first batch."""

from __future__ import annotations

import time
from typing import Any

from careamics.lightning.data.data_module import CareamicsDataModule
from processes import memory_bytes, reset_peak
from works import Source

from drop_in.configuration import configure

__all__ = ["measure"]


def measure(shape: list[int]) -> dict[str, Any]:
    """Set up the data module of an array that a user has, and nothing else.

    Parameters
    ----------
    shape : list of int
        The shape of the array, (S, Y, X), of 16-bit noise.
    """
    pixels = Source(tuple(shape), "SYX").make()
    config = configure("SYX", [64, 64], 128)
    reset_peak()
    before = memory_bytes("VmRSS")
    started = time.perf_counter()
    data_module = CareamicsDataModule(config.data_config, train_data=pixels)
    data_module.setup("fit")
    data_module.train_dataloader()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "memory_mb": (memory_bytes("VmHWM") - before) / 1e6}
