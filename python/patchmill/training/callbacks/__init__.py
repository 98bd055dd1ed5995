"""What is told how a training goes: the progress bar, and whatever a user adds."""

from patchmill.training.callbacks.base import Callback, Callbacks, FitStart, ValidationPatches
from patchmill.training.callbacks.factory import create_callbacks
from patchmill.training.callbacks.progress import ProgressBar, ProgressLog

__all__ = ["Callback", "Callbacks", "FitStart", "ProgressBar", "ProgressLog", "ValidationPatches", "create_callbacks"]
