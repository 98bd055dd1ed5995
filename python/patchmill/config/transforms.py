"""What is done to a patch before it is trained on: flips, quarter turns, masked pixels."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem, refusal

__all__ = [
    "N2VManipulateConfig",
    "N2VManipulateModel",
    "Transform",
    "XYFlipConfig",
    "XYFlipModel",
    "XYRandomRotate90Config",
    "XYRandomRotate90Model",
]


class XYFlipConfig(ConfigModel):
    """Flip a patch along one of the allowed axes, chosen at random.

    Parameters
    ----------
    name : "XYFlip"
        Which transform this is.
    flip_x : bool, default=True
        Whether X may be flipped.
    flip_y : bool, default=True
        Whether Y may be flipped.
    p : float, default=0.5
        Probability that a patch is flipped, 0 to 1.
    """

    name: Literal["XYFlip"] = "XYFlip"
    flip_x: bool = True
    flip_y: bool = True
    p: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _check_some_axis(self) -> Self:
        if not (self.flip_x or self.flip_y):
            message = (
                "expected flip_x or flip_y to be True, got False for both. Leave XYFlipConfig out to flip nothing."
            )
            raise refusal(problem("flip_x", message, self.flip_x))
        return self


class XYRandomRotate90Config(ConfigModel):
    """Turn a patch by one, two or three quarter turns in YX, chosen at random.

    Patches that are not square in YX make half turns only.

    Parameters
    ----------
    name : "XYRandomRotate90"
        Which transform this is.
    p : float, default=0.5
        Probability that a patch is turned, 0 to 1.
    """

    name: Literal["XYRandomRotate90"] = "XYRandomRotate90"
    p: float = Field(default=0.5, ge=0, le=1)


class N2VManipulateConfig(ConfigModel):
    """Replace a few pixels of a patch by others near them: the blind spots of Noise2Void [1]_.

    Parameters
    ----------
    name : "N2VManipulate"
        Which transform this is.
    roi_size : int, default=11
        Side, in pixels, of the square (in 3D: cube) around a masked pixel that its replacement comes from. Odd, 3 to
        21.
    masked_pixel_percentage : float, default=0.2
        Share of the pixels that is masked, in percent, 0.05 to 10.
    strategy : {"uniform", "median"}, default="uniform"
        The replacement: a pixel drawn uniformly from the region, as in Noise2Void [1]_, or the median of the region
        without its centre, as in N2V2 [2]_.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    .. [2] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    """

    name: Literal["N2VManipulate"] = "N2VManipulate"
    roi_size: int = Field(default=11, ge=3, le=21)
    masked_pixel_percentage: float = Field(default=0.2, ge=0.05, le=10)
    strategy: Literal["uniform", "median"] = "uniform"

    @field_validator("roi_size")
    @classmethod
    def _check_odd(cls, size: int) -> int:
        if size % 2 == 0:
            msg = f"expected an odd number, so that the region has a centre, got {size}. Use {size - 1} or {size + 1}."
            raise ValueError(msg)
        return size


Transform = Annotated[XYFlipConfig | XYRandomRotate90Config | N2VManipulateConfig, Field(discriminator="name")]
"""Any of the transforms; its `name` says which."""

XYFlipModel = XYFlipConfig
XYRandomRotate90Model = XYRandomRotate90Config
N2VManipulateModel = N2VManipulateConfig
