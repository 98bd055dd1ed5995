"""How long training waits for its data: an accelerator is emulated by a step that sleeps."""

from __future__ import annotations

import time

import torch
from datasets import create_dataset
from figures import Place, Row, Section
from loader import PREFETCH
from works import WORKS

from patchmill import PatchLoader
from patchmill.training.meter import Meter

__all__ = ["measure_waiting"]

WORK, NUM_THREADS = WORKS["W3"], 1
SPEEDS = (20_000, 50_000, 100_000)

TEXT = f"""\
An epoch of W3 in {NUM_THREADS} thread, with a step that sleeps for as long as an accelerator of a given speed takes for
a batch, measured by the meter of the training loop: from the first time that a batch is asked for to the end of the
last step. Sleeping takes a little longer than asked for; *reached* is the speed that came of it."""


def measure_waiting(*, n_rounds: int) -> Section:
    """Measure the share of the time that is spent waiting, for accelerators of several speeds."""
    dataset = create_dataset(WORK)
    loader = PatchLoader(dataset, WORK.batch_size, shuffle=True, num_threads=NUM_THREADS, prefetch=PREFETCH)
    meters: dict[int, list[Meter]] = {speed: [] for speed in SPEEDS}
    for _ in range(n_rounds):
        for speed, done in meters.items():
            done.append(_train(loader, WORK.batch_size / speed))
    rows = []
    for speed, done in meters.items():
        at: Place = {"accelerator, patches/s": f"{speed:,}"}
        rows += [
            Row("waiting", "% of the time", at, [meter.waiting_share * 100 for meter in done]),
            Row("waiting for a batch", "us", at, [meter.waiting_s / len(loader) * 1e6 for meter in done]),
            Row("reached", "patches/s", at, [meter.patches_per_s for meter in done]),
        ]
    return Section("waiting", "Waiting for data", TEXT, rows)


def _train(loader: PatchLoader, step_s: float) -> Meter:
    """Train for an epoch without training."""
    meter = Meter(torch.device("cpu"))
    loss = torch.zeros(())
    for batch in meter.batches(loader):
        time.sleep(step_s)
        meter.add(loss, len(batch[0]))
    meter.stop()
    return meter
