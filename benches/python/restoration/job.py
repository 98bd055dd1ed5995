"""What a trainer is given, and what it gives back: files, because trainers run in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PATCH_SIZE", "Settings", "read_job", "run_trainer", "write_job"]

PATCH_SIZE = [64, 64]


@dataclass(frozen=True)
class Settings:
    """What both trainers are told.

    Parameters
    ----------
    algorithm : {"n2v", "n2v2", "care"}
        The algorithm.
    seed : int
        Decides all random draws.
    num_epochs, num_steps : int
        Number of epochs, and of batches in each.
    batch_size, num_channels_init, depth, n_val_patches : int
        Patches of a batch, size of the UNet, patches that are kept for validation.
    num_threads : int
        Threads that torch computes on.
    """

    algorithm: str
    seed: int
    num_epochs: int
    num_steps: int
    batch_size: int = 16
    num_channels_init: int = 16
    depth: int = 2
    n_val_patches: int = 8
    num_threads: int = 1

    @property
    def lr_scheduler_params(self) -> dict[str, Any]:
        """What StepLR takes: the rate falls to a tenth for the second half of the epochs.

        Else the weights of the last step would depend on the last few batches, by more than what is compared.
        """
        return {"step_size": self.num_epochs // 2, "gamma": 0.1}


Train = Callable[[Settings, NDArray[Any], NDArray[Any] | None, Path], tuple[Any, float]]
"""Trains in a folder; returns what predicts, and how long training took."""


def write_job(folder: Path, settings: Settings, train: NDArray[Any], target: NDArray[Any] | None, test: Any) -> None:
    """Write a job into a folder."""
    arrays = {"train": train, "test": test} | ({} if target is None else {"target": target})
    np.savez(folder / "job.npz", **arrays)
    (folder / "job.json").write_text(json.dumps(asdict(settings)))


def read_job(folder: Path) -> tuple[Settings, dict[str, NDArray[Any]]]:
    """Read a job from a folder."""
    with np.load(folder / "job.npz") as file:
        return Settings(**json.loads((folder / "job.json").read_text())), dict(file)


def run_trainer(folder: Path, train: Callable[..., Callable[[NDArray[Any]], Any]]) -> None:
    """Do the job of a folder, and write what came of it beside it.

    Parameters
    ----------
    folder : Path
        The folder.
    train : callable
        Called with the settings, the images, the targets or None, and a folder for files; trains, and returns a
        function that restores a stack (S, Y, X).
    """
    import time

    import torch
    from torch.optim.optimizer import register_optimizer_step_post_hook

    settings, arrays = read_job(folder)
    torch.set_num_threads(settings.num_threads)
    n_steps = 0

    def count(*_: object) -> None:
        nonlocal n_steps
        n_steps += 1

    register_optimizer_step_post_hook(count)
    work_dir = folder / "work"
    work_dir.mkdir()
    started = time.perf_counter()
    restore = train(settings, arrays["train"], arrays.get("target"), work_dir)
    trained = time.perf_counter()
    if n_steps != settings.num_epochs * settings.num_steps:
        # Images that are too small for as many batches would give fewer, without a word.
        msg = f"expected {settings.num_epochs} epochs of {settings.num_steps} steps, got {n_steps} steps"
        raise RuntimeError(msg)
    restored = np.asarray(restore(arrays["test"]), np.float32).reshape(arrays["test"].shape)
    restored_s = time.perf_counter() - trained
    np.savez(folder / "result.npz", restored=restored, train_s=trained - started, restore_s=restored_s)
