"""What a callback is told."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchmill.config import Configuration
from patchmill.training.history import EpochRecord
from patchmill.training.meter import Meter
from patchmill.training.report import TrainingReport

__all__ = ["Callback", "Callbacks", "FitStart", "ValidationPatches"]


@dataclass(frozen=True)
class FitStart:
    """What is known when a training starts.

    Parameters
    ----------
    configuration : Configuration
        What is trained, with the statistics of the data.
    work_dir : Path
        Where files go.
    num_epochs : int
        Number of epochs of the whole training.
    steps_per_epoch : int
        Number of batches of an epoch.
    history : tuple of EpochRecord
        The epochs that ended before, if the training is resumed.
    steps_done : int
        Number of batches of the epoch after them that were trained on before.
    """

    configuration: Configuration
    work_dir: Path
    num_epochs: int
    steps_per_epoch: int
    history: tuple[EpochRecord, ...] = ()
    steps_done: int = 0


@dataclass(frozen=True)
class ValidationPatches:
    """Some patches of the validation, the same ones in every epoch; normalised, float32, (B, C, [Z,] Y, X).

    Parameters
    ----------
    inputs : numpy.ndarray
        What the network got: for Noise2Void, the masked patches.
    predictions : numpy.ndarray
        What it made of them.
    targets : numpy.ndarray
        What it should have made: for Noise2Void, the patches before masking.
    """

    inputs: NDArray[np.float32]
    predictions: NDArray[np.float32]
    targets: NDArray[np.float32]


class Callback:
    """Is told how a training goes. Each method does nothing until a subclass says what.

    With several processes, only the callbacks of the first one are told. What a callback raises ends the training.
    """

    def on_start(self, start: FitStart) -> None:
        """Take note of the start."""

    def on_step(self, meter: Meter) -> None:
        """Take note of one more batch; `meter` is that of the running epoch."""

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Take note of the end of an epoch; without validation data there are no patches of it."""

    def on_end(self, report: TrainingReport) -> None:
        """Take note of the end of a training that was not broken off."""

    def close(self) -> None:
        """Let go of what is held. Called last and once, however the training ended."""


class Callbacks(Callback):
    """Several callbacks, told one after the other.

    Parameters
    ----------
    callbacks : sequence of Callback
        The callbacks.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = tuple(callbacks)

    def on_start(self, start: FitStart) -> None:
        """Tell all."""
        for callback in self._callbacks:
            callback.on_start(start)

    def on_step(self, meter: Meter) -> None:
        """Tell all."""
        for callback in self._callbacks:
            callback.on_step(meter)

    def on_epoch(self, record: EpochRecord, patches: ValidationPatches | None) -> None:
        """Tell all."""
        for callback in self._callbacks:
            callback.on_epoch(record, patches)

    def on_end(self, report: TrainingReport) -> None:
        """Tell all."""
        for callback in self._callbacks:
            callback.on_end(report)

    def close(self) -> None:
        """Close all, the last one first, also where closing one of them fails."""
        with contextlib.ExitStack() as closing:
            for callback in self._callbacks:
                closing.callback(callback.close)
