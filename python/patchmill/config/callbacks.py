"""Which checkpoints are kept, and when training ends early; the fields are the arguments of Lightning's callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["CheckpointConfig", "EarlyStoppingConfig"]


class CheckpointConfig(ConfigModel):
    """Which checkpoints are kept: by patchmill's trainer, or by ``lightning.pytorch.callbacks.ModelCheckpoint``.

    patchmill's trainer keeps ``best.safetensors`` and ``last.safetensors``, and further ones as asked for here.

    Parameters
    ----------
    monitor : str or None, default="val_loss"
        What the best checkpoints are chosen by: "val_loss" (without validation data, the training loss) or
        "train_loss", of the epoch. If None, the newest is the best.
    verbose : bool, default=False
        Whether each checkpoint is reported.
    save_weights_only : bool, default=False
        Whether nothing but the weights is saved, so that training cannot be resumed.
    save_last : bool, "link" or None, default=True
        Whether the last checkpoint is kept up to date. Otherwise patchmill's trainer writes it only when training
        ends. Lightning alone knows "link", which makes a symbolic link to it.
    save_top_k : int, default=3
        How many of the best epochs have a checkpoint of their own, ``epoch_0007.safetensors``; none for 1, where
        ``best.safetensors`` is enough. 0 for none at all, -1 for all epochs.
    mode : {"min", "max"}, default="min"
        Whether less or more is better.
    auto_insert_metric_name : bool, default=False
        Whether names of files hold the name and the value of what is monitored.
    every_n_train_steps : int, optional
        How many steps of the optimizer lie between checkpoints. Only one of the three intervals can be given. What has
        to be validated first is kept at the end of the epoch.
    train_time_interval : timedelta, optional
        How much time lies between checkpoints.
    every_n_epochs : int, optional
        How many epochs lie between checkpoints. One, if no interval is given.
    """

    monitor: str | None = "val_loss"
    verbose: bool = False
    save_weights_only: bool = False
    save_last: Literal[True, False, "link"] | None = True
    save_top_k: int = Field(default=3, ge=-1)
    mode: Literal["min", "max"] = "min"
    auto_insert_metric_name: bool = False
    every_n_train_steps: int | None = Field(default=None, ge=1)
    train_time_interval: timedelta | None = Field(default=None, gt=timedelta(0))
    every_n_epochs: int | None = Field(default=None, ge=1)

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        intervals = ("every_n_train_steps", "train_time_interval", "every_n_epochs")
        given = [name for name in intervals if getattr(self, name) is not None]
        if len(given) > 1:
            message = f"expected at most one of {', '.join(intervals)}, got {' and '.join(given)}. Keep one."
            yield problem(given[-1], message, getattr(self, given[-1]))
        if self.monitor is None and self.save_top_k > 1:
            message = f"expected -1, 0 or 1, because monitor is None, got {self.save_top_k}. Monitor 'val_loss'."
            yield problem("save_top_k", message, self.save_top_k)


class EarlyStoppingConfig(ConfigModel):
    """When training ends before its last epoch: the arguments of ``lightning.pytorch.callbacks.EarlyStopping``.

    Parameters
    ----------
    monitor : "val_loss"
        What has to improve. patchmill's trainer takes the training loss where there is no validation data.
    min_delta : float, default=0.0
        Least change that is an improvement, at least 0.
    patience : int, default=3
        Number of validations without improvement after which training ends, at least 1.
    verbose : bool, default=False
        Whether improvements are reported.
    mode : {"min", "max"}, default="min"
        Whether less or more is better.
    check_finite : bool, default=True
        Whether a validation loss that is not a finite number ends training. For patchmill's trainer that is an error,
        and it is one if there is no early stopping at all; otherwise it counts as no improvement.
    stopping_threshold : float, optional
        Training ends once the loss is better than this.
    divergence_threshold : float, optional
        Training ends once the loss is worse than this.
    check_on_train_epoch_end : bool or None, default=False
        Whether Lightning looks at this after the training of an epoch, and not after its validation. patchmill's
        trainer looks once an epoch, after both.
    log_rank_zero_only : bool, default=False
        Whether only the first of Lightning's processes reports. Of patchmill's, only the first one ever does.
    """

    monitor: Literal["val_loss"] = "val_loss"
    min_delta: float = Field(default=0.0, ge=0)
    patience: int = Field(default=3, ge=1)
    verbose: bool = False
    mode: Literal["min", "max"] = "min"
    check_finite: bool = True
    stopping_threshold: float | None = None
    divergence_threshold: float | None = None
    check_on_train_epoch_end: bool | None = False
    log_rank_zero_only: bool = False
