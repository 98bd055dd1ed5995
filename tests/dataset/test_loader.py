"""The loader yields the oracle's items in the sampler's order, the same bytes however many threads make them."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SubsetRandomSampler

from patchmill._core import PatchDataset, Plan
from patchmill.dataset import InMemoryDataset, PatchLoader, PatchSampler
from patchmill.errors import ConfigError, InternalError
from tests.dataset.milling import as_bytes, assert_is_item, copied, data_config, noise, oracle
from tests.oracles.item import Masking
from tests.oracles.order import order

MASKING = Masking("uniform", 5, 2.0)


@pytest.fixture
def images() -> list[np.ndarray]:
    return [noise((3, 40, 50)), noise((1, 20, 30), seed=1)]


@pytest.fixture
def dataset(images: list[np.ndarray]) -> InMemoryDataset:
    return InMemoryDataset(data_config("TYX", masking=MASKING, patching="random"), images)


def supervised() -> InMemoryDataset:
    return InMemoryDataset(data_config("CYX"), noise((1, 60, 70)), noise((2, 60, 70), np.float32, seed=1))


def unpaired() -> InMemoryDataset:
    return InMemoryDataset(data_config("ZYX"), noise((20, 33, 34)))


def epochs(loader: Any, n_epochs: int) -> list[list[tuple[bytes, ...]]]:
    return [copied(loader) for _ in range(n_epochs)]


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


# Foreign samplers.


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


def test_a_batch_that_failed_is_never_handed_out() -> None:
    dataset = InMemoryDataset(data_config(transforms=[]), noise((16, 64)))
    # A plan of a larger image: its third region is not there, which the core notices in a thread.
    larger = Plan.sequential([("image", 1, (1, 16, 64))], (1, 16, 16))
    smaller = [("image", noise((1, 1, 1, 1, 16, 32)))]
    dataset._core = PatchDataset(smaller, [(0.0, 1.0)], larger)
    batches = iter(PatchLoader(dataset, 1, prefetch=1))
    assert [len(next(batches)) for _ in range(2)] == [1, 1]
    for _ in range(2):
        with pytest.raises(InternalError, match="report it"):
            next(batches)


class Odd(PatchSampler):
    """A sampler of somebody else's: ours, without the even items."""

    def __iter__(self) -> Iterator[int]:
        return (index for index in super().__iter__() if index % 2)


def test_a_sampler_derived_from_ours_is_asked_for_its_items(dataset: InMemoryDataset) -> None:
    odd = [index for index in order(len(dataset), seed=42, epoch=0) if index % 2]
    found = copied(PatchLoader(dataset, 1, sampler=Odd(dataset)))
    assert found == copied(PatchLoader(dataset, 1, sampler=odd))


# The state.


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
    loader.load_state_dict({"seed": 42, "epoch": 0, "n_batches": 2})
    loader.set_epoch(1)
    assert copied(loader) == reference[1]


def test_a_state_is_loaded_while_an_iterator_runs(dataset: InMemoryDataset) -> None:
    reference = copied(PatchLoader(dataset, 4, shuffle=True))
    loader = PatchLoader(dataset, 4, shuffle=True)
    running = iter(loader)
    next(running)
    loader.load_state_dict({"seed": 42, "epoch": 0, "n_batches": 2})
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
    with pytest.raises(ConfigError, match="seed 42, got 1"):
        PatchLoader(dataset, 4).load_state_dict(state)


def test_a_state_is_plain_data(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 4)
    for _ in loader:
        assert {type(value) for value in loader.state_dict().values()} == {int}


# The memory of batches.


def test_a_batch_that_is_kept_is_never_overwritten(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 3, shuffle=True, prefetch=2)
    reference = epochs(PatchLoader(dataset, 3, shuffle=True), 4)
    kept = [batch for _ in range(4) for batch in loader]
    assert [as_bytes(batch) for batch in kept] == [batch for epoch in reference for batch in epoch]


