"""Batches that are kept, written to, dropped or never finished."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from patchmill._core import PatchDataset, Plan
from patchmill.dataset import InMemoryDataset, PatchLoader
from patchmill.errors import InternalError
from tests.dataset.milling import as_bytes, copied, data_config, epochs, noise


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
