"""The network that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

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
    n2v2 : bool, default=False
        Whether the network is that of N2V2 [1]_: it blurs what it pools, and has no skip connection at its top level.
        Noise2Void only; with `N2VManipulateConfig.strategy` "median" it is N2V2.
    independent_channels : bool, default=True
        Whether each channel is trained on its own, seeing nothing of the others. Then `num_classes` must be a multiple
        of `in_channels`.
    use_batch_norm : bool, default=True
        Whether batch normalisation follows the convolutions.

    References
    ----------
    .. [1] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    """

    architecture: Literal["UNet"] = "UNet"
    conv_dims: Literal[2, 3] = 2
    num_classes: int = Field(default=1, ge=1)
    in_channels: int = Field(default=1, ge=1)
    depth: int = Field(default=2, ge=1, le=10)
    num_channels_init: int = Field(default=32, ge=8, multiple_of=2)
    residual: bool = False
    final_activation: Literal["None", "Sigmoid", "Softmax", "Tanh", "ReLU", "LeakyReLU"] = "None"
    n2v2: bool = False
    independent_channels: bool = True
    use_batch_norm: bool = True

    def set_3D(self, is_3D: bool) -> None:  # noqa: FBT001, N802, N803 - as in CAREamics
        """Set the dimensions of the convolutions.

        Parameters
        ----------
        is_3D : bool
            Whether they are 3, or 2.
        """
        self.conv_dims = 3 if is_3D else 2

    def is_3D(self) -> bool:  # noqa: N802 - as in CAREamics
        """Return whether the convolutions are 3D."""
        return self.conv_dims == 3

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        if self.independent_channels and self.num_classes % self.in_channels:
            message = (
                f"expected as many output as input channels ({self.in_channels}), or a multiple of them, because "
                f"independent_channels is True, got {self.num_classes}. Set independent_channels=False to mix channels."
            )
            yield problem("num_classes", message, self.num_classes)
