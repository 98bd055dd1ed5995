"""What one sees while training runs: a bar on a terminal, a line of the log per epoch elsewhere."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar as Bar
from rich.table import Table
from rich.text import Text

from patchmill.training.callbacks.base import Callback, FitStart, ValidationPatches
from patchmill.training.history import EpochRecord
from patchmill.training.meter import Meter

__all__ = ["ProgressBar", "ProgressLog"]

logger = logging.getLogger("patchmill")

_REFRESH_S = 1.0


class ProgressBar(Callback):
    """A bar over all epochs, the time that remains, and beneath it losses, patches per second, the share of waiting.

    It is drawn once a second at most, between two batches: nothing runs beside the training.

    Parameters
    ----------
    console : Console
        Where it is drawn.
    """

    def __init__(self, console: Console) -> None:
        self._num_epochs = self._n_steps = 0
        self._epoch = 1
        self._done = self._done_before = 0
        self._status = ""
        self._best: EpochRecord | None = None
        self._val_loss: float | None = None
        self._started = self._drawn = time.perf_counter()
        # It draws the last state once more when it stops, also where it could not be drawn over and over.
        self._live = Live(console=console, auto_refresh=False, get_renderable=self._render)

    def on_start(self, start: FitStart) -> None:
        """Draw the bar, as far as the training has come before."""
        self._num_epochs = start.num_epochs
        self._n_steps = start.num_epochs * start.steps_per_epoch
        self._done = self._done_before = len(start.history) * start.steps_per_epoch + start.steps_done
        for record in start.history:
            self._note(record)
        self._started = time.perf_counter()
        self._live.start()
        self._draw()

    def on_step(self, meter: Meter) -> None:
        """Count the batch, and draw the bar if it was long ago: reading the loss waits for the device."""
        self._done += 1
        if time.perf_counter() - self._drawn >= _REFRESH_S:
            self._tell(meter.mean_loss(), meter.patches_per_s, meter.waiting_share)
            self._draw()

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Show the epoch's losses and announce the next one."""
        self._note(record)
        self._draw()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._live.stop()

    def _note(self, record: EpochRecord) -> None:
        self._epoch = record.epoch + 1
        self._val_loss = record.val_loss
        if self._best is None or record.watched_loss < self._best.watched_loss:
            self._best = record
        self._tell(record.train_loss, record.patches_per_s, record.waiting_share)

    def _tell(self, train_loss: float, patches_per_s: float, waiting_share: float) -> None:
        best = None if self._val_loss is None or self._best is None else self._best.watched_loss
        self._status = _status(train_loss, self._val_loss, patches_per_s, waiting_share, best)

    def _draw(self) -> None:
        self._drawn = time.perf_counter()
        self._live.refresh()

    def _render(self) -> Group:
        """Two lines, each cut rather than broken where the terminal is narrow."""
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True, justify="right")
        line.add_row(
            Text(f"Epoch {min(self._epoch, self._num_epochs)}/{self._num_epochs}", style="bold"),
            Bar(total=max(1, self._n_steps), completed=self._done, width=None),
            Text(self._remaining(), style="progress.remaining"),
        )
        return Group(line, Text(self._status, no_wrap=True, overflow="ellipsis"))

    def _remaining(self) -> str:
        """Say how long the rest takes at the pace since the start, validation and checkpoints included."""
        done_now = self._done - self._done_before
        if not done_now:
            return "-:--:-- left"
        pace = (time.perf_counter() - self._started) / done_now
        return f"{timedelta(seconds=round(pace * (self._n_steps - self._done)))} left"


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


def _status(
    train_loss: float, val_loss: float | None, patches_per_s: float, waiting_share: float, best: float | None = None
) -> str:
    parts = [f"loss {_loss(train_loss)}"]
    if val_loss is not None:
        parts.append(f"val {_loss(val_loss)}" + (f" (best {_loss(best)})" if best is not None else ""))
    return ", ".join([*parts, f"{patches_per_s:.0f} patches/s", f"{waiting_share:.0%} waiting"])


def _loss(loss: float) -> str:
    """Write a loss with four places, or with four digits where those would not show it."""
    return f"{loss:.4f}" if loss == 0 or 1e-2 <= abs(loss) < 1e4 else f"{loss:.3e}"
