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
    """Which checkpoints are kept, for ``lightning.pytorch.callbacks.ModelCheckpoint``.

    Parameters
    ----------
    monitor : str or None, default="val_loss"
        What the best checkpoints are chosen by.
    verbose : bool, default=False
        Whether each checkpoint is reported.
    save_weights_only : bool, default=False
        Whether nothing but the weights is saved.
    save_last : bool, "link" or None, default=True
        Whether the last checkpoint is kept besides the best ones; "link" makes a symbolic link to it.
    save_top_k : int, default=3
        How many of the best checkpoints are kept. 0 for none, -1 for all.
    mode : {"min", "max"}, default="min"
        Whether less or more is better.
    auto_insert_metric_name : bool, default=False
        Whether names of files hold the name of what is monitored.
    every_n_train_steps : int, optional
        How many batches lie between checkpoints. Only one of the three intervals can be given.
    train_time_interval : timedelta, optional
        How much time lies between checkpoints.
    every_n_epochs : int, optional
        How many epochs lie between checkpoints.
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
    """When training ends before its last epoch, for ``lightning.pytorch.callbacks.EarlyStopping``.

    Parameters
    ----------
    monitor : "val_loss"
        What has to improve.
    min_delta : float, default=0.0
        Least change that is an improvement, at least 0.
    patience : int, default=3
        Number of validations without improvement after which training ends, at least 1.
    verbose : bool, default=False
        Whether improvements are reported.
    mode : {"min", "max"}, default="min"
        Whether less or more is better.
    check_finite : bool, default=True
        Whether training ends once the loss is not a finite number.
    stopping_threshold : float, optional
        Training ends once the loss is as good as this.
    divergence_threshold : float, optional
        Training ends once the loss is worse than this.
    check_on_train_epoch_end : bool or None, default=False
        Whether this is looked at after the training of an epoch, and not after its validation.
    log_rank_zero_only : bool, default=False
        Whether only the first process reports.
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
