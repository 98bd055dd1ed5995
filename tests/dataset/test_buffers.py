"""The memory of a loader: prefetch + 2 batches, the same in every epoch, and nothing once it is gone."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
import weakref
from collections.abc import Callable, Iterator

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
def peak_batches(dataset: InMemoryDataset) -> Iterator[Callable[[], float]]:
    """Trace memory, and return how many batches it held at most. NumPy tells tracemalloc of its arrays."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / BATCH_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_an_epoch_takes_prefetch_and_two_batches(
    dataset: InMemoryDataset, peak_batches: Callable[[], float], prefetch: int
) -> None:
    for _batch in PatchLoader(dataset, 16, prefetch=prefetch):
        pass
    assert prefetch + 1 < peak_batches() < prefetch + 2.2


@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_several_epochs_take_no_more_than_one(
    dataset: InMemoryDataset, peak_batches: Callable[[], float], prefetch: int
) -> None:
    loader = PatchLoader(dataset, 16, prefetch=prefetch)
    for _ in range(3):
        for _batch in loader:
            pass
        del _batch
    assert peak_batches() < prefetch + 2.2


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Free only what reference counts free, as it happens to a user between two runs of the collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("n_batches", [0, 1, 10])
def test_a_loader_and_its_dataset_are_gone_when_nobody_refers_to_them(n_batches: int) -> None:
    dataset = InMemoryDataset(data_config(masking=Masking()), noise((64, 64)))
    loader = PatchLoader(dataset, 2, shuffle=True)
    alive = [weakref.ref(loader), weakref.ref(dataset)]
    for _, _batch in zip(range(n_batches), loader, strict=False):
        pass
    iter(loader)
    del loader, dataset
    assert [reference() for reference in alive] == [None, None]


@pytest.mark.usefixtures("_no_collector")
def test_a_loader_keeps_the_memory_of_its_batches_until_it_is_gone(
    dataset: InMemoryDataset, peak_batches: Callable[[], float]
) -> None:
    loader = PatchLoader(dataset, 16, prefetch=4)
    addresses: list[set[int]] = []
    for _ in range(2):
        addresses.append({batch[0].data_ptr() for batch in loader})
    assert addresses[0] == addresses[1]
    assert peak_batches() > 5
    del loader
    assert tracemalloc.get_traced_memory()[0] / BATCH_BYTES < 0.2


def test_iterators_at_once_share_no_memory_that_is_in_use(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 16, prefetch=2)
    expected = [[tensor.clone() for tensor in batch] for batch in loader]
    loader.set_epoch(0)
    first = iter(loader)
    loader.set_epoch(0)
    second = iter(loader)
    for one, other, wanted in zip(first, second, expected, strict=True):
        assert one[0].data_ptr() != other[0].data_ptr()
        for a, b, c in zip(one, other, wanted, strict=True):
            assert a.equal(c)
            assert b.equal(c)
    # Each has its own, also where they are in different threads and take memory at the same moment.
    assert first._buffers is not second._buffers
    list(first)
    third = iter(loader)
    list(first)
    assert iter(loader)._buffers is not third._buffers


def test_a_copy_of_a_loader_has_no_batches(dataset: InMemoryDataset) -> None:
    loader = PatchLoader(dataset, 16)
    for _batch in loader:
        pass
    (buffers,) = loader._spare_buffers
    assert len(pickle.dumps(buffers)) < 1000


def test_arrays_in_use_are_not_handed_out_again(dataset: InMemoryDataset) -> None:
    buffers = BatchBuffers(dataset.item_layout, n_kept=2, pin_memory=False)
    first, second, third = list(buffers.take(4)[0]), list(buffers.take(4)[0]), list(buffers.take(3)[0])
    addresses = [arrays[0].ctypes.data for arrays in (first, second, third)]
    assert len(set(addresses)) == 3
    assert [array.shape for array in third] == [(3, 1, 64, 64)] * 2 + [(3, 1, 64, 64)]
    part = first[1][2:, :, 5:]
    del first
    assert buffers.take(4)[0][0].ctypes.data not in addresses[:2], "a view of the first array is still in use"
    del part
    assert buffers.take(4)[0][0].ctypes.data == addresses[0]


def test_a_batch_that_was_interrupted_when_it_was_done_is_not_overwritten() -> None:
    dataset = InMemoryDataset(data_config("TYX", masking=Masking("uniform", 5, 2.0)), noise((9, 64, 64)))
    expected = [[tensor.clone() for tensor in batch] for batch in PatchLoader(dataset, 8)]

    class Interrupted:
        """A batch whose wait ends, and then Ctrl-C comes, before it is taken out of the queue."""

        def __init__(self, batch: object) -> None:
            self.batch, self.n_waits = batch, 0

        def wait(self) -> None:
            self.batch.wait()
            self.n_waits += 1
            if self.n_waits == 1:
                raise KeyboardInterrupt

    batches = iter(PatchLoader(dataset, 8))
    found = [next(batches)]
    batch, arrays = batches._in_flight[0]
    batches._in_flight[0] = (Interrupted(batch), arrays)
    del batch, arrays
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    found += list(batches)
    assert len(found) == len(expected)
    for batch, wanted in zip(found, expected, strict=True):
        assert all(a.equal(b) for a, b in zip(batch, wanted, strict=True))
