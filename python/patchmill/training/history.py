"""What each epoch came to, in memory and as losses.csv."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from patchmill.errors import OutputError

__all__ = ["EpochRecord", "LossesFile"]


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to.

    Parameters
    ----------
    epoch : int
        Number of the epoch, from 1.
    train_loss : float
        Loss of the training patches, while the weights changed: the batches' mean, weighted by their patches.
    val_loss : float or None
        Loss of the validation patches after the epoch. None without validation data.
    learning_rate : float
        The learning rate during the epoch.
    seconds : float
        Time that training took, validation and checkpoints aside.
    patches_per_s : float
        Training patches per second.
    waiting_share : float
        Share of `seconds` that training waited for its next batch, 0 to 1.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    learning_rate: float
    seconds: float
    patches_per_s: float
    waiting_share: float

    @property
    def watched_loss(self) -> float:
        """The loss that decides which epoch is best: of validation, or of training where there is no validation."""
        return self.train_loss if self.val_loss is None else self.val_loss


class LossesFile:
    """A CSV file with one line per epoch, each on its way to the disk as soon as it is known. A context manager.

    Parameters
    ----------
    path : path
        The file, replaced if it is there. Folders on the way are made.
    history : sequence of EpochRecord, optional
        Epochs that ended before, whose lines come first.

    Raises
    ------
    OutputError
        If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], history: Sequence[EpochRecord] = ()) -> None:
        self._path = Path(path)
        with self._as_output_error():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8", newline="", buffering=1)
            self._writer = csv.DictWriter(self._file, [field.name for field in fields(EpochRecord)])
            self._writer.writeheader()
        for record in history:
            self.append(record)

    def append(self, record: EpochRecord) -> None:
        """Write the line of one epoch. A missing validation loss is left empty."""
        with self._as_output_error():
            self._writer.writerow(asdict(record))

    @contextlib.contextmanager
    def _as_output_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            msg = f"{self._path}: expected a file that can be written, got {error.strerror}. Choose another folder."
            raise OutputError(msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
