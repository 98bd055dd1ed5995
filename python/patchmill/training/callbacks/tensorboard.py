"""TensorBoard as the logger of a training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.config import Configuration
from patchmill.errors import OutputError
from patchmill.training.callbacks.loggers import MetricsLogger, missing_package

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger(MetricsLogger):
    """Writes the events of a training into ``tb_logs``, by epoch: ``tensorboard --logdir`` shows them.

    Raises
    ------
    MissingPackageError
        If the package tensorboard is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            missing = missing_package("tensorboard", error)
            raise missing from error
        self._create = SummaryWriter
        self._writer: Any = None

    def open(self, configuration: Configuration, work_dir: Path, n_ended: int) -> None:
        """Open a file of events, which hides those of another training, and of epochs that are trained again."""
        folder = work_dir / "tb_logs"
        try:
            self._writer = self._create(str(folder), purge_step=n_ended + 1)
        except OSError as error:
            msg = (
                f"{folder}: expected a folder that can be written, got: {error.strerror or error}. Choose another one."
            )
            raise OutputError(msg) from error

    def write(self, epoch: int, scalars: Mapping[str, float], panel: Path | None) -> None:
        """Write the values, on the disk when this returns."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, global_step=epoch)
        if panel is not None:
            self._writer.add_image("validation", _read_png(panel), global_step=epoch, dataformats="HWC")
        self._writer.flush()

    def finish(self, *, has_ended: bool) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


def _read_png(path: Path) -> NDArray[np.uint8]:
    """Return the picture, (Y, X, 3)."""
    from matplotlib.image import imread

    picture: NDArray[np.uint8] = np.rint(imread(path)[..., :3] * 255).astype(np.uint8)
    return picture
