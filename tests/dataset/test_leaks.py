"""What a loader takes it gives back: memory, threads, descriptors, and nothing of the memory that processes share."""

from __future__ import annotations

import sys

import pytest

from tests.dataset.processes import printed_by
from tests.dataset.thoroughness import times

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process is POSIX")
def test_memory_is_the_source_and_a_few_batches() -> None:
    script = """
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    config = data_config("TYX", masking=Masking("uniform", 11, 0.2), patch_size=[64, 64])
    warm = InMemoryDataset(config, noise((2, 128, 128)))
    copied(PatchLoader(warm, 4))
    image = np.ones((96, 1024, 1024), dtype=np.uint16)
    image[:, ::2] = 7
    before = peak()
    dataset = InMemoryDataset(config, image)
    validation = dataset.split_dataset(0.1)
    batch_bytes = 64 * 64 * 64 * 9
    for _ in range(2):
        for batch in PatchLoader(dataset, 64, shuffle=True):
            pass
    for batch in PatchLoader(validation, 64):
        pass
    grown = peak() - before
    assert grown < 12 * batch_bytes + (24 << 20), f"{grown / 2**20:.0f} MiB over a source of {image.nbytes / 2**20:.0f}"
    print("lean")
    """
    assert printed_by(script) == "lean\n"


@needs_proc
def test_epochs_broken_off_leave_no_memory_behind() -> None:
    script = """
    dataset = small()
    def some_epochs(n):
        for _ in range(n):
            loader = PatchLoader(dataset, 16, shuffle=True, prefetch=4)
            next(iter(loader))
    some_epochs(300)
    before = resident()
    some_epochs(1500)
    grown = resident() - before
    assert grown < 4 << 20, f"{grown / 2**20:.1f} MiB"
    print("lean")
    """
    assert printed_by(script) == "lean\n"


@needs_proc
@pytest.mark.timeout(600)
def test_a_long_training_grows_by_nothing() -> None:
    n_batches = times(20_000, slow=100_000)
    script = f"""
    config = data_config("TYX", masking=Masking("uniform", 3, 5.0), patch_size=[8, 8])
    dataset = InMemoryDataset(config, noise((1000, 8, 8)))
    loader = PatchLoader(dataset, 1, shuffle=True, num_threads=2)
    def train(n_epochs):
        for _ in range(n_epochs):
            for batch in loader:
                pass
    train(5)
    before, used = resident(), usage()
    train({n_batches} // 1000)
    grown = resident() - before
    assert grown <= 1 << 20, f"{{grown / 2**20:.2f}} MiB"
    assert usage() == used
    print("lean")
    """
    assert printed_by(script, timeout=600) == "lean\n"
