"""Forks, Ctrl-C, early ends and memory, each in a process of its own that must not hang."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TIMEOUT = 45

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals are POSIX")

SETUP = """
import hashlib, os, resource, signal, sys, threading
import numpy as np
from patchmill.dataset import InMemoryDataset, PatchLoader
from tests.dataset.milling import as_bytes, copied, data_config, noise
from tests.oracles.item import Masking

def digest(batches):
    return hashlib.sha256(repr([as_bytes(batch) for batch in batches]).encode()).hexdigest()

def small():
    return InMemoryDataset(data_config("TYX", masking=Masking("uniform", 5, 2.0)), noise((5, 70, 70)))

def interrupt_soon():
    # Another thread does it, which needs the GIL, so that work which keeps the GIL is found, too.
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

def endless():
    # Medians over 9261 pixels each: a batch of hundreds of items takes minutes.
    config = data_config("SZYX", masking=Masking("median", 21, 10.0), patch_size=[48, 48, 48],
                         image_means=[0.0], image_stds=[1.0])
    return InMemoryDataset(config, np.broadcast_to(noise((48, 48, 48), np.uint8), (1000, 48, 48, 48)))
"""


def printed_by(script: str) -> str:
    """Run a script in a process of its own, which must end well, and return what it printed."""
    command = [sys.executable, "-c", SETUP + textwrap.dedent(script)]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"the process hangs; it printed: {error.stdout!r} {error.stderr!r}")
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_forks_in_the_middle_of_an_epoch_go_on_with_the_same_batches() -> None:
    script = """
    def fork(work):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, work().encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = pipe.read()
        assert os.waitpid(child, 0)[1] == 0
        return told

    dataset = small()
    expected = digest(list(PatchLoader(dataset, 4, shuffle=True))[2:])
    for num_threads in (1, 2, 5):
        batches = iter(PatchLoader(dataset, 4, shuffle=True, num_threads=num_threads, prefetch=3))
        next(batches), next(batches)

        def as_child():
            own = digest(PatchLoader(dataset, 4, shuffle=True, num_threads=num_threads))
            rest = list(batches)
            grandchild = fork(lambda: digest(PatchLoader(dataset, 4, shuffle=True)))
            return digest(rest) + own + grandchild

        whole = digest(PatchLoader(dataset, 4, shuffle=True))
        assert fork(as_child) == expected + whole * 2
        assert digest(batches) == expected
        assert fork(lambda: str(dataset[3][0].sum())) == str(dataset[3][0].sum())
    print("same")
    """
    assert printed_by(script) == "same\n"


def test_a_fork_while_threads_are_busy_does_not_hang() -> None:
    script = """
    dataset = endless()
    slow = iter(PatchLoader(dataset, 8, num_threads=2))
    for _ in range(5):
        child = os.fork()
        if child == 0:
            quick = small()
            copied(PatchLoader(quick, 4, num_threads=2))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    del slow
    print("done")
    """
    assert printed_by(script) == "done\n"


def test_ctrl_c_is_heard_while_a_batch_is_waited_for() -> None:
    script = """
    batches = iter(PatchLoader(endless(), 300, num_threads=1, prefetch=1))
    try:
        interrupt_soon()
        next(batches)
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert printed_by(script) == "interrupted\n"


def test_ctrl_c_is_heard_while_statistics_are_computed() -> None:
    script = """
    image = np.broadcast_to(np.arange(1 << 20, dtype=np.float64), (1 << 18, 1 << 20))
    try:
        interrupt_soon()
        InMemoryDataset(data_config(), image)
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert printed_by(script) == "interrupted\n"


def test_an_iterator_goes_on_after_ctrl_c() -> None:
    script = """
    dataset = small()
    expected = copied(PatchLoader(dataset, 4))
    batches = iter(PatchLoader(dataset, 4))
    found = [as_bytes(next(batches))]
    main = threading.main_thread().ident
    for _ in range(3):
        try:
            signal.pthread_kill(main, signal.SIGINT)
            while True:
                pass
        except KeyboardInterrupt:
            found.append(as_bytes(next(batches)))
    assert found + copied(batches) == expected
    print("same")
    """
    assert printed_by(script) == "same\n"


def test_an_iterator_that_is_dropped_while_threads_are_busy_does_not_block() -> None:
    script = """
    loader = PatchLoader(endless(), 300, num_threads=2)
    for _ in range(3):
        batches = iter(loader)
        del batches
    del loader
    quick = small()
    assert copied(PatchLoader(quick, 4)) == copied(PatchLoader(quick, 4, num_threads=1))
    print("done")
    """
    assert printed_by(script) == "done\n"


def test_a_process_may_end_at_any_time() -> None:
    script = """
    dataset, slow = small(), endless()
    children = []
    for place in range(4):
        child = os.fork()
        if child == 0:
            source, batch_size = (slow, 300) if place == 0 else (dataset, 4)
            batches = iter(PatchLoader(source, batch_size, num_threads=2, prefetch=4))
            if place == 1:
                next(batches)
            if place == 2:
                del batches
            sys.exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    print("done", flush=True)
    kept = iter(PatchLoader(slow, 300))
    """
    assert printed_by(script) == "done\n"


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


def test_epochs_broken_off_leave_no_memory_behind() -> None:
    script = """
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

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
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux")
    assert printed_by(script) == "lean\n"
