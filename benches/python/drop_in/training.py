"""A whole training with CAREamics' own interface."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from careamics import CAREamist

from drop_in.configuration import configure

__all__ = ["checkpoint", "measure"]

PATCH_SIZE = [64, 64]


def measure(images: str, num_workers: int, seed: int, num_epochs: int) -> dict[str, Any]:
    """Train a UNet of depth 2 with 16 initial channels on batches of 32 patches of 64 x 64.

    Parameters
    ----------
    images : str
        The file with the images (S, Y, X).
    num_workers : int
        CAREamics' setting.
    seed : int
        Decides the weights to begin with and all draws.
    num_epochs : int
        Number of epochs.
    """
    stack = np.load(images)
    config = configure(
        "SYX",
        PATCH_SIZE,
        32,
        num_epochs=num_epochs,
        num_workers=num_workers,
        model_params={"depth": 2, "num_channels_init": 16},
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        careamist = CAREamist(config, work_dir=folder, enable_progress_bar=False)
        started = time.perf_counter()
        careamist.train(train_data=stack)
        seconds = time.perf_counter() - started
        losses = careamist.get_losses()
    return {"seconds": seconds, "train_loss": losses.train_loss.value, "val_loss": losses.val_loss.value}


def checkpoint(images: str, folder: str) -> dict[str, Any]:
    """Train a network for prediction, for two steps; return the path of its checkpoint.

    Parameters
    ----------
    images : str
        The file with the images (S, Y, X).
    folder : str
        Where to write.
    """
    config = configure(
        "SYX",
        PATCH_SIZE,
        8,
        num_epochs=1,
        num_steps=2,
        num_workers=0,
        model_params={"depth": 2, "num_channels_init": 8},
    )
    careamist = CAREamist(config, work_dir=folder, enable_progress_bar=False)
    careamist.train(train_data=np.load(images))
    (path,) = Path(folder).rglob("*_last.ckpt")
    return {"checkpoint": str(path)}
