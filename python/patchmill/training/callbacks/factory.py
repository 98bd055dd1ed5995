"""The callbacks that every training has."""

from __future__ import annotations

import sys

import torch
from rich.console import Console

from patchmill.config import Configuration
from patchmill.training.callbacks.base import Callback
from patchmill.training.callbacks.pictures import Pictures
from patchmill.training.callbacks.progress import ProgressBar, ProgressLog
from patchmill.training.callbacks.report import ReportFiles
from patchmill.training.callbacks.tensorboard import TensorBoardLogger
from patchmill.training.callbacks.wandb import WandbLogger

__all__ = ["create_callbacks"]

_LOGGERS = {"tensorboard": TensorBoardLogger, "wandb": WandbLogger}


def create_callbacks(config: Configuration, *, device: torch.device, progress: bool | None) -> list[Callback]:
    """Create the callbacks that every training has.

    Parameters
    ----------
    config : Configuration
        What is trained; its logger is one of them.
    device : torch.device
        What is trained on.
    progress : bool or None
        Whether a progress bar is drawn. If None: where standard output is a terminal. Without it, each epoch logs a
        line at INFO.

    Raises
    ------
    MissingPackageError
        If the logger needs a package that is not installed.
    """
    show = sys.stdout.isatty() if progress is None else progress
    callbacks: list[Callback] = [ProgressBar(Console()) if show else ProgressLog(), ReportFiles(device), Pictures()]
    name = config.training_config.logger
    # They are told in this order and closed in the other one, so that the logger and the report find the pictures.
    return callbacks if name is None else [*callbacks, _LOGGERS[name]()]
