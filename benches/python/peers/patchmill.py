"""patchmill itself, in the same run."""

from __future__ import annotations

from typing import Any, ClassVar

from datasets import create_config
from numpy.typing import NDArray
from works import NOISE_MEAN, NOISE_STD, Work

from patchmill import PatchLoader, TrainDataModule
from patchmill.dataset import InMemoryDataset
from peers.peer import Batches, Peer, Task

__all__ = ["Patchmill", "open_data_module"]


class Patchmill(Peer):
    """patchmill."""

    packages: ClassVar = ("patchmill",)
    works: ClassVar = frozenset({"W1", "W2", "W3", "W3m", "W3d-uniform", "W3d-median", "W4"})
    workers: ClassVar = (1, 2)
    setup: ClassVar = "`PatchLoader` over an `InMemoryDataset`, with the default prefetch. Workers are its threads."

    def __init__(self, task: Task, n_workers: int) -> None:
        config = create_config(task.work)
        config.set_means_and_stds(*([[NOISE_MEAN], [NOISE_STD]] * len(task.arrays)))
        dataset = InMemoryDataset(config, task.source, task.target)
        self._loader = PatchLoader(dataset, task.work.batch_size, shuffle=True, num_threads=n_workers)

    def epoch(self) -> Batches:
        return self._loader


def open_data_module(work: Work, pixels: NDArray[Any]) -> Batches:
    """Set up a data module as a user does who has an array and nothing else."""
    data_module = TrainDataModule(create_config(work), train_data=pixels)
    data_module.prepare_data()
    data_module.setup()
    return data_module.train_dataloader()
