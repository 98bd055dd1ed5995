"""What the pixels are normalised by: mean and deviation, the range, quantiles, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem
from patchmill.config.statistics import Listed, PerChannel, equality_problems, order_problems, pair_problems

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["MeanStdConfig", "MinMaxConfig", "NoNormConfig", "Normalization", "QuantileConfig", "RangeConfig"]


class MeanStdConfig(ConfigModel):
    """Normalise to a mean of 0 and a standard deviation of 1: ``(x - mean) / (std + 1e-6)``.

    The statistics are fields of `DataConfig`: `image_means`, `image_stds`, `target_means`, `target_stds`.

    Parameters
    ----------
    name : "mean_std"
        Which normalization this is.
    per_channel : bool, default=True
        Whether each channel has statistics of its own, or all share those of all pixels together.
    skip_target : bool, default=False
        Whether the targets are left as they are.
    """

    name: Literal["mean_std"] = "mean_std"
    per_channel: bool = True
    skip_target: bool = False


class RangeConfig(ConfigModel):
    """What the normalizations that send a range of the pixels to 0 to 1 share."""

    ranges: ClassVar[tuple[tuple[str, str, str], ...]]
    """The fields of the lower and the upper ends, and what sets both: of the images, then of the targets."""

    name: str
    per_channel: bool = True
    skip_target: bool = False

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        for lower, upper, setter in self.ranges:
            pairs = (lower, getattr(self, lower)), (upper, getattr(self, upper))
            apart = list(pair_problems(*pairs, f"Set them together, with {setter}."))
            yield from apart or order_problems(*pairs)
            if not self.per_channel:
                yield from equality_problems(*pairs)
        field = self.ranges[-1][0]
        values = getattr(self, field)
        if self.skip_target and values is not None:
            message = f"expected None, because skip_target is True, got {values}. Leave the targets' out."
            yield problem(field, message, values)


class MinMaxConfig(RangeConfig):
    """Send the range from the least to the greatest pixel to 0 to 1.

    Parameters
    ----------
    name : "min_max"
        Which normalization this is.
    per_channel : bool, default=True
        Whether each channel has a range of its own, or all share that of all pixels together.
    skip_target : bool, default=False
        Whether the targets are left as they are.
    input_mins, input_maxes : list of float, optional
        The range of each channel of the images; with ``per_channel=False`` as many equal values as channels. Computed
        from the training data if None. Pixels beyond them end outside 0 to 1.
    target_mins, target_maxes : list of float, optional
        The same for the targets.
    """

    ranges = (
        ("input_mins", "input_maxes", "set_input_range"),
        ("target_mins", "target_maxes", "set_target_range"),
    )

    name: Literal["min_max"] = "min_max"
    input_mins: PerChannel | None = None
    input_maxes: PerChannel | None = None
    target_mins: PerChannel | None = None
    target_maxes: PerChannel | None = None

    def set_input_range(self, mins: Iterable[float], maxes: Iterable[float]) -> None:
        """Set the range of each channel of the images, both ends together.

        Parameters
        ----------
        mins, maxes : iterable of float
            The least and the greatest value of each channel.

        Raises
        ------
        ValidationError
            If there are not as many of either, or a greatest value is not above its least one.
        """
        self.assign(input_mins=list(mins), input_maxes=list(maxes))

    def set_target_range(self, mins: Iterable[float], maxes: Iterable[float]) -> None:
        """Set the range of each channel of the targets, both ends together.

        Parameters
        ----------
        mins, maxes : iterable of float
            The least and the greatest value of each channel.

        Raises
        ------
        ValidationError
            As `set_input_range`, and if the targets are left as they are.
        """
        self.assign(target_mins=list(mins), target_maxes=list(maxes))


_Levels = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Listed]


class QuantileConfig(RangeConfig):
    """Send the range between two quantiles of the pixels to 0 to 1; nothing is cut off.

    Parameters
    ----------
    name : "quantile"
        Which normalization this is.
    per_channel : bool, default=True
        Whether each channel has quantiles of its own, or all share those of all pixels together.
    skip_target : bool, default=False
        Whether the targets are left as they are.
    lower_quantiles, upper_quantiles : list of float, default=[0.01], [0.99]
        The levels, 0 to 1, each upper one above its lower one: one for all channels, or one per channel.
    input_lower_quantile_values, input_upper_quantile_values : list of float, optional
        The quantiles of each channel of the images; with ``per_channel=False`` as many equal values as channels.
        Computed from the training data if None.
    target_lower_quantile_values, target_upper_quantile_values : list of float, optional
        The same for the targets.
    """

    ranges = (
        ("input_lower_quantile_values", "input_upper_quantile_values", "set_input_quantile_values"),
        ("target_lower_quantile_values", "target_upper_quantile_values", "set_target_quantile_values"),
    )

    name: Literal["quantile"] = "quantile"
    lower_quantiles: _Levels = [0.01]
    upper_quantiles: _Levels = [0.99]
    input_lower_quantile_values: PerChannel | None = None
    input_upper_quantile_values: PerChannel | None = None
    target_lower_quantile_values: PerChannel | None = None
    target_upper_quantile_values: PerChannel | None = None

    def set_input_quantile_values(self, lower: Iterable[float], upper: Iterable[float]) -> None:
        """Set the quantiles of each channel of the images, both together.

        Parameters
        ----------
        lower, upper : iterable of float
            The lower and the upper quantile of each channel.

        Raises
        ------
        ValidationError
            If there are not as many of either, or an upper one is not above its lower one.
        """
        self.assign(input_lower_quantile_values=list(lower), input_upper_quantile_values=list(upper))

    def set_target_quantile_values(self, lower: Iterable[float], upper: Iterable[float]) -> None:
        """Set the quantiles of each channel of the targets, both together.

        Parameters
        ----------
        lower, upper : iterable of float
            The lower and the upper quantile of each channel.

        Raises
        ------
        ValidationError
            As `set_input_quantile_values`, and if the targets are left as they are.
        """
        self.assign(target_lower_quantile_values=list(lower), target_upper_quantile_values=list(upper))

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        levels = ("lower_quantiles", self.lower_quantiles), ("upper_quantiles", self.upper_quantiles)
        advice = "Give as many of either: one for all channels, or one per channel."
        apart = list(pair_problems(*levels, advice))
        yield from apart or order_problems(*levels)
        n_levels, values = len(self.lower_quantiles), self.input_lower_quantile_values
        if not self.per_channel and n_levels > 1:
            message = (
                f"expected one level, because per_channel is False, got {self.lower_quantiles}. "
                f"Give one, or set per_channel=True."
            )
            yield problem("lower_quantiles", message, self.lower_quantiles)
        elif not apart and n_levels > 1 and values is not None and len(values) != n_levels:
            message = (
                f"expected one level, or one for each of the {len(values)} channels of input_lower_quantile_values, "
                f"got {self.lower_quantiles}. Change the levels, or the values."
            )
            yield problem("lower_quantiles", message, self.lower_quantiles)


class NoNormConfig(ConfigModel):
    """Leave the pixels as they are.

    Parameters
    ----------
    name : "none"
        Which normalization this is.
    """

    name: Literal["none"] = "none"


Normalization = Annotated[MeanStdConfig | MinMaxConfig | QuantileConfig | NoNormConfig, Field(discriminator="name")]
"""Any of the normalizations; its `name` says which."""
