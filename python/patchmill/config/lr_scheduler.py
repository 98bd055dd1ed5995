"""The schedule of the learning rate, by the names that torch gives it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from patchmill.config.base import ConfigModel
from patchmill.config.parameters import checked_parameters

__all__ = ["LrSchedulerConfig"]


class ReduceLROnPlateauParameters(ConfigModel):
    """What ``torch.optim.lr_scheduler.ReduceLROnPlateau`` takes; it watches a loss, so its mode is "min"."""

    mode: Literal["min"] = "min"
    factor: float = Field(default=0.1, gt=0, lt=1)
    patience: int = Field(default=10, ge=0)
    threshold: float = Field(default=1e-4, ge=0)
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = Field(default=0, ge=0)
    min_lr: float = Field(default=0.0, ge=0)
    eps: float = Field(default=1e-8, ge=0)


class StepLRParameters(ConfigModel):
    """What ``torch.optim.lr_scheduler.StepLR`` takes."""

    step_size: int = Field(ge=1)
    gamma: float = Field(default=0.1, gt=0)


PARAMETERS: dict[str, type[ConfigModel]] = {
    "ReduceLROnPlateau": ReduceLROnPlateauParameters,
    "StepLR": StepLRParameters,
}


class LrSchedulerConfig(ConfigModel):
    """A learning-rate scheduler of torch, stepped once per epoch.

    Parameters
    ----------
    name : {"ReduceLROnPlateau", "StepLR"}, default="ReduceLROnPlateau"
        Its name in ``torch.optim.lr_scheduler``. ReduceLROnPlateau watches the validation loss.
    parameters : dict, optional
        Its keyword arguments, such as ``{"patience": 5}``; StepLR needs ``step_size``. torch's own defaults hold for
        what is left out.
    """

    name: Literal["ReduceLROnPlateau", "StepLR"] = "ReduceLROnPlateau"
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        self.__dict__["parameters"] = checked_parameters(self.name, PARAMETERS[self.name], self.parameters)
        return self
