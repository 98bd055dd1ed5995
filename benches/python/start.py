"""What a data module costs before the first batch: time, and memory beside its data."""

from __future__ import annotations

import time

from datasets import create_config
from figures import Place, Row, Section
from processes import in_fresh_process, memory_bytes, reset_peak
from works import STACK, Source, Work

from patchmill import TrainDataModule

__all__ = ["measure_start"]

WORK = Work("1 GiB", "2D, Noise2Void", Source((512, 1024, 1024), STACK.axes), masking="uniform")

TEXT = f"""\
A training data module for Noise2Void on {WORK.source.axes} {WORK.source.shape} {WORK.source.dtype} in memory, each run
in a process of its own that has imported patchmill and made nothing yet. *Set up*: from the constructor to the end of
`setup()`, statistics and validation split included. *Memory*: the peak of the process (VmHWM) up to there, above what
it was with the array alone. *First batch*: from `train_dataloader()` to a batch of {WORK.batch_size} in hand."""


def measure_start(*, n_rounds: int) -> Section:
    """Measure the start in fresh processes."""
    runs = [in_fresh_process(_start) for _ in range(n_rounds)]
    at: Place = {"data": WORK.name}
    columns = (("set up", "s"), ("memory", "MB"), ("first batch", "ms"))
    rows = [
        Row(what, unit, at, list(figures))
        for (what, unit), figures in zip(columns, zip(*runs, strict=True), strict=True)
    ]
    return Section("start", "Start", TEXT, rows)


def _start() -> tuple[float, float, float]:
    """Return the seconds of the setup, the MB that it took, and the milliseconds of the first batch."""
    array = WORK.source.make()
    reset_peak()
    before = memory_bytes("VmRSS")
    started = time.perf_counter()
    data_module = TrainDataModule(create_config(WORK), train_data=array)
    data_module.prepare_data()
    data_module.setup()
    set_up = time.perf_counter()
    peak = memory_bytes("VmHWM")
    asked = time.perf_counter()
    batches = iter(data_module.train_dataloader())  # kept: to drop it takes time, too
    next(batches)
    return set_up - started, (peak - before) / 1e6, (time.perf_counter() - asked) * 1e3
