"""Files to train on, a reader of files of our own, and datasets over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.dataset.milling import noise

SHAPES = [(64, 64), (40, 90), (33, 48), (70, 20), (16, 16)]


def write_tiffs(folder: Path, shapes: list[tuple[int, ...]] = SHAPES, *, seed: int = 0, **options: Any) -> list[Path]:
    """Write one TIFF file per shape, compressed unless the options say otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, shape in enumerate(shapes):
        path = folder / f"image{number:03}.tif"
        how = {"photometric": "minisblack", "compression": "zlib", **options}
        tifffile.imwrite(path, noise(shape, seed=seed + number), **how)
        paths.append(path)
    return paths


def write_npys(folder: Path, shapes: list[tuple[int, ...]] = SHAPES, *, seed: int = 0) -> list[Path]:
    """Write one NumPy file per shape."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, shape in enumerate(shapes):
        paths.append(folder / f"image{number:03}.npy")
        np.save(paths[-1], noise(shape, seed=seed + number))
    return paths


def read_npy(path: Path, axes: str) -> NDArray[Any]:
    """Read a NumPy file, as `read_source_func` does."""
    assert axes
    array: NDArray[Any] = np.load(path)
    return array
