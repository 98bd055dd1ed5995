"""Which random numbers a call draws."""

from __future__ import annotations

import operator
import secrets
import sys
import threading
from typing import Any, SupportsIndex, TypedDict

from patchmill.errors import ConfigError

__all__ = ["Draw", "Draws"]

_LIMIT = 2**63


class Draw(TypedDict):
    """What random numbers are a function of, beside their purpose."""

    seed: int
    epoch: int
    item: int


class Draws:
    """The seed of a transform, and the number of its calls.

    Calls that say which item they are for draw what the datasets draw for it. Others are counted: the first one is item
    0 of epoch 0, and so on. In a worker of a torch DataLoader the epoch is the worker's seed, which is another one for
    every worker and whenever workers are started: none draws what another one does.

    Parameters
    ----------
    seed : int or None
        0 to 2**63 - 1; drawn once if None.

    Raises
    ------
    ConfigError
        If the seed is out of range.
    """

    def __init__(self, seed: int | None) -> None:
        self.seed = secrets.randbits(63) if seed is None else _checked("seed", seed)
        self._n_calls = 0
        self._lock = threading.Lock()

    def of_call(self, item: SupportsIndex | None, epoch: SupportsIndex | None) -> Draw:
        """Return what a call draws.

        Parameters
        ----------
        item : int or None
            The item, or None to count the call. If it has an attribute `epoch`, as those of `PatchSampler` have, it is
            of that epoch.
        epoch : int or None
            The epoch of the item.

        Raises
        ------
        ConfigError
            If one of them is out of range, or there is an epoch without an item.
        """
        if item is not None:
            if epoch is None:
                epoch = getattr(item, "epoch", 0)
            return Draw(seed=self.seed, epoch=_checked("epoch", epoch), item=_checked("item", item))
        if epoch is not None:
            msg = f"item: expected one for epoch {epoch}, got None. Give both, or neither to have the calls counted."
            raise ConfigError(msg)
        with self._lock:
            number = self._n_calls
            self._n_calls += 1
        return Draw(seed=self.seed, epoch=_worker_seed(), item=number)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the lock, which stays in its process."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def _checked(name: str, value: SupportsIndex | None) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what is no index is the error
    except TypeError:
        number = -1
    if not 0 <= number < _LIMIT:
        msg = f"{name}: expected a whole number from 0 to 2**63 - 1, got {value!r}."
        raise ConfigError(msg)
    return number


def _worker_seed() -> int:
    """Return the seed of the worker that this process is, or 0 if it is none. Without torch there are no workers."""
    data = sys.modules.get("torch.utils.data")
    worker = None if data is None else data.get_worker_info()
    return 0 if worker is None else int(worker.seed)
