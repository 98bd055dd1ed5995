"""A loader goes on where a state was taken, with exactly the batches that remained."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from patchmill.dataset import InMemoryDataset, PatchLoader
from patchmill.errors import ConfigError
from tests.dataset.milling import as_bytes, copied, epochs


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


def test_a_state_is_plain_data(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 4)
    for _ in loader:
        assert {type(value) for value in loader.state_dict().values()} == {int}
