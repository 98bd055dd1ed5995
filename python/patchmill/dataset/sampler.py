"""The order of the items: a random permutation per epoch, any place of which can be looked up at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler

from patchmill._core import order
from patchmill.dataset.planned import PlannedDataset
from patchmill.errors import ConfigError

__all__ = ["EpochIndex", "PatchSampler"]

logger = logging.getLogger(__name__)

_CHUNK = 1024


class EpochIndex(int):
    """An index that knows the epoch it is for, and takes it along to other processes.

    Parameters
    ----------
    index : int
        The index.
    epoch : int
        The epoch.
    """

    epoch: int

    def __new__(cls, index: int, epoch: int) -> Self:  # noqa: D102
        self = super().__new__(cls, index)
        self.epoch = epoch
        return self

    def __reduce__(self) -> tuple[type[EpochIndex], tuple[int, int]]:
        return EpochIndex, (int(self), self.epoch)


class PatchSampler(DistributedSampler[Any]):
    """Yields the indices of a dataset's items in the order of an epoch.

    Each iteration is the next epoch, unless `set_epoch` chose another. With several replicas, the k-th index of each
    of them together are the k-th indices of the whole: the items of an epoch do not depend on how many replicas share
    it.

    Parameters
    ----------
    dataset : InMemoryDataset or IterableDataset
        The dataset.
    num_replicas, rank : int, default=1 and 0
        How many processes share an epoch, and which of them this is.
    shuffle : bool, default=True
        Whether the order is random.
    seed : int, optional
        The seed of the order, by default the dataset's.
    drop_last : bool, default=True
        What to do with items that do not go evenly over the replicas: leave them out, others in every epoch, or fill up
        with items from the beginning.

    Attributes
    ----------
    epoch : int
        The epoch of the next iteration.
    """

    def __init__(
        self,
        dataset: PlannedDataset,
        num_replicas: int = 1,
        rank: int = 0,
        shuffle: bool = True,  # noqa: FBT001, FBT002 - the signature of torch's DistributedSampler
        seed: int | None = None,
        drop_last: bool = True,  # noqa: FBT001, FBT002 - as above
    ) -> None:
        if not 0 <= rank < num_replicas:
            msg = f"rank: expected 0 to {num_replicas - 1} for {num_replicas} replicas, got {rank}."
            raise ConfigError(msg)
        super().__init__(
            dataset,
            num_replicas=num_replicas,
            rank=rank,
            shuffle=shuffle,
            seed=dataset.seed if seed is None else seed,
            drop_last=drop_last,
        )
        n_items = len(dataset)
        self.num_samples = n_items // num_replicas if drop_last else -(-n_items // num_replicas)
        self.total_size = self.num_samples * num_replicas
        if drop_last and self.total_size < n_items:
            logger.info(
                "%d of %d items are left out of each epoch, others every time, to give %d replicas as many each",
                n_items - self.total_size,
                n_items,
                num_replicas,
            )

    def take_epoch(self) -> int:
        """Return the epoch of an iteration that begins, and go on to the next."""
        epoch = self.epoch
        self.epoch += 1
        return epoch

    def items(self, epoch: int, start: int, stop: int) -> NDArray[np.int64]:
        """Look up a stretch of this replica's items in the order of an epoch.

        Parameters
        ----------
        epoch : int
            The epoch.
        start, stop : int
            The first place, and the one after the last; at most ``len(self)``.

        Returns
        -------
        numpy.ndarray (stop - start, 2)
            Rows of index and epoch.
        """
        n_items = len(self.dataset)  # type: ignore[arg-type]
        items = np.empty((stop - start, 2), dtype=np.int64)
        items[:, 1] = epoch
        first, end = start * self.num_replicas + self.rank, (stop - 1) * self.num_replicas + self.rank + 1
        if stop <= start:
            return items
        if end <= n_items:
            items[:, 0] = self._places(epoch, first, end)
        else:
            places = np.arange(first, end, self.num_replicas) % n_items
            items[:, 0] = [self._places(epoch, place, place + 1)[0] for place in places.tolist()]
        return items

    def _places(self, epoch: int, start: int, stop: int) -> NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(start, stop, self.num_replicas, dtype=np.int64)
        dataset: Any = self.dataset
        epoch = epoch if dataset.fixed_epoch is None else dataset.fixed_epoch
        return order(len(dataset), seed=self.seed, epoch=epoch, start=start, stop=stop, step=self.num_replicas)

    def __iter__(self) -> Iterator[Any]:
        return self._iterate(self.take_epoch())

    def _iterate(self, epoch: int) -> Iterator[EpochIndex]:
        for start in range(0, self.num_samples, _CHUNK):
            items = self.items(epoch, start, min(start + _CHUNK, self.num_samples))
            for index in items[:, 0].tolist():
                yield EpochIndex(index, epoch)
