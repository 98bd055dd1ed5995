"""A loader goes on where a state was taken, with exactly the batches that remained."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from torch.utils.data import RandomSampler

from patchmill._core import order
from patchmill.dataset import EpochIndex, InMemoryDataset, PatchLoader, PatchSampler
from patchmill.errors import ConfigError
from tests.dataset.kinds import KINDS
from tests.dataset.milling import as_bytes, assert_is_item, copied, data_config, epochs, noise


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_state_of_any_place_resumes_with_the_batches_that_remained(dataset: InMemoryDataset, drop_last: bool) -> None:
    options: dict[str, Any] = {"shuffle": True, "drop_last": drop_last}
    reference = epochs(PatchLoader(dataset, 4, **options), 3)
    loader = PatchLoader(dataset, 4, num_threads=2, prefetch=3, **options)
    copied(loader)
    batches = iter(loader)
    for n_done in range(len(reference[1]) + 1):
        state = copy.deepcopy(loader.state_dict())
        resumed = PatchLoader(dataset, 4, num_threads=n_done % 3 + 1, prefetch=n_done % 4 + 1, **options)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert copied(resumed) == reference[1][n_done:]
        assert copied(resumed) == reference[2], "the next epoch is whole"
        if n_done < len(reference[1]):
            assert as_bytes(next(batches)) == reference[1][n_done]
    with pytest.raises(StopIteration):
        next(batches)
    resumed.load_state_dict(loader.state_dict())
    assert copied(resumed) == reference[2]


@pytest.mark.parametrize("kind", KINDS)
def test_items_of_every_kind_resume(kind: str) -> None:
    reference = epochs(PatchLoader(KINDS[kind], 4, shuffle=True), 2)
    for n_done in (0, 1, len(reference[0]) - 1, len(reference[0])):
        loader = PatchLoader(KINDS[kind], 4, shuffle=True, num_threads=3, prefetch=4)
        for _batch in islice(loader, n_done):
            pass
        resumed = PatchLoader(KINDS[kind], 4, shuffle=True)
        resumed.load_state_dict(json.loads(json.dumps(loader.state_dict())))
        assert [copied(resumed), copied(resumed)] == [reference[0][n_done:], reference[1]]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_state_of_the_millionth_batch_resumes_there(shuffle: bool) -> None:
    n_items, place = 2_500_003, 1_000_000
    images = np.broadcast_to(noise((8, 8)), (n_items, 8, 8))
    dataset = InMemoryDataset(data_config("TYX", patch_size=[8, 8], image_means=[0.0], image_stds=[1.0]), images)
    loader = PatchLoader(dataset, 2, shuffle=shuffle)
    loader.load_state_dict({**loader.state_dict(), "epoch": 3, "n_batches": place})
    places = {"start": 2 * place, "stop": 2 * place + 8, "step": 1}
    expected = order(n_items, seed=42, epoch=3, **places).tolist() if shuffle else list(range(2 * place, 2 * place + 8))
    batches = list(islice(loader, 4))
    items = [item for batch in batches for item in zip(*batch, strict=True)]
    for index, item in zip(expected, items, strict=True):
        assert_is_item([tensor.numpy() for tensor in item], dataset[EpochIndex(index, 3)])
    assert loader.state_dict()["n_batches"] == place + 4


def test_the_last_batches_of_a_long_epoch_resume() -> None:
    n_items = 1_000_003
    images = np.broadcast_to(noise((8, 8)), (n_items, 8, 8))
    dataset = InMemoryDataset(data_config("TYX", patch_size=[8, 8], image_means=[0.0], image_stds=[1.0]), images)
    loader = PatchLoader(dataset, 4, shuffle=True)
    loader.load_state_dict({**loader.state_dict(), "n_batches": len(loader) - 2})
    assert [len(batch[0]) for batch in loader] == [4, 3]


@pytest.mark.parametrize("drop_last", [False, True])
def test_ranks_resume_each_with_its_share(dataset: InMemoryDataset, drop_last: bool) -> None:
    n_ranks = 3

    def loader(rank: int, **options: Any) -> PatchLoader:
        sampler = PatchSampler(dataset, n_ranks, rank, drop_last=drop_last)
        return PatchLoader(dataset, 2, sampler=sampler, **options)

    whole = [epochs(loader(rank), 2) for rank in range(n_ranks)]
    assert len({len(batches) for of_rank in whole for batches in of_rank}) == 1, "all have as many"
    for n_done in range(len(whole[0][0]) + 1):
        for rank in range(n_ranks):
            first = loader(rank, num_threads=2, prefetch=3)
            for _batch in islice(first, n_done):
                pass
            resumed = loader(rank)
            resumed.load_state_dict(first.state_dict())
            assert [copied(resumed), copied(resumed)] == [whole[rank][0][n_done:], whole[rank][1]]


def test_an_epoch_can_be_resumed_twice(dataset: InMemoryDataset) -> None:
    reference = copied(PatchLoader(dataset, 3, shuffle=True))
    done: list[tuple[bytes, ...]] = []
    state = PatchLoader(dataset, 3, shuffle=True).state_dict()
    for n_batches in (2, 1, 3):
        loader = PatchLoader(dataset, 3, shuffle=True)
        loader.load_state_dict(state)
        batches = iter(loader)
        done += [as_bytes(next(batches)) for _ in range(n_batches)]
        state = loader.state_dict()
    loader.load_state_dict(state)
    assert done + copied(loader) == reference


@pytest.mark.parametrize(
    ("name", "create"),
    [
        ("shuffle", lambda dataset: PatchLoader(dataset, 3)),
        ("drop_last", lambda dataset: PatchLoader(dataset, 3, shuffle=True, drop_last=True)),
        ("batch_size", lambda dataset: PatchLoader(dataset, 4, shuffle=True)),
        ("num_replicas", lambda dataset: PatchLoader(dataset, 3, sampler=PatchSampler(dataset, 2))),
        ("has_own_order", lambda dataset: PatchLoader(dataset, 3, sampler=RandomSampler(dataset))),
        ("seed", lambda dataset: PatchLoader(dataset, 3, shuffle=True, seed=1)),
    ],
)
def test_a_state_of_another_loader_is_refused(
    dataset: InMemoryDataset, name: str, create: Callable[[InMemoryDataset], PatchLoader]
) -> None:
    state = PatchLoader(dataset, 3, shuffle=True).state_dict()
    with pytest.raises(ConfigError, match=f"loader state, {name}: expected"):
        create(dataset).load_state_dict(state)


def test_a_state_beyond_the_end_of_an_epoch_is_refused(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 3, shuffle=True)
    with pytest.raises(ConfigError, match=f"n_batches: expected at most {len(loader)}"):
        loader.load_state_dict({**loader.state_dict(), "n_batches": len(loader) + 1})


def test_a_state_counts_the_batches_handed_out_and_not_those_prepared(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 2, prefetch=8)
    batches = iter(loader)
    assert loader.state_dict()["n_batches"] == 0
    next(batches)
    assert loader.state_dict()["n_batches"] == 1


def test_a_state_of_a_new_loader_begins_at_the_beginning(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 4, shuffle=True), 2)
    loader = PatchLoader(dataset, 4, shuffle=True)
    loader.load_state_dict(PatchLoader(dataset, 4, shuffle=True).state_dict())
    assert epochs(loader, 2) == reference


def test_a_state_remembers_the_epoch_that_was_set(dataset: InMemoryDataset) -> None:
    reference = copied(PatchLoader(dataset, 4, shuffle=True))
    later = PatchLoader(dataset, 4, shuffle=True)
    later.set_epoch(5)
    expected = copied(later)
    assert expected != reference
    for n_epochs in (0, 1):
        loader = PatchLoader(dataset, 4, shuffle=True)
        epochs(loader, n_epochs)
        loader.set_epoch(5)
        resumed = PatchLoader(dataset, 4, shuffle=True)
        resumed.load_state_dict(loader.state_dict())
        assert copied(resumed) == expected, f"after {n_epochs} epochs"


def test_setting_an_epoch_after_a_state_was_loaded_begins_it_anew(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 4, shuffle=True), 2)
    loader = PatchLoader(dataset, 4, shuffle=True)
    loader.load_state_dict({**loader.state_dict(), "epoch": 0, "n_batches": 2})
    loader.set_epoch(1)
    assert copied(loader) == reference[1]


def test_a_state_is_loaded_while_an_iterator_runs(dataset: InMemoryDataset) -> None:
    reference = copied(PatchLoader(dataset, 4, shuffle=True))
    loader = PatchLoader(dataset, 4, shuffle=True)
    running = iter(loader)
    next(running)
    loader.load_state_dict({**loader.state_dict(), "epoch": 0, "n_batches": 2})
    assert copied(loader) == reference[2:]
    assert [as_bytes(batch) for batch in running] == reference[1:]


def test_a_state_of_a_foreign_sampler_skips_what_was_handed_out(dataset: InMemoryDataset) -> None:
    indices = [5, 3, 8, 1, 0, 2, 7]
    reference = copied(PatchLoader(dataset, 2, sampler=indices))
    for n_done in range(len(reference) + 1):
        loader = PatchLoader(dataset, 2, sampler=indices)
        batches = iter(loader)
        for _ in range(n_done):
            next(batches)
        resumed = PatchLoader(dataset, 2, sampler=indices)
        resumed.load_state_dict(loader.state_dict())
        assert copied(resumed) == reference[n_done:]


def test_a_state_of_another_seed_is_refused(dataset: InMemoryDataset) -> None:
    state = PatchLoader(dataset, 4, seed=1).state_dict()
    with pytest.raises(ConfigError, match="seed: expected 42, as in this loader, got 1"):
        PatchLoader(dataset, 4).load_state_dict(state)


def test_a_state_of_other_batches_is_refused(dataset: InMemoryDataset) -> None:
    state = PatchLoader(dataset, 4).state_dict()
    with pytest.raises(ConfigError, match="batch_size: expected 3, as in this loader, got 4"):
        PatchLoader(dataset, 3).load_state_dict(state)
    with pytest.raises(ConfigError, match=r"n_items: expected \d+, as in this loader, got 1"):
        PatchLoader(dataset, 4).load_state_dict({**state, "n_items": 1})
    with pytest.raises(ConfigError, match=r"what state_dict\(\) returns"):
        PatchLoader(dataset, 4).load_state_dict({"epoch": 0})


def test_a_state_is_less_than_a_kilobyte_of_json(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 4)
    for _ in loader:
        assert json.loads(json.dumps(loader.state_dict())) == loader.state_dict()
        assert {type(value) for value in loader.state_dict().values()} == {int}
    longest = PatchLoader(dataset, 4, seed=2**63 - 1)
    longest.load_state_dict({**longest.state_dict(), "epoch": 2**62, "n_batches": len(longest)})
    assert len(json.dumps(longest.state_dict())) < 500
