"""How fast a training is, measured over a few of its steps."""

from __future__ import annotations

import math
import time

from patchmill.training.callbacks.base import Callback, ValidationPatches
from patchmill.training.history import EpochRecord
from patchmill.training.meter import Meter

__all__ = ["Enough", "Stopwatch"]

WARM_UP = 3
"""How many steps of a training are not counted: they allocate, and choose kernels."""


class Enough(Exception):  # noqa: N818 - nothing went wrong
    """Ends a training that was measured."""


class Stopwatch(Callback):
    """Measures runs of a few steps of a training, or its epochs if they are shorter, and ends it.

    Parameters
    ----------
    seconds : float
        How long is measured.
    n_runs : int
        How many runs there are in that time, if steps are short.

    Attributes
    ----------
    runs : list of (float, float)
        Of each run: patches per second, and the share of the time that training waited for data.
    """

    def __init__(self, seconds: float, *, n_runs: int) -> None:
        self.runs: list[tuple[float, float]] = []
        self._of_run = seconds / n_runs
        self._seconds = seconds
        self._n_steps = 0
        self._n_before = 0
        self._start: tuple[float, int, float] | None = None
        self._end = math.inf

    def on_step(self, meter: Meter) -> None:
        """Take note of a run that has ended."""
        self._n_steps += 1
        if self._n_steps < WARM_UP:
            return
        if self._start is None:
            self._begin(meter)
        elif time.perf_counter() - self._start[0] >= self._of_run:
            started, n_patches, waiting_s = self._start
            self._begin(meter)
            ended, n_patches_now, waiting_s_now = self._start
            seconds = ended - started
            self.runs.append(((n_patches_now - n_patches) / seconds, (waiting_s_now - waiting_s) / seconds))
        self._end_if_enough()

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Take note of an epoch that was too short for a run; the first has the steps that are not counted."""
        if record.epoch > 1 and len(self.runs) == self._n_before:
            self.runs.append((record.patches_per_s, record.waiting_share))
        self._n_before = len(self.runs)
        self._start = None
        self._end_if_enough()

    def _begin(self, meter: Meter) -> None:
        meter.mean_loss()  # waits for the device
        self._start = time.perf_counter(), meter.n_patches, meter.waiting_s
        self._end = min(self._end, self._start[0] + self._seconds)

    def _end_if_enough(self) -> None:
        if self.runs and time.perf_counter() >= self._end:
            raise Enough
