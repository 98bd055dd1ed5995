"""Optimizers and schedules of the learning rate, from their configurations."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.optim import lr_scheduler

from patchmill.config import LrSchedulerConfig, OptimizerConfig

__all__ = ["create_lr_scheduler", "create_optimizer"]


def create_optimizer(config: OptimizerConfig, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Create an optimizer of torch.

    Parameters
    ----------
    config : OptimizerConfig
        Its name and its keyword arguments.
    parameters : iterable of Parameter
        What it optimises.
    """
    optimizer: torch.optim.Optimizer = getattr(torch.optim, config.name)(parameters, **config.parameters)
    return optimizer


def create_lr_scheduler(config: LrSchedulerConfig, optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    """Create a learning-rate scheduler of torch, to be stepped once per epoch.

    Parameters
    ----------
    config : LrSchedulerConfig
        Its name and its keyword arguments.
    optimizer : Optimizer
        Whose learning rate it sets.
    """
    scheduler: lr_scheduler.LRScheduler = getattr(lr_scheduler, config.name)(optimizer, **config.parameters)
    return scheduler
