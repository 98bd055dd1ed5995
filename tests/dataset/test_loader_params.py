"""The loader that the dataloader parameters of a configuration ask for."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, SequentialSampler, default_collate

from patchmill.dataset import InMemoryDataset, PatchLoader, PatchSampler
from patchmill.dataset.loader_params import create_loader
from patchmill.errors import ConfigError
from tests.dataset.milling import copied, data_config, noise
from tests.oracles.item import Masking


@pytest.fixture
def dataset() -> InMemoryDataset:
    return InMemoryDataset(data_config("TYX", masking=Masking("uniform", 5, 2.0)), noise((3, 40, 40)))


def test_without_parameters_it_is_a_patch_loader(dataset: InMemoryDataset) -> None:
    loader = create_loader(dataset, 4, {})
    assert type(loader) is PatchLoader
    assert (loader.batch_size, loader.num_threads, loader.prefetch, loader.seed) == (4, None, 2, None)
    assert not loader.sampler.shuffle


@pytest.mark.parametrize(
    ("params", "attributes"),
    [
        ({"num_workers": 3}, {"num_threads": 3}),
        ({"num_workers": 0}, {"num_threads": None}),
        ({"num_threads": 2, "num_workers": 5}, {"num_threads": 2}),
        ({"prefetch_factor": 4}, {"prefetch": 4}),
        ({"prefetch_factor": None}, {"prefetch": 2}),
        ({"prefetch": 3, "prefetch_factor": 4}, {"prefetch": 3}),
        ({"seed": 9}, {"seed": 9}),
        ({"drop_last": True}, {"drop_last": True}),
        ({"pin_memory": True}, {"pin_memory": True}),
    ],
)
def test_torchs_words_are_read_as_ours(
    dataset: InMemoryDataset, params: dict[str, Any], attributes: dict[str, Any]
) -> None:
    loader = create_loader(dataset, 4, params)
    assert type(loader) is PatchLoader
    assert {name: getattr(loader, name) for name in attributes} == attributes


def test_what_is_about_processes_is_ignored_with_one_line(
    dataset: InMemoryDataset, caplog: pytest.LogCaptureFixture
) -> None:
    params = {"num_workers": 2, "persistent_workers": True, "timeout": 30}
    with caplog.at_level(logging.INFO, logger="patchmill"):
        loader = create_loader(dataset, 4, params)
    assert type(loader) is PatchLoader
    (record,) = caplog.records
    assert "persistent_workers, timeout: ignored" in record.message


@pytest.mark.parametrize(
    "params",
    [
        {"collate_fn": default_collate},
        {"worker_init_fn": print},
        {"generator": torch.Generator()},
    ],
)
def test_what_only_torch_can_do_gets_torchs_loader(dataset: InMemoryDataset, params: dict[str, Any]) -> None:
    loader = create_loader(dataset, 4, {"shuffle": True, "num_threads": 2, "prefetch": 3, "seed": 1, **params})
    assert type(loader) is DataLoader
    assert isinstance(loader.sampler, PatchSampler)
    assert loader.sampler.shuffle
    for name, value in params.items():
        assert getattr(loader, name) is value


def test_torchs_loader_yields_the_same_batches(dataset: InMemoryDataset) -> None:
    plain = create_loader(dataset, 4, {"shuffle": True, "collate_fn": default_collate})
    ours = create_loader(dataset, 4, {"shuffle": True})
    for _ in range(2):
        assert copied(plain) == copied(ours)


def test_a_collate_function_is_used(dataset: InMemoryDataset) -> None:
    loader = create_loader(dataset, 4, {"collate_fn": len, "drop_last": True})
    assert list(loader) == [4] * (len(dataset) // 4)


@pytest.mark.parametrize("foreign", [{}, {"collate_fn": default_collate}])
def test_a_sampler_of_the_user_is_used(dataset: InMemoryDataset, foreign: dict[str, Any]) -> None:
    sampler = SequentialSampler(range(5))
    loader = create_loader(dataset, 2, {"sampler": sampler, **foreign})
    assert loader.sampler is sampler
    assert [len(batch[0]) for batch in loader] == [2, 2, 1]


@pytest.mark.parametrize("foreign", [{}, {"collate_fn": default_collate}])
def test_a_batch_sampler_of_the_user_is_used(dataset: InMemoryDataset, foreign: dict[str, Any]) -> None:
    loader = create_loader(dataset, 64, {"batch_sampler": [[1, 2], [3], [4, 5, 6]], **foreign})
    assert [len(batch[0]) for batch in loader] == [2, 1, 3]


@pytest.mark.parametrize("foreign", [{}, {"collate_fn": default_collate}])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"shuffle": "no"}, "shuffle: expected True or False, got 'no'"),
        ({"shuffle": 0}, "shuffle: expected True or False, got 0"),
        ({"drop_last": "False"}, "drop_last: expected True or False, got 'False'"),
        ({"num_workers": "x"}, "num_workers: expected a whole number from 0 to 1024, got 'x'. Use 0 for all cores"),
        ({"num_workers": -1}, "num_workers: expected a whole number from 0 to 1024, got -1"),
        ({"num_workers": 1.0}, "num_workers: expected a whole number from 0 to 1024, got 1.0"),
        ({"num_workers": True}, "num_workers: expected a whole number from 0 to 1024, got True"),
        ({"num_workers": 10**6}, "num_workers: expected a whole number from 0 to 1024, got 1000000"),
    ],
)
def test_values_that_no_loader_takes_are_refused(
    dataset: InMemoryDataset, foreign: dict[str, Any], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^dataloader_params, {message}"):
        create_loader(dataset, 4, {**params, **foreign})


def test_numbers_and_switches_may_be_those_of_numpy(dataset: InMemoryDataset) -> None:
    loader = create_loader(dataset, 4, {"num_workers": np.int64(3), "shuffle": np.bool_(True)})
    assert loader.num_threads == 3
    assert loader.sampler.shuffle
