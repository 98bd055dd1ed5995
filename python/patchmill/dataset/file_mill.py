"""Batches of files that are read in turn: the next files are read while patches are cut from these."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchmill._core import Batch, PatchDataset
from patchmill.background import begin

if TYPE_CHECKING:
    from patchmill.dataset.file_sampler import FileSchedule

__all__ = ["Batches", "FileMill", "GroupReader"]

Read = Callable[[NDArray[np.int64]], PatchDataset]


class FileMill:
    """Makes the batches of one epoch from groups of files, in the order of the schedule.

    Parameters
    ----------
    read : callable
        Opens the files of a group, by their numbers, and returns what makes their items.
    schedule : FileSchedule
        The groups.
    item_ends : numpy.ndarray
        The number of items up to the end of each file.
    step : int
        From one group to the next that is made here: the number of processes that share the groups.
    """

    def __init__(self, read: Read, schedule: FileSchedule, item_ends: NDArray[np.int64], step: int) -> None:
        self._reader = GroupReader(read, schedule.groups, step)
        self._group_of_file = schedule.group_of_file
        self._item_ends = item_ends

    def submit(
        self, items: NDArray[np.int64], outputs: tuple[NDArray[Any], ...], *, seed: int, num_threads: int
    ) -> Batches:
        """Begin to fill arrays with items, as `InMemoryDataset.submit` does; waits for files that are not read yet."""
        files = np.searchsorted(self._item_ends, items[:, 0], side="right")
        groups = np.array([self._group_of_file[file] for file in files.tolist()])
        firsts = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(items)]
        batches = []
        for first, end in itertools.pairwise(firsts):
            core = self._reader.get(int(groups[first]))
            part = tuple(output[first:end] for output in outputs)
            batches.append(core.submit(items[first:end], part, seed=seed, num_threads=num_threads))
        return Batches(batches)


class Batches:
    """Batches that are one to those who wait for them.

    Parameters
    ----------
    batches : sequence of Batch
        The parts, in order.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches

    def wait(self) -> None:
        """Wait until all parts are done."""
        for batch in self._batches:
            batch.wait()


class GroupReader:
    """Groups of files, one read ahead.

    Parameters
    ----------
    read : callable
        Opens the files of a group, by their numbers, and returns what makes their items.
    groups : sequence of numpy.ndarray
        The groups, in the order in which they are asked for.
    step : int
        From one group to the next that is asked for.
    """

    def __init__(self, read: Read, groups: Sequence[NDArray[np.int64]], step: int) -> None:
        self._read = read
        self._groups = groups
        self._step = step
        self._process = os.getpid()
        self._readings: dict[int, Future[PatchDataset]] = {}

    def get(self, number: int) -> PatchDataset:
        """Return a group, and begin to read the next; those before it are forgotten."""
        if os.getpid() != self._process:
            # The threads that read are the parent's, and no copies of them are here.
            self._process, self._readings = os.getpid(), {}
        for ahead in (number, number + self._step):
            if ahead < len(self._groups) and ahead not in self._readings:
                self._readings[ahead] = begin(self._read, self._groups[ahead], name="patchmill-reader")
        self._readings = {ahead: reading for ahead, reading in self._readings.items() if ahead >= number}
        return self._readings[number].result()
