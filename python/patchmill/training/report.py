"""What a training came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from patchmill.training.history import EpochRecord

__all__ = ["TrainingReport"]


@dataclass(frozen=True)
class TrainingReport:
    """What a training came to.

    Parameters
    ----------
    history : tuple of EpochRecord
        Losses and speed of each epoch.
    patches_per_s : float
        Training patches per second of training, validation and checkpoints aside.
    waiting_share : float
        Share of the same time that training waited for its next batch, 0 to 1. An accelerator may have had work left
        to do meanwhile, so that it stood still for less.
    seconds : float
        Time of everything, from the call to the report.
    best : Path
        Checkpoint of the epoch with the least validation loss.
    last : Path
        Checkpoint of the last epoch.
    """

    history: tuple[EpochRecord, ...]
    patches_per_s: float
    waiting_share: float
    seconds: float
    best: Path
    last: Path

    @classmethod
    def from_history(cls, history: list[EpochRecord], *, seconds: float, best: Path, last: Path) -> TrainingReport:
        """Sum up the epochs. Without any, nothing was done in no time."""
        training_s = sum(record.seconds for record in history) or 1.0
        return cls(
            history=tuple(history),
            patches_per_s=sum(record.patches_per_s * record.seconds for record in history) / training_s,
            waiting_share=sum(record.waiting_share * record.seconds for record in history) / training_s,
            seconds=seconds,
            best=best,
            last=last,
        )
