"""What the tests draw."""

from __future__ import annotations

import numpy as np

from patchmill.plotting import Cell, Overview

ROWS = [{"epoch": n, "train_loss": 1 / n, "val_loss": 1.5 / n + 0.1 * (n == 9)} for n in range(1, 10)]


def noise(height=96, width=128):
    return np.random.default_rng(0).normal(100, 20, (height, width)).astype(np.float32)


def batch(n_items=2, n_channels=1, size=(24, 32), parts=("masked", "original", "mask")):
    """Parts of items as a loader yields them, with two masked pixels in each channel of each plane."""
    rng = np.random.default_rng(1)
    made = {name: rng.normal(size=(n_items, n_channels, *size)).astype(np.float32) for name in parts}
    if "mask" in made:
        made["mask"] = np.zeros((n_items, n_channels, *size), np.uint8)
        made["mask"][..., 3, 5] = made["mask"][..., -4, -2] = 1
    return made


def overview(size=(60, 100), patch_size=(20, 25), cells=None, plane=None, **options):
    """A black image with a grid of cells that are trained on, unless others are given."""
    origins = tuple(np.minimum(np.arange(-(-n // p)) * p, n - p) for n, p in zip(size, patch_size, strict=True))
    if cells is None:
        cells = np.full([len(along) for along in origins], Cell.TRAINING, np.uint8)
    plane = np.zeros(size, np.float32) if plane is None else plane
    return Overview("title", plane, size, patch_size, origins, cells, **options)
