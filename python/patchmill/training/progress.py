"""What one sees while training runs: a bar on a terminal, a line of the log per epoch elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from patchmill.training.history import EpochRecord
from patchmill.training.meter import Meter

__all__ = ["ProgressBar", "ProgressLog", "TrainingProgress", "create_progress"]

logger = logging.getLogger("patchmill")

_REFRESH_S = 1.0


class TrainingProgress(contextlib.AbstractContextManager["TrainingProgress"], Protocol):
    """What the training loop tells of its progress."""

    def step(self, meter: Meter) -> None:
        """Take note of one more batch; `meter` is that of the running epoch."""

    def epoch(self, record: EpochRecord) -> None:
        """Take note of the end of an epoch."""


class ProgressBar(TrainingProgress):
    """A bar over all epochs with losses, patches per second, the share of waiting, and the time that remains.

    Parameters
    ----------
    num_epochs, steps_per_epoch : int
        Length of the training.
    console : Console
        Where it is drawn.
    """

    def __init__(self, num_epochs: int, steps_per_epoch: int, console: Console) -> None:
        self._num_epochs = num_epochs
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task(self._title(1), total=num_epochs * steps_per_epoch, status="")
        self._val_loss: float | None = None
        self._refreshed = time.perf_counter()

    def step(self, meter: Meter) -> None:
        """Move the bar, and once a second its text: reading the loss waits for the device."""
        self._bar.advance(self._task)
        if time.perf_counter() - self._refreshed < _REFRESH_S:
            return
        self._show(meter.mean_loss(), meter.patches_per_s, meter.waiting_share)

    def epoch(self, record: EpochRecord) -> None:
        """Show the epoch's losses and announce the next one."""
        self._val_loss = record.val_loss
        self._show(record.train_loss, record.patches_per_s, record.waiting_share)
        self._bar.update(self._task, description=self._title(min(record.epoch + 1, self._num_epochs)))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def _title(self, epoch: int) -> str:
        return f"Epoch {epoch}/{self._num_epochs}"

    def _show(self, train_loss: float, patches_per_s: float, waiting_share: float) -> None:
        status = _status(train_loss, self._val_loss, patches_per_s, waiting_share)
        self._bar.update(self._task, status=status)
        self._refreshed = time.perf_counter()


class ProgressLog(TrainingProgress):
    """One line of the log ``patchmill`` per epoch, at INFO.

    Parameters
    ----------
    num_epochs : int
        Length of the training.
    """

    def __init__(self, num_epochs: int) -> None:
        self._num_epochs = num_epochs

    def step(self, meter: Meter) -> None:
        """Keep quiet."""

    def epoch(self, record: EpochRecord) -> None:
        """Log the epoch's losses and speed."""
        status = _status(record.train_loss, record.val_loss, record.patches_per_s, record.waiting_share)
        logger.info("Epoch %d/%d: %s", record.epoch, self._num_epochs, status)

    def __exit__(self, *_error: object) -> None:
        """Leave nothing behind."""


def create_progress(show: bool | None, num_epochs: int, steps_per_epoch: int) -> TrainingProgress:  # noqa: FBT001
    """Choose between a bar and lines of the log.

    Parameters
    ----------
    show : bool or None
        Whether a bar is drawn. If None: where standard output is a terminal.
    num_epochs, steps_per_epoch : int
        Length of the training.
    """
    if show is None:
        show = sys.stdout.isatty()
    return ProgressBar(num_epochs, steps_per_epoch, Console()) if show else ProgressLog(num_epochs)


def _status(train_loss: float, val_loss: float | None, patches_per_s: float, waiting_share: float) -> str:
    losses = f"loss {train_loss:.4f}" if val_loss is None else f"loss {train_loss:.4f}, val {val_loss:.4f}"
    return f"{losses}, {patches_per_s:.0f} patches/s, {waiting_share:.0%} waiting"
