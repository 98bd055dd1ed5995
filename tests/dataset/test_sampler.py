"""The sampler yields every item once, in an order of its own for every epoch, dealt evenly over the ranks."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, DistributedSampler

from patchmill.dataset import EpochIndex, InMemoryDataset, PatchSampler
from patchmill.errors import ConfigError
from tests.dataset.milling import data_config, noise
from tests.oracles.order import order


def dataset_of(n_items: int, seed: int = 42) -> InMemoryDataset:
    return InMemoryDataset(data_config("TYX", patch_size=[8, 8], seed=seed), noise((n_items, 8, 8)))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_index_takes_its_epoch_along(protocol: int) -> None:
    for index in (EpochIndex(3, 7), EpochIndex(0, 0), EpochIndex(2**40, 2**50)):
        again = pickle.loads(pickle.dumps(index, protocol))
        assert (again, again.epoch, type(again)) == (index, index.epoch, EpochIndex)
        for copied in (copy.copy(index), copy.deepcopy(index)):
            assert (copied, copied.epoch) == (index, index.epoch)


def test_an_index_is_an_int() -> None:
    index = EpochIndex(3, 7)
    assert index == 3
    assert hash(index) == hash(3)
    assert [10, 11, 12, 13][index] == 13
    assert isinstance(index, int)


@given(st.integers(1, 40), st.integers(0, 2**63 - 1), st.integers(0, 9))
def test_the_order_is_the_oracles(n_items: int, seed: int, epoch: int) -> None:
    sampler = PatchSampler(dataset_of(n_items, seed))
    sampler.set_epoch(epoch)
    indices = list(sampler)
    assert indices == order(n_items, seed=seed, epoch=epoch)
    assert {index.epoch for index in indices} == {epoch}


def test_a_long_order_is_the_oracles() -> None:
    sampler = PatchSampler(dataset_of(2500))
    assert list(sampler) == order(2500, seed=42, epoch=0)
    assert list(PatchSampler(dataset_of(2500), shuffle=False)) == list(range(2500))


def test_each_iteration_is_the_next_epoch_unless_one_was_set() -> None:
    sampler = PatchSampler(dataset_of(20))
    orders = [order(20, seed=42, epoch=epoch) for epoch in range(9)]
    assert [list(sampler) for _ in range(3)] == orders[:3]
    sampler.set_epoch(7)
    assert [list(sampler) for _ in range(2)] == orders[7:]
    sampler.set_epoch(0)
    assert list(sampler) == orders[0]


def test_an_iteration_keeps_the_epoch_it_began_with() -> None:
    sampler = PatchSampler(dataset_of(20))
    first = iter(sampler)
    next(first)
    second = iter(sampler)
    sampler.set_epoch(5)
    assert {index.epoch for index in first} == {0}
    assert {index.epoch for index in second} == {1}


def test_the_seed_can_be_another_than_the_datasets() -> None:
    assert list(PatchSampler(dataset_of(20), seed=5)) == order(20, seed=5, epoch=0)


def test_it_is_a_distributed_sampler() -> None:
    sampler = PatchSampler(dataset_of(20))
    assert isinstance(sampler, DistributedSampler)
    assert (sampler.num_replicas, sampler.rank) == (1, 0)


@given(st.integers(1, 50), st.integers(1, 8), st.booleans(), st.booleans(), st.integers(0, 3))
def test_ranks_share_an_epoch_item_by_item(
    n_items: int, n_ranks: int, shuffle: bool, drop_last: bool, epoch: int
) -> None:
    dataset = dataset_of(n_items)
    whole = order(n_items, seed=42, epoch=epoch) if shuffle else list(range(n_items))
    ranks = []
    for rank in range(n_ranks):
        sampler = PatchSampler(dataset, n_ranks, rank, shuffle=shuffle, drop_last=drop_last)
        sampler.set_epoch(epoch)
        ranks.append(list(sampler))
        assert len(ranks[-1]) == len(sampler)
    n_each = n_items // n_ranks if drop_last else -(-n_items // n_ranks)
    assert [len(indices) for indices in ranks] == [n_each] * n_ranks
    interleaved = [index for together in zip(*ranks, strict=True) for index in together]
    repeated = whole * (n_ranks // n_items + 2)
    assert interleaved == repeated[: n_each * n_ranks]


def test_a_global_batch_is_the_interleaved_union_of_the_ranks_batches() -> None:
    dataset, n_ranks, batch_size = dataset_of(103), 4, 5
    whole = order(103, seed=42, epoch=0)
    batches = [
        list(BatchSampler(PatchSampler(dataset, n_ranks, rank), batch_size, drop_last=False)) for rank in range(n_ranks)
    ]
    assert [len(of_rank) for of_rank in batches] == [5] * n_ranks
    for k, together in enumerate(zip(*batches, strict=True)):
        union = [index for indices in zip(*together, strict=True) for index in indices]
        assert union == whole[k * batch_size * n_ranks :][: len(union)]


def test_what_does_not_go_evenly_over_the_ranks_differs_between_epochs() -> None:
    dataset = dataset_of(11)
    samplers = [PatchSampler(dataset, 4, rank) for rank in range(4)]
    left_out = [set(range(11)) - {i for sampler in samplers for i in sampler} for _ in range(20)]
    assert {len(items) for items in left_out} == {3}
    assert len({frozenset(items) for items in left_out}) > 10


@pytest.mark.parametrize("rank", [-1, 2, 5])
def test_a_rank_that_is_not_there_is_refused(rank: int) -> None:
    with pytest.raises(ConfigError, match="expected 0 to 1 for 2 replicas"):
        PatchSampler(dataset_of(5), 2, rank)


@given(st.data(), st.integers(1, 60), st.integers(1, 4))
def test_a_stretch_of_items_is_looked_up_as_it_lies_in_the_whole(
    data: st.DataObject, n_items: int, n_ranks: int
) -> None:
    sampler = PatchSampler(dataset_of(n_items), n_ranks, n_ranks - 1, drop_last=False)
    start = data.draw(st.integers(0, len(sampler)))
    stop = data.draw(st.integers(start, len(sampler)))
    items = sampler.items(4, start, stop)
    sampler.set_epoch(4)
    assert items[:, 0].tolist() == list(sampler)[start:stop]
    assert (items[:, 1] == 4).all()
