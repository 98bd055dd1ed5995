"""Samplers and batch samplers that are not ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.utils.data import BatchSampler, RandomSampler, SubsetRandomSampler

from patchmill.dataset import InMemoryDataset, PatchLoader, PatchSampler
from tests.dataset.milling import as_bytes, assert_is_item, copied, epochs
from tests.oracles.order import order


def test_a_list_of_indices_is_a_sampler(dataset: InMemoryDataset) -> None:
    indices = [4, 0, 4, 9]
    batches = list(PatchLoader(dataset, 3, sampler=indices))
    assert [len(batch[0]) for batch in batches] == [3, 1]
    items = [item for batch in batches for item in zip(*batch, strict=True)]
    for index, item in zip(indices, items, strict=True):
        assert_is_item([tensor.numpy() for tensor in item], dataset[index])


def test_items_of_a_foreign_sampler_are_of_the_next_epoch_each_time(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 2, sampler=[3, 1])
    batches = [next(iter(loader)) for _ in range(3)]
    for epoch, batch in enumerate(batches):
        dataset.epoch = epoch
        for place, index in enumerate((3, 1)):
            assert_is_item([tensor[place].numpy() for tensor in batch], dataset[index])
    loader.set_epoch(1)
    assert as_bytes(next(iter(loader))) == as_bytes(batches[1])


def test_torchs_samplers_work(dataset: InMemoryDataset) -> None:
    def loader(kind: str) -> PatchLoader:
        generator = torch.Generator().manual_seed(1)
        sampler = (
            RandomSampler(dataset, generator=generator)
            if kind == "random"
            else SubsetRandomSampler(range(5), generator=generator)
        )
        return PatchLoader(dataset, 4, sampler=sampler)

    for kind, n in (("random", len(dataset)), ("subset", 5)):
        found = list(loader(kind))
        assert sum(len(batch[0]) for batch in found) == n
        assert copied(loader(kind)) == [as_bytes(batch) for batch in found]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_batch_sampler_over_our_sampler_is_the_same_as_none(dataset: InMemoryDataset, batch_size: int) -> None:
    batch_sampler = BatchSampler(PatchSampler(dataset), batch_size, drop_last=False)
    loader = PatchLoader(dataset, batch_sampler=batch_sampler)
    assert epochs(loader, 3) == epochs(PatchLoader(dataset, batch_size, shuffle=True), 3)


class Backwards(BatchSampler):
    """A batch sampler of somebody else's: our batches, each backwards."""

    def __iter__(self) -> Iterator[list[int]]:
        return (batch[::-1] for batch in super().__iter__())


def test_a_foreign_batch_sampler_over_our_sampler_keeps_its_epochs(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, batch_sampler=Backwards(PatchSampler(dataset), 4, drop_last=True))
    plain = list(PatchLoader(dataset, 4, shuffle=True, drop_last=True))
    for _ in range(2):
        found = list(loader)
        assert [as_bytes([t.flip(0) for t in batch]) for batch in found] == [as_bytes(batch) for batch in plain]
        loader.set_epoch(0)


def test_a_list_of_batches_of_different_sizes_is_a_batch_sampler(dataset: InMemoryDataset) -> None:
    batches = [[1, 2, 3], [4], [5, 6, 7, 8], [0, 9]]
    loader = PatchLoader(dataset, batch_sampler=batches)
    assert len(loader) == 4
    for indices, batch in zip(batches, loader, strict=True):
        for index, item in zip(indices, zip(*batch, strict=True), strict=True):
            assert_is_item([tensor.numpy() for tensor in item], dataset[index])


@pytest.mark.parametrize("indices", [[0, 1, 999], [-1]])
def test_an_index_that_is_not_there_is_an_error(dataset: InMemoryDataset, indices: list[int]) -> None:
    with pytest.raises(IndexError, match="expected an index below"):
        list(PatchLoader(dataset, 1, sampler=indices))


def test_an_error_of_a_sampler_reaches_the_consumer(dataset: InMemoryDataset) -> None:
    class Failing:
        def __iter__(self) -> Iterator[int]:
            yield from range(3)
            msg = "no more"
            raise RuntimeError(msg)

        def __len__(self) -> int:
            return 10

    with pytest.raises(RuntimeError, match="no more"):
        list(PatchLoader(dataset, 1, sampler=Failing()))


class Odd(PatchSampler):
    """A sampler of somebody else's: ours, without the even items."""

    def __iter__(self) -> Iterator[int]:
        return (index for index in super().__iter__() if index % 2)


def test_a_sampler_derived_from_ours_is_asked_for_its_items(dataset: InMemoryDataset) -> None:
    odd = [index for index in order(len(dataset), seed=42, epoch=0) if index % 2]
    found = copied(PatchLoader(dataset, 1, sampler=Odd(dataset)))
    assert found == copied(PatchLoader(dataset, 1, sampler=odd))
