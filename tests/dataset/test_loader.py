"""The loader yields the oracle's items in the sampler's order, the same bytes however many threads make them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from patchmill.dataset import InMemoryDataset, PatchLoader, PatchSampler
from patchmill.errors import ConfigError
from tests.dataset.milling import as_bytes, assert_is_item, copied, data_config, epochs, noise, oracle
from tests.oracles.item import Masking
from tests.oracles.order import order

MASKING = Masking("uniform", 5, 2.0)


def supervised() -> InMemoryDataset:
    return InMemoryDataset(data_config("CYX"), noise((1, 60, 70)), noise((2, 60, 70), np.float32, seed=1))


def unpaired() -> InMemoryDataset:
    return InMemoryDataset(data_config("ZYX"), noise((20, 33, 34)))


@pytest.mark.parametrize("batch_size", [1, 4, 7, 100])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_the_oracles_items_in_order(
    dataset: InMemoryDataset, images: list[np.ndarray], batch_size: int, shuffle: bool
) -> None:
    expected = oracle(dataset.data_config, images)
    loader = PatchLoader(dataset, batch_size, shuffle=shuffle)
    n = len(expected)
    assert len(loader) == -(-n // batch_size)
    for epoch in range(2):
        indices = order(n, seed=42, epoch=epoch) if shuffle else list(range(n))
        batches = list(loader)
        assert [len(batch[0]) for batch in batches] == [batch_size] * (n // batch_size) + [n % batch_size] * (
            n % batch_size > 0
        )
        items = [item for batch in batches for item in zip(*batch, strict=True)]
        assert len(items) == n
        for index, item in zip(indices, items, strict=True):
            assert_is_item([tensor.numpy() for tensor in item], expected.item(index, epoch))


def test_batches_are_tuples_of_tensors_with_the_shape_of_the_patches(dataset: InMemoryDataset) -> None:
    masked, original, mask = batch = next(iter(PatchLoader(dataset, 3)))
    assert type(batch) is tuple
    assert masked.shape == original.shape == mask.shape == (3, 1, 16, 16)
    assert (masked.dtype, original.dtype, mask.dtype) == (torch.float32, torch.float32, torch.uint8)
    assert [t.shape for t in next(iter(PatchLoader(supervised(), 3)))] == [(3, 1, 16, 16), (3, 2, 16, 16)]
    assert [t.shape for t in next(iter(PatchLoader(unpaired(), 3)))] == [(3, 1, 8, 16, 16)]


@pytest.mark.parametrize("prefetch", [1, 2, 4])
@pytest.mark.parametrize("num_threads", [1, 2, 3, 8])
def test_batches_are_the_same_bytes_for_any_threads_and_prefetch(num_threads: int, prefetch: int) -> None:
    masked = InMemoryDataset(data_config("TYX", masking=MASKING), noise((5, 70, 50)))
    for dataset in (masked, supervised(), unpaired()):
        expected = epochs(PatchLoader(dataset, 6, shuffle=True, num_threads=1, prefetch=1), 3)
        found = epochs(PatchLoader(dataset, 6, shuffle=True, num_threads=num_threads, prefetch=prefetch), 3)
        assert found == expected


def test_patches_with_many_threads_to_an_item_are_the_same() -> None:
    dataset = InMemoryDataset(data_config("ZYX", masking=Masking("median", 5, 5.0)), noise((16, 40, 40)))
    expected = epochs(PatchLoader(dataset, 2, num_threads=1), 1)
    for num_threads in (2, 7, 16):
        assert epochs(PatchLoader(dataset, 2, num_threads=num_threads, prefetch=3), 1) == expected


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_it_yields_what_a_plain_torch_loader_yields(batch_size: int) -> None:
    masked = InMemoryDataset(data_config("TYX", masking=MASKING, patching="random"), noise((5, 40, 50)))
    for dataset in (masked, supervised(), unpaired()):
        for shuffle, drop_last in itertools.product((False, True), repeat=2):
            plain = DataLoader(
                dataset, batch_size, sampler=PatchSampler(dataset, shuffle=shuffle), drop_last=drop_last, num_workers=0
            )
            ours = PatchLoader(dataset, batch_size, shuffle=shuffle, drop_last=drop_last)
            assert len(plain) == len(ours)
            assert epochs(ours, 2) == epochs(plain, 2)


def test_a_last_batch_that_is_not_whole_can_be_left_out(dataset: InMemoryDataset) -> None:
    n = len(dataset)
    assert n % 4
    sizes = [len(batch[0]) for batch in PatchLoader(dataset, 4, drop_last=True)]
    assert sizes == [4] * (n // 4)
    assert len(PatchLoader(dataset, 4, drop_last=True)) == n // 4
    assert list(PatchLoader(dataset, n + 1, drop_last=True)) == []


def test_each_iteration_is_the_next_epoch_unless_one_was_set(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 5, shuffle=True), 6)
    assert len({tuple(epoch) for epoch in reference}) == 6
    loader = PatchLoader(dataset, 5, shuffle=True)
    assert epochs(loader, 2) == reference[:2]
    loader.set_epoch(4)
    assert epochs(loader, 2) == reference[4:]
    loader.set_epoch(1)
    assert epochs(loader, 1) == [reference[1]]


def test_the_epoch_can_be_set_at_the_sampler(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 5, shuffle=True), 4)
    loader = PatchLoader(dataset, 5, shuffle=True)
    loader.sampler.set_epoch(2)
    assert epochs(loader, 2) == reference[2:]


def test_an_epoch_that_was_broken_off_is_over(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 5, shuffle=True), 3)
    loader = PatchLoader(dataset, 5, shuffle=True)
    for batch in loader:
        assert as_bytes(batch) == reference[0][0]
        break
    assert epochs(loader, 2) == reference[1:]


def test_two_iterators_at_once_keep_their_own_epochs(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 5, shuffle=True), 2)
    loader = PatchLoader(dataset, 5, shuffle=True, prefetch=1)
    first, second = iter(loader), iter(loader)
    together = [(as_bytes(a), as_bytes(b)) for a, b in zip(first, second, strict=True)]
    assert [list(epoch) for epoch in zip(*together, strict=True)] == reference


def test_two_loaders_over_one_dataset_do_not_disturb_each_other(dataset: InMemoryDataset) -> None:
    one, two = PatchLoader(dataset, 5, shuffle=True), PatchLoader(dataset, 3)
    expected = copied(PatchLoader(dataset, 5, shuffle=True)), copied(PatchLoader(dataset, 3))
    first, second = iter(one), iter(two)
    found: tuple[list[Any], list[Any]] = ([], [])
    for a, b in itertools.zip_longest(first, second):
        for batch, batches in ((a, found[0]), (b, found[1])):
            if batch is not None:
                batches.append(as_bytes(batch))
    assert found == expected


def test_a_seed_of_its_own_decides_the_order_and_all_draws(images: list[np.ndarray], dataset: InMemoryDataset) -> None:
    other = InMemoryDataset(dataset.data_config.model_copy(update={"seed": 7}), images)
    assert copied(PatchLoader(dataset, 5, shuffle=True, seed=7)) == copied(PatchLoader(other, 5, shuffle=True))
    assert copied(PatchLoader(dataset, 5, shuffle=True, seed=7)) != copied(PatchLoader(dataset, 5, shuffle=True))


def test_ranks_together_yield_what_one_alone_yields(dataset: InMemoryDataset) -> None:
    n_ranks, batch_size = 2, 4
    alone = [item for batch in PatchLoader(dataset, 8, shuffle=True) for item in zip(*batch, strict=True)]
    ranks = [PatchLoader(dataset, batch_size, sampler=PatchSampler(dataset, n_ranks, rank)) for rank in range(n_ranks)]
    place = 0
    for batches in zip(*ranks, strict=True):
        for together in zip(*(zip(*batch, strict=True) for batch in batches), strict=True):
            for item in together:
                assert as_bytes(item) == as_bytes(alone[place])
                place += 1
    assert place == len(dataset) // n_ranks * n_ranks


def test_it_is_a_torch_data_loader(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 4, num_threads=2, prefetch=3, seed=5)
    assert isinstance(loader, DataLoader)
    assert (loader.num_threads, loader.prefetch, loader.seed, loader.batch_size) == (2, 3, 5, 4)
    assert isinstance(loader.sampler, PatchSampler)
    assert loader.dataset is dataset
    default = PatchLoader(dataset)
    assert (default.batch_size, default.num_threads, default.prefetch, default.seed) == (1, None, 2, None)
    assert (default.pin_memory, default.drop_last, default.sampler.shuffle) == (False, False, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"batch_size": None}, "batch_size"),
        ({"prefetch": 0}, "prefetch: expected an integer of at least 1, got 0"),
        ({"num_threads": 0}, "num_threads: expected an integer from 1 to 1024, got 0"),
        ({"num_threads": -2}, "num_threads"),
        ({"num_threads": 1.5}, "num_threads"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
    ],
)
def test_an_argument_out_of_range_is_refused(dataset: InMemoryDataset, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PatchLoader(dataset, **options)


def test_another_dataset_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Use torch\.utils\.data\.DataLoader"):
        PatchLoader(torch.utils.data.TensorDataset(torch.zeros(3)))


def test_sizes_may_be_numpys_integers(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, np.int64(4), num_threads=np.int64(2), prefetch=np.int64(2))
    assert copied(loader) == copied(PatchLoader(dataset, 4))


def test_pinned_memory_is_left_out_without_an_accelerator(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 4, pin_memory=True)
    assert [batch[0].is_pinned() for batch in loader] == [torch.accelerator.is_available()] * len(loader)
    loader.set_epoch(0)
    assert copied(loader) == copied(PatchLoader(dataset, 4))


def test_set_epoch_refuses_what_is_no_epoch(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 4)
    with pytest.raises(ConfigError, match="epoch"):
        loader.set_epoch(-1)
