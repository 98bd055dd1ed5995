"""Quantiles of a channel, from all of its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantile(channel: list[NDArray[Any]], level: float) -> float:
    """Return a quantile in float64, which holds every pixel that can be used."""
    return float(np.quantile(np.concatenate([array.astype(np.float64).ravel() for array in channel]), level))
