"""From losses to steps of the optimizer: mixed precision, accumulation, clipping, the schedule of the learning rate."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.optim import lr_scheduler

from patchmill.config import Configuration
from patchmill.training.optimizers import create_lr_scheduler, create_optimizer

__all__ = ["Updater"]

_DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class Updater:
    """Updates the weights of a network, as a configuration says. It never waits for the device, except with float16.

    Parameters
    ----------
    config : Configuration
        How.
    model : Module
        The network, on the device where it is trained.
    device : torch.device
        That device.
    num_epochs, steps_per_epoch : int
        The length of the training, in steps of the optimizer.

    Attributes
    ----------
    n_steps : int
        The number of steps of the optimizer so far.
    learning_rate : float
        The learning rate of the last one.
    """

    def __init__(
        self,
        config: Configuration,
        model: torch.nn.Module,
        device: torch.device,
        *,
        num_epochs: int,
        steps_per_epoch: int,
    ) -> None:
        self.n_steps = 0
        self._training = config.training_config
        self._device = device
        self._parameters = list(model.parameters())
        self._optimizer = create_optimizer(config.algorithm_config.optimizer, self._parameters)
        schedule = config.algorithm_config.lr_scheduler
        self._scheduler = create_lr_scheduler(
            schedule, self._optimizer, num_epochs=num_epochs, steps_per_epoch=steps_per_epoch
        )
        self.learning_rate = float(self._optimizer.param_groups[0]["lr"])
        self._is_by_step = schedule.name == "WarmupCosine"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._training.precision == "16-mixed")

    def autocast(self) -> AbstractContextManager[Any]:
        """Let the network calculate with the precision that was asked for."""
        dtype = _DTYPES.get(self._training.precision)
        return torch.autocast(self._device.type, dtype=dtype, enabled=dtype is not None)

    def backward(self, loss: torch.Tensor, share: float) -> None:
        """Add the gradients of a loss, which is a share of that of the step."""
        torch.autograd.backward(self._scaler.scale(loss * share if share != 1 else loss))

    def step(self) -> None:
        """Update the weights, and forget the gradients."""
        if self._training.gradient_clip_val is not None:
            self._scaler.unscale_(self._optimizer)
            self._clip(self._training.gradient_clip_val)
        scale = self._scaler.get_scale() if self._scaler.is_enabled() else 1.0
        self.learning_rate = float(self._optimizer.param_groups[0]["lr"])
        self._scaler.step(self._optimizer)
        self._scaler.update()
        # A step whose gradients did not fit into float16 is left out, and the scale is less from then on.
        is_left_out = self._scaler.is_enabled() and self._scaler.get_scale() < scale
        self._optimizer.zero_grad(set_to_none=True)
        self.n_steps += 1
        if self._is_by_step and not is_left_out:
            self._scheduler.step()

    def end_epoch(self, loss: float) -> None:
        """Step the schedules that go by epochs, with the loss that they watch."""
        if isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau):
            self._scheduler.step(loss)
        elif not self._is_by_step:
            self._scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what the next steps depend on."""
        return {
            "n_steps": self.n_steps,
            "learning_rate": self.learning_rate,
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken."""
        self.n_steps, self.learning_rate = state["n_steps"], state["learning_rate"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])

    def _clip(self, limit: float) -> None:
        if self._training.gradient_clip_algorithm == "norm":
            torch.nn.utils.clip_grad_norm_(self._parameters, limit)
        else:
            torch.nn.utils.clip_grad_value_(self._parameters, limit)
