"""How long Noise2Void's step takes that masks the pixels of a batch."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from careamics.lightning.modules import N2VModule

from drop_in.configuration import configure

__all__ = ["measure"]


def measure(batch_size: int, seconds: float) -> dict[str, Any]:
    """Mask one batch of 64 x 64 again and again; the median of the calls, for uniform and for median.

    Parameters
    ----------
    batch_size : int
        The patches of the batch.
    seconds : float
        How long to go on with each, after a quarter of it to warm up.
    """
    batch = torch.randn((batch_size, 1, 64, 64), generator=torch.Generator().manual_seed(1))
    answer = {}
    for name, use_n2v2 in (("uniform", False), ("median", True)):
        module = N2VModule(configure("YX", [64, 64], batch_size, use_n2v2=use_n2v2).algorithm_config)
        _times(module.n2v_manipulate, batch, seconds / 4)
        answer[f"{name}_ms"] = 1e3 * statistics.median(_times(module.n2v_manipulate, batch, seconds))
    return answer


def _times(manipulate: Any, batch: torch.Tensor, seconds: float) -> list[float]:
    times: list[float] = []
    while sum(times) < seconds:
        started = time.perf_counter()
        manipulate(batch)
        times.append(time.perf_counter() - started)
    return times
