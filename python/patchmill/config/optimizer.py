"""The optimizer, by the names that torch gives it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from patchmill.config.base import ConfigModel
from patchmill.config.parameters import checked_parameters
from patchmill.config.problems import problem, refusal

__all__ = ["OptimizerConfig"]

_Positive = Annotated[float, Field(gt=0)]
_NonNegative = Annotated[float, Field(ge=0)]
_Decay = Annotated[float, Field(ge=0, lt=1)]


class AdamParameters(ConfigModel):
    """What ``torch.optim.Adam`` takes."""

    lr: _Positive = 1e-3
    betas: tuple[_Decay, _Decay] = (0.9, 0.999)
    eps: _NonNegative = 1e-8
    weight_decay: _NonNegative = 0.0
    amsgrad: bool = False
    foreach: bool | None = None
    fused: bool | None = None


class AdamWParameters(AdamParameters):
    """What ``torch.optim.AdamW`` takes."""

    weight_decay: _NonNegative = 1e-2


class AdamaxParameters(ConfigModel):
    """What ``torch.optim.Adamax`` takes."""

    lr: _Positive = 2e-3
    betas: tuple[_Decay, _Decay] = (0.9, 0.999)
    eps: _NonNegative = 1e-8
    weight_decay: _NonNegative = 0.0
    foreach: bool | None = None


class SGDParameters(ConfigModel):
    """What ``torch.optim.SGD`` takes."""

    lr: _Positive = 1e-3
    momentum: _NonNegative = 0.0
    dampening: float = 0.0
    weight_decay: _NonNegative = 0.0
    nesterov: bool = False
    foreach: bool | None = None
    fused: bool | None = None

    @model_validator(mode="after")
    def _check_nesterov(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            message = (
                f"expected a momentum above 0 and no dampening, got momentum {self.momentum} and dampening "
                f"{self.dampening}. Set momentum, such as 0.9, or leave nesterov out."
            )
            raise refusal(problem("nesterov", message, self.nesterov))
        return self


PARAMETERS: dict[str, type[ConfigModel]] = {
    "Adam": AdamParameters,
    "AdamW": AdamWParameters,
    "Adamax": AdamaxParameters,
    "SGD": SGDParameters,
}


class OptimizerConfig(ConfigModel):
    """An optimizer of torch.

    Parameters
    ----------
    name : {"Adam", "AdamW", "Adamax", "SGD"}, default="Adam"
        Its name in ``torch.optim``.
    parameters : dict, optional
        Its keyword arguments, such as ``{"lr": 1e-4}``. torch's own defaults hold for what is left out.
    """

    name: Literal["Adam", "AdamW", "Adamax", "SGD"] = "Adam"
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        self.__dict__["parameters"] = checked_parameters(self.name, PARAMETERS[self.name], self.parameters)
        return self
