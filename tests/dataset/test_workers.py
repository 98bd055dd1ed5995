"""The datasets work under a plain torch DataLoader with worker processes, and yield the same batches there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch.utils.data import DataLoader, Subset, get_worker_info

from patchmill.dataset import InMemoryDataset, PatchLoader, PatchSampler
from tests.dataset.milling import as_bytes, copied, data_config, noise
from tests.oracles.item import Masking

# Python from 3.12 on warns of every fork in a process with threads, as patchmill's is.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

MASKING = Masking("uniform", 5, 2.0)


def torch_loader(dataset: InMemoryDataset, *, context: str | None, shuffle: bool = True) -> DataLoader:
    return DataLoader(
        dataset,
        4,
        sampler=PatchSampler(dataset, shuffle=shuffle),
        num_workers=0 if context is None else 2,
        multiprocessing_context=context,
        persistent_workers=context is not None,
    )


@pytest.mark.parametrize("context", [None, "fork"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_epoch_is_the_same_under_torch(dataset: InMemoryDataset, context: str | None, shuffle: bool) -> None:
    ours = PatchLoader(dataset, 4, shuffle=shuffle)
    plain = torch_loader(dataset, context=context, shuffle=shuffle)
    for _ in range(3):
        assert copied(plain) == copied(ours)


def test_spawned_workers_make_the_same_batches_of_mapped_files_and_splits(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, noise((4, 60, 60)), photometric="minisblack")
    dataset = InMemoryDataset(data_config("TYX", masking=MASKING, patching="random", data_type="tiff"), path)
    validation = dataset.split_dataset(0.1, 3)
    assert len(validation) == 6
    plain = torch_loader(dataset, context="spawn")
    ours = PatchLoader(dataset, 4, shuffle=True)
    for _ in range(2):
        assert copied(plain) == copied(ours)


def test_workers_do_not_repeat_each_others_patches() -> None:
    dataset = InMemoryDataset(data_config(patching="random", masking=MASKING), noise((200, 400)))
    loader = torch_loader(dataset, context="fork")
    batches = [batch for _ in range(2) for batch in loader]
    patches = {original.numpy().tobytes() for _, originals, _ in batches for original in originals}
    # A few regions come twice by chance.
    assert len(patches) > 0.98 * sum(len(batch[0]) for batch in batches)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_torchs_own_samplers_and_subsets_work(dataset: InMemoryDataset, num_workers: int) -> None:
    options = {"num_workers": num_workers, "multiprocessing_context": "fork" if num_workers else None}
    chosen = [7, 0, 3, 11]
    part = copied(DataLoader(Subset(dataset, chosen), 3, **options))
    assert part == copied(PatchLoader(dataset, 3, sampler=chosen))
    shuffled = DataLoader(dataset, 5, shuffle=True, generator=torch.Generator().manual_seed(1), **options)
    items = sorted(as_bytes(item) for batch in shuffled for item in zip(*batch, strict=True))
    assert items == sorted(as_bytes(item) for batch in PatchLoader(dataset, 5) for item in zip(*batch, strict=True))


class CountingThreads(InMemoryDataset):
    """A dataset whose items tell how many threads made them."""

    def submit(self, items: object, outputs: object, *, seed: int, num_threads: int) -> object:
        self.num_threads = num_threads
        return super().submit(items, outputs, seed=seed, num_threads=num_threads)

    def __getitems__(self, indices: list[int]) -> list[tuple[np.ndarray, ...]]:
        items = super().__getitems__(indices)
        assert get_worker_info() is not None
        return [(*item, np.array(self.num_threads)) for item in items]


def test_a_worker_has_one_thread() -> None:
    dataset = CountingThreads(data_config(), noise((40, 40)))
    for *_, num_threads in torch_loader(dataset, context="fork"):
        assert set(num_threads.tolist()) == {1}
