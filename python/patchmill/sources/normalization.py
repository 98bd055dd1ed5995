"""Normalisation: a shift and a scale per channel, from statistics that are given or computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from patchmill.config import DataConfig, InferenceConfig, QuantileConfig
from patchmill.errors import DataError, ShapeError
from patchmill.sources.header import ImageLike
from patchmill.sources.image import Image
from patchmill.sources.statistics import EPSILON, Statistics, compute_quantiles, compute_statistics

__all__ = [
    "Normalization",
    "check_channels",
    "complete_statistics",
    "has_statistics",
    "input_normalization",
    "target_normalization",
]

RANGE_EPSILON = 1e-8
"""What is added to the width of a range before anything is divided by it."""

Side = Literal["input", "target"]


@dataclass(frozen=True)
class Normalization:
    """What normalises images: pixels become ``(x - shift) * scale``.

    Parameters
    ----------
    shifts, scales : tuple of float
        One of each per channel.
    """

    shifts: tuple[float, ...]
    scales: tuple[float, ...]

    @classmethod
    def identity(cls, n_channels: int) -> Normalization:
        """Leave the pixels of all channels as they are."""
        return cls((0.0,) * n_channels, (1.0,) * n_channels)

    @classmethod
    def by_mean_and_std(cls, means: Sequence[float], stds: Sequence[float]) -> Normalization:
        """Bring channels to mean 0 and standard deviation 1; a constant channel becomes 0 and not NaN."""
        return cls(tuple(means), tuple(1 / (std + EPSILON) for std in stds))

    @classmethod
    def by_range(cls, lows: Sequence[float], highs: Sequence[float]) -> Normalization:
        """Bring channels from the range between two values to that from 0 to 1."""
        widths = zip(lows, highs, strict=True)
        return cls(tuple(lows), tuple(1 / (high - low + RANGE_EPSILON) for low, high in widths))

    @property
    def n_channels(self) -> int:
        """The number of channels."""
        return len(self.shifts)

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """For each channel the shift and the scale."""
        return list(zip(self.shifts, self.scales, strict=True))


def input_normalization(config: DataConfig | InferenceConfig, n_channels: int) -> Normalization:
    """Return what normalises the images, from the statistics of a configuration.

    Parameters
    ----------
    config : DataConfig or InferenceConfig
        A configuration that has the statistics; see `complete_statistics`.
    n_channels : int
        The number of channels.

    Returns
    -------
    Normalization
        For every channel.
    """
    return _normalization(config, "input", n_channels)


def target_normalization(config: DataConfig | InferenceConfig, n_channels: int) -> Normalization:
    """Return what normalises the targets, from the statistics of a configuration.

    Parameters
    ----------
    config, n_channels
        As for `input_normalization`.

    Returns
    -------
    Normalization
        For every channel; with ``skip_target``, it leaves them as they are.
    """
    return _normalization(config, "target", n_channels)


def has_statistics(config: DataConfig | InferenceConfig, side: Side = "input") -> bool:
    """Tell whether a configuration holds what its normalisation of the images, or of the targets, needs."""
    return _changes_nothing(config, side) or _given(config, side)[0] is not None


def check_channels(config: InferenceConfig, image: ImageLike) -> None:
    """Check that an image has as many channels as the statistics of a configuration.

    Parameters
    ----------
    config : InferenceConfig
        The configuration.
    image : Image or ImageHeader
        The image.

    Raises
    ------
    ShapeError
        If it has not.
    """
    given = None if _changes_nothing(config, "input") else _given(config, "input")[0]
    if given is not None:
        advice = "Give images like those of the training, and the statistics of its data_config."
        _check_channels(config, image, len(given), advice)


def complete_statistics(config: DataConfig, images: Iterable[Image], side: Side) -> None:
    """Set the statistics that the normalisation needs, where they are not given, from all pixels of some images.

    Either way the pixels are known to be numbers afterwards: none is NaN, infinite, or of a magnitude beyond 2**53.

    Parameters
    ----------
    config : DataConfig
        The configuration that gets them.
    images : iterable of Image
        The images, or the targets; gone through more than once, so not a generator.
    side : {"input", "target"}
        Which of them they are.

    Raises
    ------
    DataError
        If a pixel cannot be used. It names the first one.
    ShapeError
        If the given statistics are of another number of channels.
    """
    needed = None if _changes_nothing(config, side) else _given(config, side)
    if needed is None:
        _check_pixels(images)
    elif needed[0] is not None:
        advice = "Give one of each statistic per channel, or none to have them computed."
        _check_channels(config, next(iter(images)), len(needed[0]), advice)
        _check_pixels(images)
    else:
        _set(config, side, *_compute(config, images))


def _normalization(config: DataConfig | InferenceConfig, side: Side, n_channels: int) -> Normalization:
    if _changes_nothing(config, side):
        return Normalization.identity(n_channels)
    first, second = _given(config, side)
    assert first is not None
    assert second is not None
    is_by_mean = config.normalization.name == "mean_std"
    return (Normalization.by_mean_and_std if is_by_mean else Normalization.by_range)(first, second)


def _changes_nothing(config: DataConfig | InferenceConfig, side: Side) -> bool:
    kind = config.normalization
    return kind.name == "none" or (side == "target" and kind.skip_target)


def _fields(config: DataConfig | InferenceConfig, side: Side) -> tuple[Any, str, str]:
    """Say where a configuration keeps the two statistics of each channel."""
    kind = config.normalization.name
    if kind == "mean_std":
        of = "image" if side == "input" else "target"
        return config, f"{of}_means", f"{of}_stds"
    if kind == "min_max":
        return config.normalization, f"{side}_mins", f"{side}_maxes"
    return config.normalization, f"{side}_lower_quantile_values", f"{side}_upper_quantile_values"


def _given(config: DataConfig | InferenceConfig, side: Side) -> tuple[list[float], list[float]] | tuple[None, None]:
    owner, first, second = _fields(config, side)
    given = getattr(owner, first, None), getattr(owner, second, None)
    return (None, None) if None in given else given


def _set(config: DataConfig, side: Side, firsts: Sequence[float], seconds: Sequence[float]) -> None:
    owner, first, second = _fields(config, side)
    owner.assign(**{first: list(firsts), second: list(seconds)})


def _compute(config: DataConfig, images: Iterable[Image]) -> tuple[Sequence[float], Sequence[float]]:
    kind = config.normalization
    assert kind.name != "none"
    lows: Sequence[float]
    highs: Sequence[float]
    if isinstance(kind, QuantileConfig):
        lows, highs = _quantiles(kind, images)
    else:
        found: Statistics = compute_statistics(images, per_channel=kind.per_channel)
        if kind.name == "mean_std":
            return found.means, found.stds
        lows, highs = found.minima, found.maxima
    for channel, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if not low < high:
            msg = (
                f"{next(iter(images)).name}, channel {channel}: expected a range of pixels for the normalization "
                f"{kind.name!r}, got {low:g} at both ends. Normalise by mean_std, or leave the channel out."
            )
            raise DataError(msg)
    return lows, highs


def _quantiles(kind: QuantileConfig, images: Iterable[Image]) -> tuple[list[float], list[float]]:
    levels = sorted({*kind.lower_quantiles, *kind.upper_quantiles})
    found = compute_quantiles(images, levels, per_channel=kind.per_channel)

    def values(wanted: Sequence[float], which: str) -> list[float]:
        if len(wanted) not in (1, len(found)):
            msg = (
                f"{which}: expected one level, or one for each of {len(found)} channels, got {len(wanted)}. Change the "
                "levels of the normalization."
            )
            raise ShapeError(msg)
        wanted = list(wanted) * (len(found) // len(wanted))
        return [of_channel[levels.index(level)] for of_channel, level in zip(found, wanted, strict=True)]

    return values(kind.lower_quantiles, "lower_quantiles"), values(kind.upper_quantiles, "upper_quantiles")


def _check_pixels(images: Iterable[Image]) -> None:
    """Look for pixels that are no numbers where there can be some: among floats, and integers beyond 2**53."""
    # All are of one data type, and to look at an image may be to decode its file.
    dtype = next(iter(images)).dtype
    if dtype.kind == "f" or dtype.itemsize == 8:
        compute_statistics(images)


def _check_channels(config: DataConfig | InferenceConfig, image: ImageLike, n_given: int, advice: str) -> None:
    if image.n_channels != n_given:
        what = "mean" if config.normalization.name == "mean_std" else "range"
        msg = f"{image.name}: expected {n_given} channels, one per given {what}, got {image.n_channels}. {advice}"
        raise ShapeError(msg)
