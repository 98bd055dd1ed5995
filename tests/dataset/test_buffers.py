"""The memory of a loader: prefetch + 2 batches, in every epoch."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from patchmill.dataset import InMemoryDataset, PatchLoader
from patchmill.dataset.buffers import BatchBuffers
from tests.dataset.milling import data_config, noise
from tests.oracles.item import Masking

BATCH_BYTES = 16 * 64 * 64 * (4 + 4 + 1)


@pytest.fixture
def dataset() -> InMemoryDataset:
    config = data_config("TYX", masking=Masking(), patch_size=[64, 64])
    return InMemoryDataset(config, noise((40, 128, 128)))


@pytest.fixture
def _traced() -> Iterator[None]:
    """NumPy tells tracemalloc of the memory of its arrays."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_batches() -> float:
    return tracemalloc.get_traced_memory()[1] / BATCH_BYTES


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_an_epoch_takes_prefetch_and_two_batches(dataset: InMemoryDataset, prefetch: int) -> None:
    for _batch in PatchLoader(dataset, 16, prefetch=prefetch):
        pass
    assert peak_batches() < prefetch + 2.2


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_several_epochs_take_no_more_than_one(dataset: InMemoryDataset, prefetch: int) -> None:
    loader = PatchLoader(dataset, 16, prefetch=prefetch)
    for _ in range(3):
        for _batch in loader:
            pass
        del _batch
    assert peak_batches() < prefetch + 2.2


def test_arrays_in_use_are_not_handed_out_again(dataset: InMemoryDataset) -> None:
    buffers = BatchBuffers(dataset.item_layout, 4, n_kept=2, pin_memory=False)
    first, second, third = buffers.take(4), buffers.take(4), buffers.take(3)
    addresses = [arrays[0].ctypes.data for arrays in (first, second, third)]
    assert len(set(addresses)) == 3
    assert [array.shape for array in third] == [(3, 1, 64, 64)] * 3
    part = first[1][2:, :, 5:]
    del first
    assert buffers.take(4)[0].ctypes.data not in addresses[:2], "a view of the first array is still in use"
    del part
    assert buffers.take(4)[0].ctypes.data == addresses[0]
