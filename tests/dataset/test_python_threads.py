"""Python's threads, with the GIL and without: loaders side by side, batches handed over, iterators passed on."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest
import torch

from patchmill.dataset import InMemoryDataset, PatchLoader
from tests.dataset.milling import Batch, as_bytes, epochs

N_THREADS = 4


def loader_of(dataset: InMemoryDataset) -> PatchLoader:
    return PatchLoader(dataset, 4, shuffle=True, num_threads=2, prefetch=2)


def at_once(work: Callable[[], object]) -> list[object]:
    """Do some work in several threads, which begin together."""
    barrier = threading.Barrier(N_THREADS)

    def begin() -> object:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(N_THREADS) as pool:
        return [future.result() for future in [pool.submit(begin) for _ in range(N_THREADS)]]


def test_loaders_of_one_dataset_in_several_threads_yield_what_one_alone_does(dataset: InMemoryDataset) -> None:
    expected = epochs(loader_of(dataset), 3)
    assert at_once(lambda: epochs(loader_of(dataset), 3)) == [expected] * N_THREADS


def test_items_asked_for_in_several_threads_are_those_of_one(dataset: InMemoryDataset) -> None:
    def items() -> list[bytes]:
        return [array.tobytes() for index in range(len(dataset)) for array in dataset[index]]

    assert at_once(items) == [items()] * N_THREADS


def test_a_batch_that_another_thread_still_reads_is_not_written_to(dataset: InMemoryDataset) -> None:
    expected = [batch for epoch in epochs(loader_of(dataset), 20) for batch in epoch]
    batches: SimpleQueue[Batch | None] = SimpleQueue()
    found: list[tuple[bytes, ...]] = []

    def read() -> None:
        # Three views of a batch are kept instead of the batch, until three more have come.
        kept: list[list[torch.Tensor]] = []
        while (batch := batches.get()) is not None:
            kept.append([tensor[:] for tensor in batch])
            del batch
            if len(kept) > 3:
                found.append(as_bytes(kept.pop(0)))
        found.extend(as_bytes(batch) for batch in kept)

    reader = threading.Thread(target=read)
    reader.start()
    loader = loader_of(dataset)
    for _ in range(20):
        for batch in loader:
            batches.put(batch)
            del batch
    batches.put(None)
    reader.join()
    assert found == expected


def test_an_iterator_that_goes_from_thread_to_thread_yields_the_same_batches(dataset: InMemoryDataset) -> None:
    expected = epochs(loader_of(dataset), 1)[0]
    iterator = iter(loader_of(dataset))
    kept: list[Batch] = []
    for _ in expected:
        thread = threading.Thread(target=lambda: kept.append(next(iterator)))
        thread.start()
        thread.join()
    assert [as_bytes(batch) for batch in kept] == expected


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
def test_the_extension_leaves_the_gil_off() -> None:
    script = "import sys, patchmill._core; sys.exit(sys._is_gil_enabled())"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
