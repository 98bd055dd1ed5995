"""Measuring a pass over the data without slowing it down."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence

import torch

__all__ = ["Batch", "Meter"]

Batch = Sequence[torch.Tensor]
"""The tensors of a batch, (B, C, [Z,] Y, X) each: (masked, original, mask), or (input, target)."""


class Meter:
    """Adds up losses, patches and waiting time over a pass over the data. The clock starts with the first batch.

    The loss is added up on the device, so that the CPU never waits for it until it is asked for.

    Parameters
    ----------
    device : torch.device
        Where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self.n_patches = 0
        self.waiting_s = 0.0
        self._total = torch.zeros((), device=device)
        self._started = time.perf_counter()
        self._stopped: float | None = None

    def batches(self, loader: Iterable[Batch], limit: int | None = None) -> Iterator[Batch]:
        """Yield the batches of a new pass over `loader`, at most `limit`, and measure how long each is waited for."""
        asked = self._started = time.perf_counter()
        for batch in itertools.islice(loader, limit):
            self.waiting_s += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()

    def add(self, loss: torch.Tensor, n_patches: int) -> None:
        """Add the mean loss of `n_patches` patches."""
        self._total += loss.detach() * n_patches
        self.n_patches += n_patches

    def stop(self) -> float:
        """Wait for the device, stop the clock, and return the mean loss."""
        mean = self.mean_loss()
        self._stopped = time.perf_counter()
        return mean

    def mean_loss(self) -> float:
        """Return the mean loss of all patches so far. This waits for the device."""
        return float(self._total) / self.n_patches

    @property
    def seconds(self) -> float:
        """Time since the first batch was asked for, until `stop`."""
        return (self._stopped or time.perf_counter()) - self._started

    @property
    def patches_per_s(self) -> float:
        """Patches per second."""
        return self.n_patches / self.seconds

    @property
    def waiting_share(self) -> float:
        """Share of the time that was spent waiting for a batch, 0 to 1."""
        return self.waiting_s / self.seconds
