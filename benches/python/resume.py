"""How long it takes to go on where a training stopped."""

from __future__ import annotations

import functools
import time

from datasets import create_dataset
from figures import Row, Section
from loader import PREFETCH
from turns import take_turns
from works import STACK, WORKS, Source, Work

from patchmill import PatchLoader
from patchmill.dataset import InMemoryDataset

__all__ = ["measure_resume"]

STEP = 10**6
LONG = Work(
    "2^20 batches of a patch of 8x8", "2D", Source((64, 1024, 1024), STACK.axes), patch_size=(8, 8), batch_size=1
)

TEXT = f"""\
From a new loader to the first batch, when it resumes at step {STEP:,}, and when it begins anew."""


def measure_resume(*, n_rounds: int) -> Section:
    """Measure resuming far into one long epoch, and after many short ones."""
    cases = {}
    for work in (LONG, WORKS["W1"]):
        dataset = create_dataset(work)
        epoch, n_batches = divmod(STEP, len(_create_loader(dataset, work)))
        _ms_to_first_batch(dataset, work, 0, 0)  # threads begin only once
        for what, position in (("resuming", (epoch, n_batches)), ("beginning", (0, 0))):
            cases[f"{work.name}: epoch {epoch:,}, batch {n_batches:,}", what] = functools.partial(
                _ms_to_first_batch, dataset, work, *position
            )
    rows = [Row(what, "ms", {"step": name}, runs) for (name, what), runs in take_turns(cases, n_rounds).items()]
    return Section("resume", "Resuming", TEXT, rows)


def _ms_to_first_batch(dataset: InMemoryDataset, work: Work, epoch: int, n_batches: int) -> float:
    state = {**_create_loader(dataset, work).state_dict(), "epoch": epoch, "n_batches": n_batches}
    started = time.perf_counter()
    loader = _create_loader(dataset, work)
    loader.load_state_dict(state)
    batches = iter(loader)  # kept: to drop it takes time, too
    next(batches)
    return (time.perf_counter() - started) * 1e3


def _create_loader(dataset: InMemoryDataset, work: Work) -> PatchLoader:
    return PatchLoader(dataset, work.batch_size, shuffle=True, prefetch=PREFETCH)
