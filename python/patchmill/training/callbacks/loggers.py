"""What TensorBoard and W&B have in common as loggers of a training."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from patchmill.config import Configuration
from patchmill.errors import MissingPackageError
from patchmill.training.callbacks.base import Callback, FitStart, ValidationPatches
from patchmill.training.callbacks.pictures import panel_path
from patchmill.training.history import EpochRecord
from patchmill.training.report import TrainingReport

__all__ = ["MetricsLogger", "missing_package"]

logger = logging.getLogger("patchmill")

SCALARS = ("train_loss", "val_loss", "learning_rate", "patches_per_s", "waiting_share")


class MetricsLogger(Callback, ABC):
    """Passes on losses, learning rate and speed of each epoch, and its panel if `Pictures` drew one before.

    What fails while a training goes on is logged once, and ends no training; what fails at its start does.
    """

    def __init__(self) -> None:
        self._work_dir: Path | None = None
        self._with_panel = 0  # the last epoch whose panel was written
        self._has_ended = False
        self._has_failed = False

    @abstractmethod
    def open(self, configuration: Configuration, work_dir: Path, n_ended: int) -> None:
        """Begin a run, or go on with that of the training that is resumed after so many epochs."""

    @abstractmethod
    def write(self, epoch: int, scalars: Mapping[str, float], panel: Path | None) -> None:
        """Write the values of an epoch, and its panel, a PNG file, if it has one."""

    @abstractmethod
    def finish(self, *, has_ended: bool) -> None:
        """End the run, of a training that has ended or was broken off."""

    def on_start(self, start: FitStart) -> None:
        """Begin the run."""
        self._work_dir = start.work_dir
        self.open(start.configuration, start.work_dir, len(start.history))

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Write the values of the epoch, without those that there are none of."""
        values = {name: getattr(record, name) for name in SCALARS}
        scalars = {name: value for name, value in values.items() if value is not None}
        self._write(record.epoch, scalars)

    def on_end(self, report: TrainingReport) -> None:
        """Pass on the panel of the last epoch, which may have been drawn only now."""
        self._has_ended = True
        if report.history and self._with_panel < report.history[-1].epoch:
            self._write(report.history[-1].epoch, {})

    def close(self) -> None:
        """End the run."""
        if self._work_dir is not None:
            self._attempt(lambda: self.finish(has_ended=self._has_ended))

    def _write(self, epoch: int, scalars: Mapping[str, float]) -> None:
        if self._work_dir is None:
            return
        path = panel_path(self._work_dir, epoch)
        panel = path if path.is_file() else None
        if panel is not None:
            self._with_panel = epoch
        if scalars or panel is not None:
            self._attempt(lambda: self.write(epoch, scalars, panel))

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # no log is worth the hours that a training took
            if not self._has_failed:
                logger.warning("%s: %s", type(self).__name__, error)
            self._has_failed = True


def missing_package(logger: Literal["tensorboard", "wandb"], error: ImportError) -> MissingPackageError:
    """Say what has to be installed for a logger."""
    return MissingPackageError(
        f"training_config.logger: expected the package {logger} for {logger!r}, got {error}. Run: "
        f"pip install 'patchmill[{logger}]'. Or set logger to None: losses.csv and the report are written anyway."
    )
