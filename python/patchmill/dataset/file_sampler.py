"""The order of the items of files that are read in turn: file by file, or a few files mixed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchmill._core import order
from patchmill.dataset.sampler import PatchSampler

if TYPE_CHECKING:
    from patchmill.dataset.iterable import IterableDataset

__all__ = ["FileSampler", "FileSchedule"]


@dataclass(frozen=True)
class FileSchedule:
    """Which files an epoch reads, and in which order: those of a group are held, and mixed, together.

    Parameters
    ----------
    groups : list of numpy.ndarray
        The numbers of the files of each group.
    ends : numpy.ndarray
        The number of items up to the end of each group.
    """

    groups: list[NDArray[np.int64]]
    ends: NDArray[np.int64]

    @functools.cached_property
    def group_of_file(self) -> dict[int, int]:
        """The number of the group that each file is in."""
        return {file: number for number, group in enumerate(self.groups) for file in group.tolist()}


class FileSampler(PatchSampler):
    """Yields the indices of the items of an `IterableDataset`: files in a random order, items of a group mixed.

    Parameters
    ----------
    dataset : IterableDataset
        The dataset.
    num_replicas, rank : int, default=1 and 0
        How many processes share an epoch, and which of them this is. Each reads every file, and makes every
        `num_replicas`-th item.
    seed : int, optional
        The seed of the order, by default the dataset's.
    """

    def __init__(
        self, dataset: IterableDataset, num_replicas: int = 1, rank: int = 0, *, seed: int | None = None
    ) -> None:
        shuffle = dataset.fixed_epoch is None
        super().__init__(dataset, num_replicas, rank, shuffle=shuffle, seed=seed, drop_last=shuffle)
        ends = dataset.item_ends
        self._starts = np.concatenate([[0], ends[:-1]])
        self._counts = np.diff(ends, prepend=0)
        self._n_files_mixed = dataset.data_config.n_files_mixed
        self._schedule: tuple[int, FileSchedule] | None = None

    def schedule(self, epoch: int) -> FileSchedule:
        """Return which files an epoch reads in which order.

        Parameters
        ----------
        epoch : int
            The epoch.

        Returns
        -------
        FileSchedule
            The groups of files. Files without items are left out.
        """
        if self._schedule is None or self._schedule[0] != epoch:
            self._schedule = epoch, self._create_schedule(epoch)
        return self._schedule[1]

    def _create_schedule(self, epoch: int) -> FileSchedule:
        files = np.flatnonzero(self._counts)
        if self.shuffle:
            files = files[order(len(files), seed=self.seed, epoch=epoch, start=0, stop=len(files), step=1)]
        groups = [files[first : first + self._n_files_mixed] for first in range(0, len(files), self._n_files_mixed)]
        return FileSchedule(groups, np.cumsum([self._counts[group].sum() for group in groups]))

    def _places(self, epoch: int, start: int, stop: int) -> NDArray[np.int64]:
        schedule = self.schedule(epoch)
        places = np.arange(start, stop, self.num_replicas, dtype=np.int64)
        numbers = np.searchsorted(schedule.ends, places, side="right")
        parts = [
            self._of_group(schedule, epoch, int(number), places[numbers == number]) for number in np.unique(numbers)
        ]
        return np.concatenate(parts)

    def _of_group(
        self, schedule: FileSchedule, epoch: int, number: int, places: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the items at places that all lie in one group."""
        files = schedule.groups[number]
        ends = np.cumsum(self._counts[files])
        within = places - (schedule.ends[number] - ends[-1])
        if self.shuffle:
            within = order(
                int(ends[-1]),
                seed=self.seed,
                epoch=epoch,
                part=number + 1,
                start=int(within[0]),
                stop=int(within[-1]) + 1,
                step=self.num_replicas,
            )
        which = np.searchsorted(ends, within, side="right")
        items: NDArray[np.int64] = self._starts[files[which]] + within - (ends - self._counts[files])[which]
        return items

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_schedule": None}
