"""From a configured network to a network."""

from __future__ import annotations

from patchmill.config import UNetConfig
from patchmill.models.unet import UNet

__all__ = ["create_model"]


def create_model(config: UNetConfig) -> UNet:
    """Create the network that a configuration describes, with random weights from torch's global generator.

    Parameters
    ----------
    config : UNetConfig
        The network.

    Raises
    ------
    ConfigError
        If its input and output channels do not fit together.
    """
    return UNet(**config.model_dump(exclude={"architecture"}))
