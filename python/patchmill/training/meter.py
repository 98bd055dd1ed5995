"""Measuring a pass over the data without slowing it down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch

if TYPE_CHECKING:
    from patchmill.training.distributed import World

__all__ = ["Batch", "Meter"]

Batch = Sequence[torch.Tensor]
"""The tensors of a batch, (B, C, [Z,] Y, X) each: (masked, original, mask), or (input, target)."""

T = TypeVar("T")

_MOST_LOOSE = 256
"""How many losses are kept one by one before they are put together."""


class Meter:
    """Gathers losses, patches and waiting time over a pass over the data. The clock starts with the first batch.

    The losses stay on the device, so that the CPU never waits for them until they are asked for, and a step costs the
    device nothing.

    Parameters
    ----------
    device : torch.device
        Where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self.waiting_s = 0.0
        self._device = device
        self._losses = torch.zeros(0, device=device)
        self._loose: list[torch.Tensor] = []
        self._weights: list[float] = []
        self._n_patches = 0.0
        self._mean: float | None = None
        self._earlier_s = 0.0
        self._started = time.perf_counter()
        self._stopped: float | None = None

    def batches(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield batches, and measure how long each is waited for."""
        iterator = iter(batches)
        asked = self._started = time.perf_counter()
        for batch in iterator:
            self.waiting_s += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()

    def add(self, loss: torch.Tensor, n_patches: float) -> None:
        """Add the mean loss of `n_patches` patches."""
        self._loose.append(loss.detach().float())
        self._weights.append(n_patches)
        self._n_patches += n_patches
        if len(self._loose) == _MOST_LOOSE:
            self._gather()

    def stop(self, world: World | None = None) -> float:
        """Wait for the device, stop the clock, and return the mean loss of all patches, of all processes if given."""
        losses = self._gather().double().cpu()
        sums = torch.stack([losses @ self._weights_as_tensor(), torch.tensor(self._n_patches, dtype=torch.float64)])
        total, self._n_patches = (sums if world is None else world.total(sums)).tolist()
        self._mean = total / self._n_patches if self._n_patches else float("nan")
        self._stopped = time.perf_counter()
        return self._mean

    def mean_loss(self) -> float:
        """Return the mean loss of all patches so far, in this process. This waits for the device."""
        if self._mean is not None:
            return self._mean
        return float(self._gather().double().cpu() @ self._weights_as_tensor()) / self._n_patches

    def first_not_finite(self) -> tuple[int, float] | None:
        """Return the number, from 1, and the loss of the first batch whose loss is not finite, if there is one.

        This waits for the device.
        """
        losses = self._gather().cpu()
        (places,) = torch.nonzero(~losses.isfinite(), as_tuple=True)
        return (int(places[0]) + 1, float(losses[places[0]])) if len(places) else None

    @property
    def n_patches(self) -> int:
        """The number of patches: of this process or, once stopped, of all."""
        return round(self._n_patches)

    @property
    def seconds(self) -> float:
        """Time since the first batch was asked for, until `stop`, and before the pass was broken off, if it was."""
        return self._earlier_s + (self._stopped or time.perf_counter()) - self._started

    @property
    def patches_per_s(self) -> float:
        """Patches per second."""
        return self.n_patches / self.seconds

    @property
    def waiting_share(self) -> float:
        """Share of the time that was spent waiting for a batch, 0 to 1."""
        return self.waiting_s / self.seconds

    def state_dict(self, world: World) -> dict[str, Any]:
        """Return what a pass has come to so far, for all processes together."""
        losses = world.total(self._gather().clone()) / world.size
        return {
            "losses": losses,
            "weights": self._weights_as_tensor(),
            "seconds": self.seconds,
            "waiting_s": self.waiting_s,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a pass that was broken off."""
        self._losses = state["losses"].to(self._device)
        self._weights = state["weights"].tolist()
        self._n_patches = sum(self._weights)
        self._earlier_s, self.waiting_s = state["seconds"], state["waiting_s"]
        self._started = time.perf_counter()

    def _gather(self) -> torch.Tensor:
        if self._loose:
            self._losses = torch.cat([self._losses, torch.stack(self._loose)])
            self._loose.clear()
        return self._losses

    def _weights_as_tensor(self) -> torch.Tensor:
        return torch.tensor(self._weights, dtype=torch.float64)
