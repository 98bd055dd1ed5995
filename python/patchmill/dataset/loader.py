"""The loader: a torch DataLoader whose workers are Rust threads."""

from __future__ import annotations

import itertools
import operator
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DataLoader, Sampler

from patchmill._core import Batch, default_num_threads
from patchmill.dataset.buffers import BatchBuffers
from patchmill.dataset.file_mill import Batches, FileMill
from patchmill.dataset.file_sampler import FileSampler
from patchmill.dataset.in_memory import InMemoryDataset
from patchmill.dataset.iterable import IterableDataset
from patchmill.dataset.replicas import replicas
from patchmill.dataset.sampler import PatchSampler
from patchmill.errors import ConfigError

__all__ = ["MOST_THREADS", "PatchLoader"]

Tensors = tuple[torch.Tensor, ...]

MOST_THREADS = 1024
"""More than any machine has cores for: the system would have to start them all."""

_MOST_EPOCHS = 2**62
"""As many as can be counted in 64 bits."""

_BATCHES_LOOKED_UP = 16
"""For how many batches items are looked up at once: what it costs per batch is less then."""


class PatchLoader(DataLoader[Any]):
    """Yields batches of a dataset's items as tuples of tensors, made ahead of time by Rust threads.

    Each iteration is the next epoch, unless `set_epoch` chose another. The batches are the same bytes for any number of
    threads and any prefetch.

    Parameters
    ----------
    dataset : InMemoryDataset or IterableDataset
        The dataset. Others are for a plain ``torch.utils.data.DataLoader``.
    batch_size : int, default=1
        The number of items in a batch.
    shuffle : bool, default=False
        Whether the order of the items is random. An `IterableDataset` has an order of its own: random for training.
    sampler, batch_sampler : optional
        Which items come in which order, as for torch's DataLoader. By default a `PatchSampler`. None of them for an
        `IterableDataset`.
    drop_last : bool, default=False
        Whether to leave out a last batch that is not whole.
    num_threads : int, optional
        The number of threads, 1024 at most; by default the cores that this process may run on.
    prefetch : int, default=2
        How many batches are made ahead.
    pin_memory : bool, default=False
        Whether batches are in pinned memory, for asynchronous copies to an accelerator.
    seed : int, optional
        The seed of the order and of all draws, by default the dataset's.

    Raises
    ------
    ConfigError
        If an argument is out of range, or the dataset is not patchmill's.
    """

    def __init__(
        self,
        dataset: InMemoryDataset | IterableDataset,
        batch_size: int = 1,
        *,
        shuffle: bool = False,
        sampler: Sampler[int] | Iterable[int] | None = None,
        batch_sampler: Sampler[list[int]] | Iterable[list[int]] | None = None,
        drop_last: bool = False,
        num_threads: int | None = None,
        prefetch: int = 2,
        pin_memory: bool = False,
        seed: int | None = None,
    ) -> None:
        if not isinstance(dataset, (InMemoryDataset, IterableDataset)):
            kind = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
            msg = f"dataset: expected one of patchmill, got {kind}. Use torch.utils.data.DataLoader for it."
            raise ConfigError(msg)
        batch_size, prefetch = _integer("batch_size", batch_size, 1), _integer("prefetch", prefetch, 1)
        num_threads = None if num_threads is None else _integer("num_threads", num_threads, 1, MOST_THREADS)
        seed = None if seed is None else _integer("seed", seed, 0, 2**63 - 1)
        self._file_sampler: FileSampler | None = None
        if isinstance(dataset, IterableDataset):
            if sampler is not None or batch_sampler is not None:
                msg = "sampler: expected none for files that are read in turn, got one. Leave it out."
                raise ConfigError(msg)
            self._file_sampler, shuffle = FileSampler(dataset, *replicas(), seed=seed), False
        elif sampler is None and batch_sampler is None:
            sampler, shuffle = PatchSampler(dataset, shuffle=shuffle, seed=seed), False
        super().__init__(
            dataset,
            batch_size,
            shuffle=shuffle,
            sampler=sampler,
            batch_sampler=batch_sampler,
            drop_last=drop_last,
            pin_memory=pin_memory,
        )
        self.num_threads = num_threads
        self.prefetch = prefetch
        self.seed = seed
        self._epoch = 0
        self._resume_at = 0
        self._progress: _Progress | None = None
        self._spare_buffers: list[BatchBuffers] = []

    def __len__(self) -> int:
        if self._file_sampler is None:
            return super().__len__()
        n_items, size = len(self._file_sampler), self.batch_size or 1
        return n_items // size if self.drop_last else -(-n_items // size)

    @property
    def next_epoch(self) -> int:
        """The epoch of the next iteration."""
        return self._epoch if self._patch_sampler is None else self._patch_sampler.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration.

        Parameters
        ----------
        epoch : int
            The epoch, from 0.
        """
        self._go_to(_integer("epoch", epoch, 0, _MOST_EPOCHS), 0)

    def _go_to(self, epoch: int, n_batches: int) -> None:
        """Let the next iteration be of an epoch, from one of its batches on."""
        self._progress = None
        self._resume_at = n_batches
        self._epoch = epoch
        if self._patch_sampler is not None:
            self._patch_sampler.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Return where the newest iteration stands, counted in batches that were handed out.

        Returns
        -------
        dict of str to int
            What `load_state_dict` takes: the epoch, the number of its batches that are done, and what they depend on.
        """
        progress = self._progress
        if progress is None:
            return {"epoch": self.next_epoch, "n_batches": self._resume_at, **self._identity()}
        if progress.is_exhausted:
            return {"epoch": progress.epoch + 1, "n_batches": 0, **self._identity()}
        return {"epoch": progress.epoch, "n_batches": progress.n_batches, **self._identity()}

    def _identity(self) -> dict[str, int]:
        """Return what must be the same for an epoch to go on: with a batch sampler of its own, the batch size is 0.

        The order of a foreign sampler is not the loader's own: nothing is known of it.
        """
        dataset: Any = self.dataset
        sampler = self._patch_sampler
        return {
            "has_own_order": int(sampler is not None),
            "seed": self._seed,
            "n_items": len(dataset),
            "batch_size": self.batch_size or 0,
            "drop_last": int(self.drop_last),
            "shuffle": int(sampler is not None and sampler.shuffle),
            "num_replicas": 1 if sampler is None else sampler.num_replicas,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration go on where a state was taken, with the batches that remained.

        Parameters
        ----------
        state : dict of str to int
            What `state_dict` returned, in this process or another, with any number of threads.

        Raises
        ------
        ConfigError
            If the state is of a loader over other data or with other arguments, or is no state.
        """
        identity = self._identity()
        names = {"epoch", "n_batches", *identity}
        if set(state) != names:
            msg = f"loader state: expected what state_dict() returns ({', '.join(sorted(names))}), got {sorted(state)}."
            raise ConfigError(msg)
        for name, mine in identity.items():
            if state[name] != mine:
                msg = (
                    f"loader state, {name}: expected {mine}, as in this loader, got {state[name]}. Load the state into "
                    "a loader over the same data and configuration."
                )
                raise ConfigError(msg)
        epoch, n_batches = (
            _integer(f"loader state, {name}", state[name], 0, _MOST_EPOCHS) for name in ("epoch", "n_batches")
        )
        if self._patch_sampler is not None and n_batches > len(self):
            msg = f"loader state, n_batches: expected at most {len(self)}, the batches of an epoch, got {n_batches}."
            raise ConfigError(msg)
        self._go_to(epoch, n_batches)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch types its own iterator class here
        if self._patch_sampler is None:
            epoch, self._epoch = self._epoch, self._epoch + 1
        else:
            epoch = self._patch_sampler.take_epoch()
        start, self._resume_at = self._resume_at, 0
        # The loader knows of the progress and not of the iterator, so that one that is dropped ends at once.
        self._progress = _Progress(epoch, start)
        return _Batches(self, self._progress, self._index_batches(epoch, start))

    def _create_mill(self, epoch: int) -> InMemoryDataset | FileMill:
        """Return what makes the batches of an epoch."""
        dataset: Any = self.dataset
        mill: InMemoryDataset | FileMill = dataset
        return mill if self._file_sampler is None else dataset.mill(self._file_sampler, epoch)

    def _take_buffers(self) -> BatchBuffers:
        """Return what an iterator, and no other one, makes its batches in: where it can be, what the last one left."""
        dataset: Any = self.dataset
        pin_memory = self.pin_memory and torch.accelerator.is_available()
        buffers = BatchBuffers(dataset.item_layout, n_kept=self.prefetch + 2, pin_memory=pin_memory)
        try:
            spare = self._spare_buffers.pop()
        except IndexError:
            return buffers
        return spare if spare.n_kept == buffers.n_kept else buffers

    @property
    def _patch_sampler(self) -> PatchSampler | None:
        """The sampler that decides on the epoch, unless it is a foreign one."""
        if self._file_sampler is not None:
            return self._file_sampler
        sampler = getattr(self.batch_sampler, "sampler", None)
        return sampler if isinstance(sampler, PatchSampler) else None

    @property
    def _seed(self) -> int:
        dataset: Any = self.dataset
        return dataset.seed if self.seed is None else self.seed

    def _index_batches(self, epoch: int, start: int) -> Iterator[NDArray[np.int64]]:
        """Iterate over the items of an epoch's batches, as rows of index and epoch, from batch `start` on."""
        sampler: Any = self._patch_sampler
        if type(sampler) in (PatchSampler, FileSampler) and type(self.batch_sampler) is BatchSampler:
            # The same as below, without an object per item, and without the batches before `start`.
            size = self.batch_sampler.batch_size
            n_items = min(len(sampler), len(self) * size)
            for first in range(start * size, n_items, _BATCHES_LOOKED_UP * size):
                items = sampler.items(epoch, first, min(first + _BATCHES_LOOKED_UP * size, n_items))
                yield from (items[place : place + size] for place in range(0, len(items), size))
            return
        if sampler is not None:
            sampler.set_epoch(epoch)
        for indices in itertools.islice(iter(self.batch_sampler), start, None):  # type: ignore[arg-type]
            yield np.array([(index, getattr(index, "epoch", epoch)) for index in indices], dtype=np.int64)


def _integer(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Check an argument that is an integer of some kind."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        msg = f"{name}: expected an integer {limits}, got {value!r}."
        raise ConfigError(msg)
    return number


@dataclass
class _Progress:
    """How far an iteration has come.

    Parameters
    ----------
    epoch : int
        The epoch.
    n_batches : int
        How many of its batches were handed out, those before the iteration began among them.
    is_exhausted : bool
        Whether there are no more.
    """

    epoch: int
    n_batches: int
    is_exhausted: bool = False


class _Batches(Iterator[Tensors]):
    """One iteration of a loader: batches in flight, in order.

    Parameters
    ----------
    loader : PatchLoader
        The loader.
    progress : _Progress
        Where the iteration begins; it is kept up to date.
    index_batches : iterator of numpy.ndarray
        The items of the batches that follow.
    """

    def __init__(self, loader: PatchLoader, progress: _Progress, index_batches: Iterator[NDArray[np.int64]]) -> None:
        self._progress = progress
        self._mill = loader._create_mill(progress.epoch)
        self._seed = loader._seed
        self._num_threads = loader.num_threads or default_num_threads()
        self._index_batches = index_batches
        self._upcoming: NDArray[np.int64] | None = None
        self._buffers = loader._take_buffers()
        self._spare_buffers = loader._spare_buffers
        self._in_flight: deque[tuple[Batch | Batches, Tensors]] = deque()
        for _ in range(loader.prefetch):
            self._submit_next()

    def _submit_next(self) -> None:
        # Kept until they are submitted: to wait for a file can be interrupted, and then goes on.
        if self._upcoming is None:
            self._upcoming = next(self._index_batches, None)
        items = self._upcoming
        if items is None:
            return
        # Tensors already here: they hold the references that tell the buffers that the arrays are in use.
        arrays, tensors = self._buffers.take(len(items))
        batch = self._mill.submit(items, arrays, seed=self._seed, num_threads=self._num_threads)
        self._in_flight.append((batch, tensors))
        self._upcoming = None

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> Tensors:
        # The next batch is begun before this one is waited for, so that threads always find work.
        self._submit_next()
        if not self._in_flight:
            if not self._progress.is_exhausted:
                self._progress.is_exhausted = True
                # For the next iterator: fresh memory would cost it page faults.
                self._spare_buffers[:] = [self._buffers]
            raise StopIteration
        batch, tensors = self._in_flight[0]
        batch.wait()
        self._in_flight.popleft()
        self._progress.n_batches += 1
        return tensors
