"""Forks, Ctrl-C, early ends and memory, each in a process of its own that must not hang."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TIMEOUT = 100

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals are POSIX")

SETUP = """
import hashlib, os, resource, signal, sys, threading
import numpy as np
from patchmill.dataset import InMemoryDataset, PatchLoader
from patchmill.errors import PatchmillError
from tests.dataset.milling import as_bytes, copied, data_config, noise
from tests.oracles.item import Masking

def digest(batches):
    return hashlib.sha256(repr([as_bytes(batch) for batch in batches]).encode()).hexdigest()

def small():
    return InMemoryDataset(data_config("TYX", masking=Masking("uniform", 5, 2.0)), noise((5, 70, 70)))

def endless():
    # Medians over 9261 pixels each: a batch of hundreds of items takes minutes.
    config = data_config("SZYX", masking=Masking("median", 21, 10.0), patch_size=[48, 48, 48],
                         image_means=[0.0], image_stds=[1.0])
    return InMemoryDataset(config, np.broadcast_to(noise((48, 48, 48), np.uint8), (1000, 48, 48, 48)))
"""


def start(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SETUP + textwrap.dedent(script)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> str:
    """Return what a process printed, which must end well."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"the process hangs; it printed:\n{out}{err}")
    assert process.returncode == 0, f"{process.returncode}\n{out}{err}"
    return out


def interrupted(script: str) -> str:
    """Run a script, interrupt it once it has printed a line, and return what it printed after it."""
    process = start(script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    process.send_signal(signal.SIGINT)
    return outcome(process)


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
    assert outcome(start(script)) == "same\n"


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
    assert outcome(start(script)) == "done\n"


def test_ctrl_c_is_heard_while_a_batch_is_waited_for() -> None:
    script = """
    batches = iter(PatchLoader(endless(), 300, num_threads=1, prefetch=1))
    print("ready", flush=True)
    try:
        next(batches)
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert interrupted(script) == "interrupted\n"


def test_ctrl_c_is_heard_while_statistics_are_computed() -> None:
    script = """
    image = np.broadcast_to(np.arange(1 << 20, dtype=np.float64), (1 << 18, 1 << 20))
    print("ready", flush=True)
    try:
        InMemoryDataset(data_config(), image)
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert interrupted(script) == "interrupted\n"


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
    assert outcome(start(script)) == "same\n"


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
    assert outcome(start(script)) == "done\n"


def test_a_process_may_end_at_any_time() -> None:
    script = """
    dataset, slow = small(), endless()
    for place in range(12):
        child = os.fork()
        if child == 0:
            loader = PatchLoader(slow if place % 3 == 0 else dataset, 4, num_threads=2, prefetch=4)
            batches = iter(loader)
            if place % 3 == 1:
                next(batches)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0, place
    print("done", flush=True)
    kept = iter(PatchLoader(slow, 4))
    """
    assert outcome(start(script)) == "done\n"


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
    assert outcome(start(script)) == "lean\n"


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
    assert outcome(start(script)) == "lean\n"
