"""The network of CAREamics' modules on the processor: how its weights lie, and how its predictions are brought back."""

from __future__ import annotations

from typing import Any

import torch
from careamics.dataset.normalization import MeanStdNormalization
from careamics.models.unet import UNet
from numpy.typing import NDArray

from patchmill.careamics.replacement import Replacement

__all__ = ["lay_out", "replacements"]

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the number of axes of a convolution's weights."""


def lay_out(trainer: Any) -> None:
    """Lay the weights of a UNet channels last if it runs on the processor, where convolutions are faster so.

    Their values, and what checkpoints say, remain the same.

    Parameters
    ----------
    trainer : lightning.Trainer or None
        The trainer of a data module, if it has one.
    """
    network = getattr(getattr(trainer, "lightning_module", None), "model", None)
    if isinstance(network, UNet) and trainer.strategy.root_device.type == "cpu":
        network.to(memory_format=_CHANNELS_LAST[max(parameter.ndim for parameter in network.parameters())])


def replacements() -> list[Replacement]:
    """Return what replaces the arithmetic after the network."""
    return [Replacement(MeanStdNormalization, "_apply_denormalization", _denormalize, "denormalisation of predictions")]


def _denormalize(self: Any, array: torch.Tensor, mean: NDArray[Any], std: NDArray[Any]) -> torch.Tensor:
    """Bring predictions back in one pass, in the place of a product and a sum."""
    means, stds = (torch.from_numpy(values).to(array.device) for values in (mean, std))
    return torch.addcmul(means, array, stds + self.eps)
