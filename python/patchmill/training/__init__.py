"""Training: the loop, losses, optimizers, devices, checkpoints, and what one sees of it."""

from patchmill.training.checkpoint import Checkpoint, load_checkpoint, restore_weights, save_checkpoint
from patchmill.training.device import choose_device, memory_format
from patchmill.training.history import EpochRecord
from patchmill.training.loop import Trainer
from patchmill.training.losses import create_loss, mae_loss, mse_loss, n2v_loss
from patchmill.training.optimizers import create_lr_scheduler, create_optimizer
from patchmill.training.report import TrainingReport

__all__ = [
    "Checkpoint",
    "EpochRecord",
    "Trainer",
    "TrainingReport",
    "choose_device",
    "create_loss",
    "create_lr_scheduler",
    "create_optimizer",
    "load_checkpoint",
    "mae_loss",
    "memory_format",
    "mse_loss",
    "n2v_loss",
    "restore_weights",
    "save_checkpoint",
]
