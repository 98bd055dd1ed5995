"""What is done to a patch before it is trained on: flips, quarter turns, masked pixels, normalization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem, refusal
from patchmill.config.statistics import PerChannel, checked_stds, pair_problems

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = [
    "N2VManipulateConfig",
    "NormalizeConfig",
    "Transform",
    "XYFlipConfig",
    "XYRandomRotate90Config",
]


class _RandomTransform(ConfigModel):
    """What the transforms that draw share: none has a seed of its own."""

    @model_validator(mode="before")
    @classmethod
    def _check_no_seed(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "seed" not in fields:
            return fields
        if fields["seed"] is not None:
            message = (
                f"expected none, because the seed of DataConfig decides every draw, got {fields['seed']!r}. "
                f"Remove it, and set that one."
            )
            raise refusal(problem("seed", message, fields["seed"]))
        return {name: value for name, value in fields.items() if name != "seed"}


class XYFlipConfig(_RandomTransform):
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

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        if not (self.flip_x or self.flip_y):
            message = (
                "expected flip_x or flip_y to be True, got False for both. Leave XYFlipConfig out to flip nothing."
            )
            yield problem("flip_x", message, self.flip_x)


class XYRandomRotate90Config(_RandomTransform):
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


class N2VManipulateConfig(_RandomTransform):
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
    struct_mask_axis : {"none", "horizontal", "vertical", "cross", "square"}, default="none"
        Which pixels around a masked one are hidden besides, for noise that is correlated along lines [3]_: those to
        either side along X, along Y, along both, or the square of all of them in YX. Each gets a value drawn uniformly
        from the range of the patch.
    struct_mask_span : int, default=5
        Length of the lines, or side of the square, in pixels, the masked one included. Odd, 3 to 15.

    References
    ----------
    .. [1] Krull, Buchholz, Jug: "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.
    .. [2] Höck, Buchholz, Brachmann, Jug, Freytag: "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified
       Sampling Strategies and a Tweaked Network Architecture", ECCV Workshops 2022.
    .. [3] Broaddus, Krull, Weigert, Schmidt, Myers: "Removing Structured Noise with Self-Supervised Blind-Spot
       Networks", ISBI 2020.
    """

    name: Literal["N2VManipulate"] = "N2VManipulate"
    roi_size: int = Field(default=11, ge=3, le=21)
    masked_pixel_percentage: float = Field(default=0.2, ge=0.05, le=10)
    strategy: Literal["uniform", "median"] = "uniform"
    struct_mask_axis: Literal["none", "horizontal", "vertical", "cross", "square"] = "none"
    struct_mask_span: int = Field(default=5, ge=3, le=15)

    @field_validator("roi_size", "struct_mask_span")
    @classmethod
    def _check_odd(cls, size: int) -> int:
        if size % 2 == 0:
            msg = f"expected an odd number, so that there is a centre, got {size}. Use {size - 1} or {size + 1}."
            raise ValueError(msg)
        return size


class NormalizeConfig(ConfigModel):
    """Normalise a patch with given statistics: ``(x - mean) / (std + 1e-6)``.

    It is for `Compose`. `DataConfig` has a field for normalization, and none of its transforms.

    Parameters
    ----------
    name : "Normalize"
        Which transform this is.
    image_means, image_stds : list of float
        Mean and standard deviation, at least 0, of each channel of the images.
    target_means, target_stds : list of float, optional
        The same for the targets.
    """

    name: Literal["Normalize"] = "Normalize"
    image_means: PerChannel
    image_stds: PerChannel
    target_means: PerChannel | None = None
    target_stds: PerChannel | None = None

    @field_validator("image_stds", "target_stds")
    @classmethod
    def _check_stds(cls, stds: list[float] | None) -> list[float] | None:
        return checked_stds(stds)

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        advice = "Give one of each per channel."
        yield from pair_problems(("image_means", self.image_means), ("image_stds", self.image_stds), advice)
        yield from pair_problems(("target_means", self.target_means), ("target_stds", self.target_stds), advice)


Transform = Annotated[XYFlipConfig | XYRandomRotate90Config | N2VManipulateConfig, Field(discriminator="name")]
"""Any of the transforms; its `name` says which."""
