"""What is told how a training goes: the progress bar, pictures, the report, loggers, and whatever a user adds."""

from patchmill.training.callbacks.base import Callback, Callbacks, FitStart, ValidationPatches
from patchmill.training.callbacks.factory import create_callbacks
from patchmill.training.callbacks.pictures import Pictures
from patchmill.training.callbacks.progress import ProgressBar, ProgressLog
from patchmill.training.callbacks.report import ReportFiles
from patchmill.training.callbacks.tensorboard import TensorBoardLogger
from patchmill.training.callbacks.wandb import WandbLogger

__all__ = [
    "Callback",
    "Callbacks",
    "FitStart",
    "Pictures",
    "ProgressBar",
    "ProgressLog",
    "ReportFiles",
    "TensorBoardLogger",
    "ValidationPatches",
    "WandbLogger",
    "create_callbacks",
]
