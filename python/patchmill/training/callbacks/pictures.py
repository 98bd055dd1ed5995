"""Pictures of a training: what the network makes of some patches, and the losses."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import MissingPackageError
from patchmill.plotting import check_matplotlib, plot_losses, plot_panel, shown_planes
from patchmill.training.callbacks.base import Callback, FitStart, ValidationPatches
from patchmill.training.history import EpochRecord
from patchmill.training.report import TrainingReport

__all__ = ["Pictures", "is_picture_epoch", "panel_path"]

logger = logging.getLogger("patchmill")

LOSSES_EVERY_S = 10.0
"""How long no losses.png follows the one before, unless the training ends."""

_PANEL = re.compile(r"epoch_(\d{4,})\.png")


def panel_path(work_dir: Path, epoch: int) -> Path:
    """Return where the panel of an epoch is, if it has one."""
    return work_dir / "panels" / f"epoch_{epoch:04d}.png"


def is_picture_epoch(epoch: int) -> bool:
    """Whether an epoch gets pictures whatever it comes to: 1, 2, 3, 5, 8, 12, 18, ..., each half as much again."""
    shown = 1
    while shown < epoch:
        shown = max(shown + 1, -(-shown * 3 // 2))
    return shown == epoch


class Pictures(Callback):
    """Draws ``panels/epoch_0001.png`` and so on, and ``losses.png``, if matplotlib is installed.

    A panel shows up to four patches of the validation: what the network gets, what it makes of them, and what it should
    make. The epochs 1, 2, 3, 5, 8, 12, 18, ... have one, and so have the best one and the last one when the training
    ends. Ten thousand epochs come to 24 panels, of about a tenth of a second each, which count in no epoch's time.

    A picture that cannot be drawn is logged, and ends no training.
    """

    def __init__(self) -> None:
        self._work_dir: Path | None = None
        self._num_epochs = 0
        self._names = ("input", "prediction", "target")
        self._history: list[EpochRecord] = []
        self._best: EpochRecord | None = None
        # By epoch, what is to be drawn when the training ends: of the best one and of the last one.
        self._kept: dict[int, Mapping[str, NDArray[np.float32]]] = {}
        self._losses_drawn = False
        self._losses_next = time.monotonic()
        self._has_failed = False

    def on_start(self, start: FitStart) -> None:
        """Remove the panels of another training, or of epochs that are trained again."""
        try:
            check_matplotlib()
        except MissingPackageError as error:
            logger.info("No panels and no losses.png: %s", error)
            return
        self._work_dir, self._num_epochs = start.work_dir, start.num_epochs
        if start.configuration.algorithm_config.algorithm == "n2v":
            self._names = ("masked", "prediction", "original")
        self._history = list(start.history)
        self._best = min(start.history, key=lambda record: record.watched_loss, default=None)
        try:
            for path in sorted(start.work_dir.glob("panels/epoch_*.png")):
                found = _PANEL.fullmatch(path.name)
                if found and int(found[1]) > len(start.history):
                    path.unlink()
        except OSError as error:
            self._warn(error)

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Draw the panel and the losses, if it is such an epoch."""
        if self._work_dir is None:
            return
        self._history.append(record)
        self._losses_drawn = False
        if self._best is None or record.watched_loss < self._best.watched_loss:
            self._best = record
        self._kept = {epoch: parts for epoch, parts in self._kept.items() if epoch == self._best.epoch}
        if patches is not None:
            parts = (patches.inputs, patches.predictions, patches.targets)
            self._kept[record.epoch] = {name: shown_planes(part) for name, part in zip(self._names, parts, strict=True)}
        if is_picture_epoch(record.epoch):
            self._draw([record])
            if time.monotonic() >= self._losses_next:
                self._draw_losses()

    def on_end(self, report: TrainingReport) -> None:
        """Draw the panels of the best epoch and of the last one, and the losses."""
        self._draw_last()

    def close(self) -> None:
        """Draw them also where the training was broken off."""
        self._draw_last()

    def _draw_last(self) -> None:
        self._draw([record for record in (self._best, *self._history[-1:]) if record is not None])
        self._draw_losses()

    def _draw(self, records: list[EpochRecord]) -> None:
        """Draw the panels of some epochs, where they are not there and the patches are."""
        if self._work_dir is None:
            return
        try:
            for record in records:
                parts = self._kept.get(record.epoch)
                path = panel_path(self._work_dir, record.epoch)
                if parts is not None and not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    title = f"Epoch {record.epoch} of {self._num_epochs}"
                    plot_panel(parts, path, title=title, caption=f"validation loss {record.watched_loss:.4g}")
        except Exception as error:  # no picture is worth the hours that a training took
            self._warn(error)

    def _draw_losses(self) -> None:
        if self._work_dir is None or self._losses_drawn or not self._history:
            return
        try:
            plot_losses([asdict(record) for record in self._history], self._work_dir / "losses.png")
        except Exception as error:  # as above
            self._warn(error)
        self._losses_drawn = True
        self._losses_next = time.monotonic() + LOSSES_EVERY_S

    def _warn(self, error: Exception) -> None:
        """Log the first failure: the next ones are most likely the same."""
        if not self._has_failed:
            logger.warning("Pictures of the training: %s", error)
        self._has_failed = True
