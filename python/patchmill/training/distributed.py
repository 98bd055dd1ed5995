"""Several processes that train one network together, as ``torchrun`` starts them."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from patchmill.errors import TrainingError
from patchmill.training.meter import Batch

__all__ = ["ALONE", "World", "connect", "connected", "is_disconnected"]

_TIMEOUT = timedelta(minutes=30)
"""How long a process waits for another one: statistics of many files take their time. One that has died is noticed at
once, because its connections close."""


@dataclass(frozen=True)
class World:
    """The processes that train together, and which of them this is.

    Parameters
    ----------
    size : int
        How many there are.
    rank : int
        Which one this is. The first, 0, writes files and is the one that reports.
    """

    size: int
    rank: int

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def share(self, value: Any) -> Any:
        """Return the first process's value: what JSON can hold."""
        if self.size == 1:
            return value
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        size = torch.tensor(len(data))
        distributed.broadcast(size, 0)
        data = data if self.is_first else torch.empty(int(size), dtype=torch.uint8)
        distributed.broadcast(data, 0)
        return json.loads(bytes(data.tolist()))

    def together(self, do: Callable[[], None]) -> None:
        """Do something in each process, and fail in all of them if it fails in one.

        Raises
        ------
        Exception
            What `do` raised in this process.
        TrainingError
            If it raised something in another one only.
        """
        failure: Exception | None = None
        try:
            do()
        except Exception as error:
            if self.size == 1:
                raise
            failure = error
        (has_failed,) = self.any(failure is not None)
        if failure is not None:
            raise failure
        if has_failed:
            msg = "Another process could not go on, so that this one cannot either. See what it says."
            raise TrainingError(msg)

    def total(self, tensor: torch.Tensor) -> torch.Tensor:
        """Add up a tensor over the processes, in place, and return it."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def weight(self, n_terms: torch.Tensor) -> torch.Tensor:
        """Return what to multiply a mean of so many terms by, so that the processes' mean is that of all terms."""
        return n_terms * self.size / self.total(n_terms.clone()).clamp(min=1)

    def any(self, *flags: bool) -> list[bool]:
        """Tell of each flag whether it is set in any process."""
        if self.size == 1:
            return list(flags)
        shared = torch.tensor(flags, dtype=torch.int32)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return [bool(flag) for flag in shared.tolist()]

    def least(self, number: int) -> int:
        """Return the least of the processes' numbers."""
        shared = torch.tensor(number)
        if self.size > 1:
            distributed.all_reduce(shared, distributed.ReduceOp.MIN)
        return int(shared)

    def most(self, number: int) -> int:
        """Return the greatest of the processes' numbers."""
        return -self.least(-number)

    def in_step(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, float]]:
        """Yield batches for as long as all processes have one, and the mean number of their patches."""
        if self.size == 1:
            yield from ((batch, len(batch[0])) for batch in batches)
            return
        iterator = iter(batches)
        while True:
            batch = next(iterator, None)
            counts = torch.tensor([0, 0] if batch is None else [1, len(batch[0])])
            distributed.all_reduce(counts)
            n_ready, n_patches = counts.tolist()
            if batch is None or n_ready < self.size:
                return
            yield batch, n_patches / self.size

    def copy_from_first(self, tensors: Iterable[torch.Tensor]) -> None:
        """Give tensors the values that they have in the first process."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)


ALONE = World(1, 0)
"""A process that trains by itself."""


def connected() -> World:
    """Return the processes that this one is connected to, or this one if it is alone."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return ALONE
    return World(distributed.get_world_size(), distributed.get_rank())


def connect() -> World:
    """Connect to the processes that ``torchrun`` started beside this one, unless they are connected already.

    On the CPU they speak through gloo, on CUDA devices through nccl.

    Returns
    -------
    World
        All of them, or this one if it is alone.
    """
    if not distributed.is_available():
        return ALONE
    if not distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
            return ALONE
        has_cuda = torch.cuda.is_available() and distributed.is_nccl_available()
        if has_cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        distributed.init_process_group("cpu:gloo,cuda:nccl" if has_cuda else "gloo", timeout=_TIMEOUT)
        atexit.register(_disconnect)
    return connected()


def is_disconnected(error: RuntimeError) -> bool:
    """Tell whether an error of torch says that another process does not answer."""
    return isinstance(error, distributed.DistError) or "gloo" in str(error)


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
