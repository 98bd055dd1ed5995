"""The callbacks that every training has."""

from __future__ import annotations

import sys

import torch
from rich.console import Console

from patchmill.training.callbacks.base import Callback
from patchmill.training.callbacks.pictures import Pictures
from patchmill.training.callbacks.progress import ProgressBar, ProgressLog
from patchmill.training.callbacks.report import ReportFiles

__all__ = ["create_callbacks"]


def create_callbacks(*, device: torch.device, progress: bool | None) -> list[Callback]:
    """Create the callbacks that every training has.

    Parameters
    ----------
    device : torch.device
        What is trained on.
    progress : bool or None
        Whether a progress bar is drawn. If None: where standard output is a terminal. Without it, each epoch logs a
        line at INFO.
    """
    show = sys.stdout.isatty() if progress is None else progress
    # They are closed in the other order, so that the report finds the pictures.
    return [ProgressBar(Console()) if show else ProgressLog(), ReportFiles(device), Pictures()]
