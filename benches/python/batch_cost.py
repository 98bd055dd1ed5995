"""What a batch costs the Python thread that takes it, and what an epoch costs in time of all cores."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable, Sequence

from datasets import create_dataset
from figures import Row, Section
from loader import PREFETCH, take
from turns import of_length, take_turns
from works import WORKS, Work

from patchmill import PatchLoader

__all__ = ["measure_batch_cost"]

TEXT = """\
*Overhead*: CPU time of the thread that takes the batches, for each of them: everything that Python does, the waking of
threads and the waiting for them, and no pixel, because other threads make those. *CPU of an epoch*: user and system
time of all threads, page faults included, for all patches of the work once."""

N_EPOCHS = 5


def measure_batch_cost(*, threads: Sequence[int], n_rounds: int) -> Section:
    """Measure W1 and W3 with each number of threads."""
    cases: dict[tuple[str, str, str, int], Callable[[], float]] = {}
    for work in (WORKS["W1"], WORKS["W3"]):
        dataset = create_dataset(work)
        for num_threads in threads:
            loader = PatchLoader(dataset, work.batch_size, shuffle=True, num_threads=num_threads, prefetch=PREFETCH)
            overhead = of_length(functools.partial(_us_per_batch, loader))
            cases["overhead", "us/batch", work.name, num_threads] = overhead
            cases["CPU of an epoch", "ms", work.name, num_threads] = functools.partial(_ms_per_epoch, loader, work)
    rows = [
        Row(what, unit, {"work": name, "threads": num_threads}, runs)
        for (what, unit, name, num_threads), runs in take_turns(cases, n_rounds).items()
    ]
    return Section("batch_cost", "The cost of a batch", TEXT, rows)


def _us_per_batch(loader: PatchLoader, n_batches: int) -> float:
    started = time.thread_time()
    deque(take(loader, n_batches), maxlen=0)
    return (time.thread_time() - started) / n_batches * 1e6


def _ms_per_epoch(loader: PatchLoader, work: Work) -> float:
    n_batches = N_EPOCHS * len(loader)
    started = time.process_time()
    deque(take(loader, n_batches), maxlen=0)
    return (time.process_time() - started) / N_EPOCHS * 1e3
