"""How long is trained."""

from __future__ import annotations

from pydantic import Field

from patchmill.config.base import ConfigModel

__all__ = ["TrainingConfig"]


class TrainingConfig(ConfigModel):
    """The length of a training.

    Parameters
    ----------
    num_epochs : int, default=100
        Number of epochs, at least 1.
    num_steps : int, optional
        Most batches that an epoch takes, at least 1. All of them if None.
    """

    num_epochs: int = Field(default=100, ge=1)
    num_steps: int | None = Field(default=None, ge=1)