@pytest.mark.parametrize(
    "keep",
    [
        lambda tensor: tensor[1:],
        lambda tensor: tensor.numpy(),
        lambda tensor: tensor.view(-1)[:10].detach(),
        lambda tensor: memoryview(tensor.numpy()),
        lambda tensor: tensor.untyped_storage(),
        lambda tensor: np.from_dlpack(tensor),
    ],
    ids=["slice", "array", "view", "memoryview", "storage", "dlpack"],
)
def test_whatever_is_kept_of_a_batch_is_never_overwritten(dataset: InMemoryDataset, keep: Any) -> None:
    def content(part: Any) -> bytes:
        return bytes(part) if isinstance(part, (memoryview, torch.UntypedStorage)) else np.asarray(part).tobytes()

    kept, expected = [], []
    for _ in range(3):
        for batch in PatchLoader(dataset, 2, shuffle=True, prefetch=1):
            kept.append(keep(batch[0]))
            expected.append(content(kept[-1]))
            del batch
    assert [content(part) for part in kept] == expected


def test_one_tensor_of_a_batch_keeps_only_its_own_memory_busy(dataset: InMemoryDataset) -> None:
    kept = [batch[2] for batch in PatchLoader(dataset, 2)]
    expected = [mask for _, _, mask in copied(PatchLoader(dataset, 2))]
    assert [mask.numpy().tobytes() for mask in kept] == expected


def test_memory_is_used_again_when_batches_are_let_go(dataset: InMemoryDataset) -> None:
    addresses = set()
    n_batches = 0
    for batch in PatchLoader(dataset, 1, prefetch=2):
        addresses.add(batch[0].data_ptr())
        n_batches += 1
    assert n_batches > 15
    assert len(addresses) <= 4


def test_a_user_may_write_to_a_batch(dataset: InMemoryDataset) -> None:
    reference = epochs(PatchLoader(dataset, 3, shuffle=True), 2)
    loader = PatchLoader(dataset, 3, shuffle=True)
    for epoch in reference:
        for batch, expected in zip(loader, epoch, strict=True):
            assert as_bytes(batch) == expected
            for tensor in batch:
                tensor.fill_(3)


def test_a_batch_outlives_its_loader(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 3)
    expected = copied(loader)[0]
    loader.set_epoch(0)
    batch = next(iter(loader))
    del loader
    assert as_bytes(batch) == expected


def test_a_loader_can_be_consumed_on_another_thread(dataset: InMemoryDataset) -> None:
    found: list[tuple[bytes, ...]] = []
    batches = iter(PatchLoader(dataset, 3))
    consumer = threading.Thread(target=lambda: found.extend(as_bytes(batch) for batch in batches))
    consumer.start()
    consumer.join(60)
    assert found == copied(PatchLoader(dataset, 3))


def test_many_consumers_at_once_get_what_each_alone_gets(dataset: InMemoryDataset) -> None:
    expected = epochs(PatchLoader(dataset, 3, shuffle=True), 3)
    found: dict[int, Any] = {}

    def consume(number: int) -> None:
        found[number] = epochs(PatchLoader(dataset, 3, shuffle=True, num_threads=number % 3 + 1), 3)

    consumers = [threading.Thread(target=consume, args=(number,)) for number in range(6)]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join(60)
    assert [found.get(number) == expected for number in range(6)] == [True] * 6


def test_an_exhausted_iterator_stays_exhausted(dataset: InMemoryDataset) -> None:
    batches = iter(PatchLoader(dataset, 50))
    list(batches)
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(batches)


def test_iterators_that_are_dropped_at_once_do_no_harm(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 8, prefetch=4)
    for _ in range(200):
        iter(loader)
    loader.set_epoch(0)
    assert copied(loader) == copied(PatchLoader(dataset, 8))


# The constructor.


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
        ({"num_threads": 0}, "num_threads: expected an integer of at least 1, got 0"),
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
