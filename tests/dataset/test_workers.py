"""The datasets work under a plain torch DataLoader with worker processes, and yield the same batches there."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch.utils.data import DataLoader, Subset, get_worker_info

from patchmill.dataset import InMemoryDataset, PatchLoader, PatchSampler
from tests.dataset.kinds import KINDS
from tests.dataset.milling import as_bytes, copied, data_config, epochs, noise
from tests.dataset.thoroughness import IS_SLOW
from tests.oracles.item import Masking

pytestmark = [
    # Python from 3.12 on warns of every fork in a process with threads, as patchmill's is.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    # torch warns of more workers than cores.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

MASKING = Masking("uniform", 5, 2.0)


def torch_loader(
    dataset: InMemoryDataset,
    *,
    context: str | None,
    shuffle: bool = True,
    num_workers: int = 2,
    is_persistent: bool = True,
    batch_size: int = 4,
) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size,
        sampler=PatchSampler(dataset, shuffle=shuffle),
        num_workers=0 if context is None else num_workers,
        multiprocessing_context=context,
        persistent_workers=context is not None and is_persistent,
    )


def starts() -> list[tuple[str | None, int, bool, str]]:
    """List how workers can be started. To spawn one takes seconds: usually it is done for a few kinds only."""
    found: list[tuple[str | None, int, bool, str]] = [(None, 0, False, kind) for kind in KINDS]
    for context, num_workers, is_persistent in product(("fork", "spawn", "forkserver"), (1, 2, 4), (False, True)):
        is_cheap = context == "fork" and (num_workers == 2) == is_persistent
        found += [(context, num_workers, is_persistent, kind) for kind in KINDS if IS_SLOW or is_cheap]
    return found if IS_SLOW else [*found, ("spawn", 1, False, "uniform, 3D"), ("forkserver", 2, True, "paired")]


@pytest.mark.parametrize(("context", "num_workers", "is_persistent", "kind"), starts())
def test_batches_are_the_same_bytes_however_workers_are_started(
    context: str | None, num_workers: int, is_persistent: bool, kind: str
) -> None:
    plain = torch_loader(KINDS[kind], context=context, num_workers=num_workers, is_persistent=is_persistent)
    assert epochs(plain, 2) == epochs(PatchLoader(KINDS[kind], 4, shuffle=True), 2)


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
    side, patch, n_epochs = 112, 16, 10
    dataset = InMemoryDataset(data_config(patching="random", transforms=[]), noise((side, side)))
    n_draws, n_origins = n_epochs * len(dataset), (side - patch + 1) ** 2
    patches = {}
    for num_workers in (0, 1, 2, 4):
        loader = torch_loader(dataset, context="fork" if num_workers else None, num_workers=num_workers, batch_size=16)
        batches = [batch for _ in range(n_epochs) for (batch,) in loader]
        patches[num_workers] = {patch.numpy().tobytes() for batch in batches for patch in batch}
        assert sum(map(len, batches)) == n_draws
        assert patches[num_workers] == patches[0]
    # As many as of boxes that are not empty when balls are thrown into them: a few regions come twice by chance.
    empty = n_origins * (1 - 1 / n_origins) ** n_draws
    both_empty = n_origins * (n_origins - 1) * (1 - 2 / n_origins) ** n_draws
    variance = both_empty + empty - empty**2
    assert abs(len(patches[0]) - (n_origins - empty)) < 4 * variance**0.5


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
