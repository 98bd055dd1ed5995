"""The network that is trained."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem, refusal

__all__ = ["UNetConfig"]


class UNetConfig(ConfigModel):
    """A UNet in 2D or 3D.

    Parameters
    ----------
    architecture : "UNet"
        Which network this is.
    conv_dims : {2, 3}, default=2
        Dimensions of the convolutions: 3 if the axes hold Z.
    num_classes : int, default=1
        Number of output channels.
    in_channels : int, default=1
        Number of input channels.
    depth : int, default=2
        Number of poolings, 1 to 10. Each halves the patch, whose sizes must be multiples of ``2**depth``.
    num_channels_init : int, default=32
        Number of filters of the first level, even and at least 8. It doubles with each pooling.
    residual : bool, default=False
        Whether the input is added to the output.
    final_activation : {"None", "Sigmoid", "Softmax", "Tanh", "ReLU", "LeakyReLU"}, default="None"
        What follows the last convolution.
    independent_channels : bool, default=True
        Whether each channel is trained on its own, seeing nothing of the others. Then `num_classes` must be a multiple
        of `in_channels`.
    use_batch_norm : bool, default=True
        Whether batch normalisation follows the convolutions.
    """

    architecture: Literal["UNet"] = "UNet"
    conv_dims: Literal[2, 3] = 2
    num_classes: int = Field(default=1, ge=1)
    in_channels: int = Field(default=1, ge=1)
    depth: int = Field(default=2, ge=1, le=10)
    num_channels_init: int = Field(default=32, ge=8, multiple_of=2)
    residual: bool = False
    final_activation: Literal["None", "Sigmoid", "Softmax", "Tanh", "ReLU", "LeakyReLU"] = "None"
    independent_channels: bool = True
    use_batch_norm: bool = True

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        if self.independent_channels and self.num_classes % self.in_channels:
            message = (
                f"expected as many output as input channels ({self.in_channels}), or a multiple of them, because "
                f"independent_channels is True, got {self.num_classes}. Set independent_channels=False to mix channels."
            )
            raise refusal(problem("num_classes", message, self.num_classes))
        return self
