"""The callbacks that every training has."""

from __future__ import annotations

import sys

from rich.console import Console

from patchmill.training.callbacks.base import Callback
from patchmill.training.callbacks.progress import ProgressBar, ProgressLog

__all__ = ["create_callbacks"]


def create_callbacks(*, progress: bool | None) -> list[Callback]:
    """Create the callbacks that every training has.

    Parameters
    ----------
    progress : bool or None
        Whether a progress bar is drawn. If None: where standard output is a terminal. Without it, each epoch logs a
        line at INFO.
    """
    show = sys.stdout.isatty() if progress is None else progress
    return [ProgressBar(Console()) if show else ProgressLog()]
