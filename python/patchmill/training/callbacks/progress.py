"""What one sees while training runs: a bar on a terminal, a line of the log per epoch elsewhere."""

from __future__ import annotations

import logging
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from patchmill.training.callbacks.base import Callback, FitStart, ValidationPatches
from patchmill.training.history import EpochRecord
from patchmill.training.meter import Meter

__all__ = ["ProgressBar", "ProgressLog"]

logger = logging.getLogger("patchmill")

_REFRESH_S = 1.0


class ProgressBar(Callback):
    """A bar over all epochs with losses, patches per second, the share of waiting, and the time that remains.

    Parameters
    ----------
    console : Console
        Where it is drawn.
    """

    def __init__(self, console: Console) -> None:
        self._num_epochs = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task("", total=None, status="")
        self._val_loss: float | None = None
        self._refreshed = time.perf_counter()

    def on_start(self, start: FitStart) -> None:
        """Draw the bar, as far as the training has come before."""
        self._num_epochs = start.num_epochs
        n_ended = len(start.history)
        self._bar.update(
            self._task,
            description=self._title(n_ended + 1),
            total=start.num_epochs * start.steps_per_epoch,
            completed=n_ended * start.steps_per_epoch + start.steps_done,
        )
        self._bar.start()

    def on_step(self, meter: Meter) -> None:
        """Move the bar, and once a second its text: reading the loss waits for the device."""
        self._bar.advance(self._task)
        if time.perf_counter() - self._refreshed < _REFRESH_S:
            return
        self._show(meter.mean_loss(), meter.patches_per_s, meter.waiting_share)

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Show the epoch's losses and announce the next one."""
        self._val_loss = record.val_loss
        self._show(record.train_loss, record.patches_per_s, record.waiting_share)
        self._bar.update(self._task, description=self._title(record.epoch + 1))

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def _title(self, epoch: int) -> str:
        return f"Epoch {min(epoch, self._num_epochs)}/{self._num_epochs}"

    def _show(self, train_loss: float, patches_per_s: float, waiting_share: float) -> None:
        status = _status(train_loss, self._val_loss, patches_per_s, waiting_share)
        self._bar.update(self._task, status=status)
        self._refreshed = time.perf_counter()


class ProgressLog(Callback):
    """One line of the log ``patchmill`` per epoch, at INFO."""

    def __init__(self) -> None:
        self._num_epochs = 0

    def on_start(self, start: FitStart) -> None:
        """Take note of the number of epochs."""
        self._num_epochs = start.num_epochs

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Log the epoch's losses and speed."""
        status = _status(record.train_loss, record.val_loss, record.patches_per_s, record.waiting_share)
        logger.info("Epoch %d/%d: %s", record.epoch, self._num_epochs, status)


def _status(train_loss: float, val_loss: float | None, patches_per_s: float, waiting_share: float) -> str:
    losses = f"loss {train_loss:.4f}" if val_loss is None else f"loss {train_loss:.4f}, val {val_loss:.4f}"
    return f"{losses}, {patches_per_s:.0f} patches/s, {waiting_share:.0%} waiting"
