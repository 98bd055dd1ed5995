"""What training and prediction ask of the images: where they are, which channels, what they are normalised by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from patchmill.config.axes import parse_axes
from patchmill.config.base import ConfigModel
from patchmill.config.normalization import MeanStdConfig, Normalization, RangeConfig
from patchmill.config.problems import problem
from patchmill.config.statistics import PerChannel, checked_stds, equality_problems, pair_problems

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["MIN_SIZE", "ImagesConfig", "checked_sizes", "dimension_problems"]

MIN_SIZE = 8
"""Least size of a patch or tile along any axis, in pixels."""


def checked_sizes(sizes: list[int]) -> list[int]:
    """Return the sizes of a patch or tile, if there are 2 or 3 and none is too small.

    Raises
    ------
    ValueError
        If not.
    """
    if len(sizes) not in (2, 3) or min(sizes) < MIN_SIZE:
        msg = (
            f"expected 2 or 3 sizes, (Z)YX, of at least {MIN_SIZE} pixels each, got {sizes}. "
            f"Use, for instance, [64, 64] in 2D or [16, 64, 64] in 3D."
        )
        raise ValueError(msg)
    return sizes


def dimension_problems(field: str, sizes: list[int], axes: str) -> Iterator[InitErrorDetails]:
    """Find out whether there is one size for each axis of space."""
    spatial = "ZYX" if "Z" in axes else "YX"
    if len(sizes) != len(spatial):
        message = (
            f"expected {len(spatial)} sizes, {spatial}, for axes {axes!r}, got {sizes}. "
            f"Change {field}, or the axes; set_3D changes both."
        )
        yield problem(field, message, sizes)


class ImagesConfig(ConfigModel):
    """The fields that `DataConfig` and `InferenceConfig` share."""

    setter: ClassVar[str] = "assign"
    """The method that sets the means and the deviations together."""

    data_type: Literal["array", "tiff", "custom"]
    axes: str
    channels: list[Annotated[int, Field(ge=0)]] | None = None
    normalization: Normalization = MeanStdConfig()
    image_means: PerChannel | None = None
    image_stds: PerChannel | None = None
    batch_size: int = Field(default=1, ge=1)

    @property
    def n_channels(self) -> int | None:
        """The number of channels that the images have after picking; None if only the images know."""
        if "C" not in self.axes:
            return 1
        return None if self.channels is None else len(self.channels)

    @field_validator("data_type", mode="before")
    @classmethod
    def _check_data_type(cls, data_type: Any) -> Any:
        if data_type in ("czi", "zarr"):
            msg = (
                f"expected 'array', 'tiff' or 'custom', got {data_type!r}. Use 'custom', with a read_source_func that "
                f"reads such files."
            )
            raise ValueError(msg)
        return data_type

    @field_validator("axes", mode="before")
    @classmethod
    def _check_axes(cls, axes: Any) -> str:
        return parse_axes(axes)

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: list[int] | None) -> list[int] | None:
        if channels is not None and (not channels or len(set(channels)) < len(channels)):
            msg = f"expected at least one channel, and each once, got {channels}. Use None for all channels."
            raise ValueError(msg)
        return channels

    @field_validator("image_stds", "target_stds", check_fields=False)
    @classmethod
    def _check_stds(cls, stds: list[float] | None) -> list[float] | None:
        return checked_stds(stds)

    def statistics(self) -> Iterator[tuple[str, str, list[float]]]:
        """Yield "image" or "target", and path and value of a field, for each pair of statistics that is given."""
        if self.image_means is not None:
            yield "image", "image_means", self.image_means
        if isinstance(self.normalization, RangeConfig):
            for side, (lower, _, _) in zip(("image", "target"), self.normalization.ranges, strict=True):
                values = getattr(self.normalization, lower)
                if values is not None:
                    yield side, f"normalization.{lower}", values

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        if self.channels is not None and "C" not in self.axes:
            message = f"expected None, because axes {self.axes!r} hold no C, got {self.channels}. Add C to the axes."
            yield problem("channels", message, self.channels)
        for side, field, values in self.statistics():
            if side == "image" and self.channels is not None and len(values) != len(self.channels):
                message = (
                    f"expected one for each of {len(self.channels)} channels (channels), got {len(values)}. "
                    f"Change them, or the channels."
                )
                yield problem(field, message, values)
        yield from self._mean_problems("image")

    def _mean_problems(self, side: str) -> Iterator[InitErrorDetails]:
        """Find what is wrong with the means and deviations of the images, or of the targets."""
        means, stds = ((f"{side}_{kind}", getattr(self, f"{side}_{kind}")) for kind in ("means", "stds"))
        yield from pair_problems(means, stds, f"Set them together, with {self.setter}.")
        given = [(field, values) for field, values in (means, stds) if values is not None]
        if given and self.normalization.name != "mean_std":
            message = (
                f"expected None, because normalization is {self.normalization.name!r}, got {given[0][1]}. "
                f"Leave {means[0]} and {stds[0]} out, or normalise by mean_std."
            )
            yield problem(given[0][0], message, given[0][1])
        elif self.normalization.name == "mean_std" and not self.normalization.per_channel:
            yield from equality_problems(means, stds)
