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


class WarmupCosineParameters(ConfigModel):
    """What the cosine with a warm-up takes."""

    warmup_epochs: int = Field(default=0, ge=0)
    min_lr: float = Field(default=0.0, ge=0)


PARAMETERS: dict[str, type[ConfigModel]] = {
    "ReduceLROnPlateau": ReduceLROnPlateauParameters,
    "StepLR": StepLRParameters,
    "WarmupCosine": WarmupCosineParameters,
}


class LrSchedulerConfig(ConfigModel):
    """A schedule of the learning rate.

    Parameters
    ----------
    name : {"ReduceLROnPlateau", "StepLR", "WarmupCosine"}, default="ReduceLROnPlateau"
        ReduceLROnPlateau and StepLR are those of ``torch.optim.lr_scheduler``, stepped once per epoch; the former
        watches the validation loss or, without validation data, the training loss. WarmupCosine changes the learning
        rate with every step of the optimizer: it rises evenly for ``warmup_epochs`` epochs (0) and then falls to
        ``min_lr`` (0.0) at the end of the last epoch, along half a cosine [1]_.
    parameters : dict, optional
        Its keyword arguments, such as ``{"patience": 5}``; StepLR needs ``step_size``. torch's own defaults hold for
        what is left out.

    References
    ----------
    .. [1] Loshchilov, Hutter: "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
    """

    name: Literal["ReduceLROnPlateau", "StepLR", "WarmupCosine"] = "ReduceLROnPlateau"
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        self.__dict__["parameters"] = checked_parameters(self.name, PARAMETERS[self.name], self.parameters)
        return self
