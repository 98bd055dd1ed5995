"""The networks."""

from patchmill.models.factory import create_model
from patchmill.models.unet import UNet

__all__ = ["UNet", "create_model"]
