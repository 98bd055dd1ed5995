"""Which checkpoints a training keeps."""

from __future__ import annotations

import contextlib
import logging
import math
import re
import time
from pathlib import Path
from typing import Any

from patchmill.config import CheckpointConfig
from patchmill.training.history import EpochRecord
from patchmill.training.sealed import write_sealed

__all__ = ["Keeper"]

logger = logging.getLogger("patchmill")

_OURS = re.compile(r"(best|last|training_state|epoch_\d{4,}\S*)\.safetensors")
"""What an earlier training may have left."""

_PARTS = re.compile(r"\..*\.safetensors\.[0-9a-f]+\.part")
"""What a save that was killed may have left."""


class Keeper:
    """Writes the checkpoints that are kept, and removes those that are no more.

    The first one that it writes takes the place of all that an earlier training left in the folder.

    Parameters
    ----------
    folder : Path
        The folder of the checkpoints.
    config : CheckpointConfig
        Which are kept.

    Attributes
    ----------
    best, last, state : Path
        The best checkpoint, the last one, and the state of the training.
    last_epoch : int or None
        The number of epochs that had ended when `last` was written; None if it was not.
    """

    def __init__(self, folder: Path, config: CheckpointConfig) -> None:
        self.best = folder / "best.safetensors"
        self.last = folder / "last.safetensors"
        self.state = folder / "training_state.safetensors"
        self.last_epoch: int | None = None
        self._folder = folder
        self._config = config
        self._is_first = True
        self._best_score = math.inf
        self._scores: dict[str, float] = {}
        self._is_due = False
        self._looked = time.monotonic()

    def is_due(self, n_steps: int) -> bool:
        """Tell whether an interval between checkpoints has passed, after a step of the optimizer."""
        config, now = self._config, time.monotonic()
        if config.every_n_train_steps is not None:
            return n_steps % config.every_n_train_steps == 0
        if config.train_time_interval is None or now - self._looked < config.train_time_interval.total_seconds():
            return False
        self._looked = now
        return True

    def keep_step(self, data: bytes, n_epochs: int, n_steps: int) -> None:
        """Keep what can be kept of a step within an epoch: the rest waits for the validation."""
        self._is_due = True
        if self._config.save_last:
            self.keep_last(data, n_epochs)
        if self._config.save_top_k == -1:
            self._write(self._folder / f"epoch_{n_epochs + 1:04d}_step_{n_steps:06d}.safetensors", data)
        if self._config.monitor is None and self._config.save_top_k != 0:
            self._write(self.best, data)

    def keep_epoch(self, data: bytes, record: EpochRecord) -> None:
        """Keep the checkpoint of an epoch where it is due, as the last one and among the best."""
        every = self._config.every_n_epochs
        by_epochs = self._config.every_n_train_steps is None and self._config.train_time_interval is None
        is_due = record.epoch % (every or 1) == 0 if by_epochs else self._is_due
        self._is_due = False
        if not is_due:
            return
        if self._config.save_last:
            self.keep_last(data, record.epoch)
        self._keep_best(data, record)

    def keep_last(self, data: bytes, n_epochs: int) -> None:
        """Write the last checkpoint, after so many epochs."""
        self._write(self.last, data)
        self.last_epoch = n_epochs

    def finish(self, data: bytes, record: EpochRecord) -> None:
        """Keep the checkpoint that a training ends with."""
        if self.last_epoch != record.epoch:
            self.keep_last(data, record.epoch)
        if self._config.save_top_k != 0 and not self.best.exists():
            self._write(self.best, data)

    def clear(self) -> None:
        """Remove what an earlier training left, before the first file of this one is written."""
        if self._is_first:
            self._remove(_OURS)
            self._remove(_PARTS)
        self._is_first = False

    def state_dict(self) -> dict[str, Any]:
        """Return which checkpoints there are."""
        names = ("last_epoch", "_best_score", "_scores", "_is_due")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the checkpoints that there are."""
        for name, value in state.items():
            setattr(self, name, value)
        self._remove(_PARTS)
        self._is_first = False

    def _remove(self, names: re.Pattern[str]) -> None:
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if names.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _keep_best(self, data: bytes, record: EpochRecord) -> None:
        config = self._config
        score, name = self._score(record), f"epoch_{record.epoch:04d}"
        if config.save_top_k != 0 and (score < self._best_score or not self.best.exists()):
            self._write(self.best, data)
            self._best_score = min(score, self._best_score)
        if config.save_top_k in (0, 1):
            return
        if config.auto_insert_metric_name and config.monitor is not None:
            name += f"-{config.monitor}_{abs(score):.6g}"
        scores = {**self._scores, f"{name}.safetensors": score}
        ranked = sorted(scores, key=lambda name: scores[name])
        kept = ranked if config.save_top_k == -1 else ranked[: config.save_top_k]
        if f"{name}.safetensors" in kept:
            self._write(self._folder / f"{name}.safetensors", data)
        for dropped in self._scores.keys() - set(kept):
            (self._folder / dropped).unlink(missing_ok=True)
        self._scores = {name: scores[name] for name in kept}

    def _score(self, record: EpochRecord) -> float:
        """Return what is less the better a checkpoint is."""
        if self._config.monitor is None:
            return -float(record.epoch)
        loss = record.watched_loss if self._config.monitor == "val_loss" else record.train_loss
        score = loss if self._config.mode == "min" else -loss
        return score if math.isfinite(score) else math.inf

    def _write(self, path: Path, data: bytes) -> None:
        self.clear()
        write_sealed(path, data)
        if self._config.verbose:
            logger.info("Checkpoint: %s", path)
