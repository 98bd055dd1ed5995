"""Which epoch comes next in each worker of a plain torch DataLoader."""

from __future__ import annotations

import mmap
from multiprocessing.context import get_spawning_popen
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["WorkerEpochs"]

_MOST_WORKERS = 1024


class WorkerEpochs:
    """A number per worker, in memory that all processes share.

    A worker that is started anew for every epoch has no other way to know which one it is. Forked workers inherit the
    memory. It has no name and no descriptor until a worker is spawned.
    """

    def __init__(self) -> None:
        self._set(_unnamed())

    def take(self, worker: int) -> int:
        """Return the epoch that a worker begins; its next one is the next."""
        epoch = int(self._epochs[worker])
        self._epochs[worker] += 1
        return epoch

    def next(self, worker: int) -> int:
        """Return the epoch that a worker begins next."""
        return int(self._epochs[worker])

    def set(self, epoch: int) -> None:
        """Choose the next epoch of all workers."""
        self._epochs[:] = epoch

    def _set(self, epochs: NDArray[np.int64], shared: torch.Tensor | None = None) -> None:
        self._epochs, self._shared = epochs, shared

    def __getstate__(self) -> dict[str, Any]:
        if get_spawning_popen() is None:
            # A copy counts for itself.
            return {"epochs": self._epochs.tobytes()}
        if self._shared is None:
            # Under a name, by which torch hands it to the process that is spawned.
            shared: torch.Tensor = torch.from_numpy(self._epochs).clone().share_memory_()  # type: ignore[no-untyped-call]
            self._set(shared.numpy(), shared)
        return {"shared": self._shared}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "shared" in state:
            self._set(state["shared"].numpy(), state["shared"])
            return
        self._set(_unnamed())
        self._epochs[:] = np.frombuffer(state["epochs"], np.int64)


def _unnamed() -> NDArray[np.int64]:
    return np.frombuffer(mmap.mmap(-1, 8 * _MOST_WORKERS), np.int64)
