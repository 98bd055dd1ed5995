"""Images of the tests, and what is asked of patchmill about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.config import DataConfig

Array = NDArray[Any]


def noise(shape: tuple[int, ...], dtype: Any = np.uint16, seed: int = 0) -> Array:
    """Draw an image whose pixels differ nearly everywhere."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(1000, 200, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def numbered(size: tuple[int, ...]) -> Array:
    """Make an image, float32, whose pixels tell where they are."""
    return np.arange(np.prod(size), dtype=np.float32).reshape(size)


def config(axes: str, patch_size: list[int], **more: Any) -> DataConfig:
    """Configure arrays that are neither augmented nor masked, unless it is asked for."""
    return DataConfig(**{"data_type": "array", "axes": axes, "patch_size": patch_size, "transforms": [], **more})


def unnormalized(axes: str, patch_size: list[int], n_channels: int = 1, **more: Any) -> DataConfig:
    """Configure statistics that leave pixels as they are, up to the 1e-6 that is added to the deviation."""
    statistics = {"image_means": [0.0] * n_channels, "image_stds": [1 - 1e-6] * n_channels}
    return config(axes, patch_size, **statistics, **more)


def multiset(arrays: Iterable[Array]) -> Counter[bytes]:
    """Count arrays by what they hold."""
    return Counter(np.ascontiguousarray(array, dtype=np.float32).tobytes() for array in arrays)
