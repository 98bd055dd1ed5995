"""The statistics that CAREamics' normalisation lacks, of whole images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from careamics.config.data.normalization_config import MeanStdConfig, MinMaxConfig, NoNormConfig, QuantileConfig
from careamics.dataset.normalization.utils import broadcast_stats

from patchmill.careamics.fallback import CannotAccelerateError
from patchmill.errors import PatchmillWarning
from patchmill.sources import Image, compute_quantiles, compute_statistics

__all__ = ["complete_normalization"]

Images = Callable[[], Iterable[Image]]


def complete_normalization(config: Any, images: Images, targets: Images | None) -> None:
    """Compute the statistics that a normalisation needs and does not have, and set them in it.

    CAREamics computes them from patches that it draws for that, so that they are not those of the images, and others
    for each seed. These are of every pixel, once.

    Parameters
    ----------
    config : MeanStdConfig, MinMaxConfig, QuantileConfig or NoNormConfig
        CAREamics' configuration of the normalisation.
    images, targets : callable
        Return the images, and their targets, as often as they are called; None without targets.

    Raises
    ------
    CannotAccelerateError
        If it is another normalisation.
    DataError
        If a pixel is NaN or infinite.
    """
    match config:
        case NoNormConfig():
            return
        case MeanStdConfig():
            compute, setters = _mean_std, (config.set_input_stats, config.set_target_stats)
        case MinMaxConfig():
            compute, setters = _range, (config.set_input_range, config.set_target_range)
        case QuantileConfig():
            compute, setters = _quantiles, (config.set_input_quantile_values, config.set_target_quantile_values)
        case _:
            msg = f"the normalisation {type(config).__name__} is not one that patchmill knows"
            raise CannotAccelerateError(msg)
    if config.needs_computation():
        setters[0](*compute(config, images))
    if targets is not None and config.target_needs_computation():
        setters[1](*compute(config, targets))


def _mean_std(config: Any, images: Images) -> tuple[list[float], list[float]]:
    with warnings.catch_warnings():
        # CAREamics says nothing of images that are constant.
        warnings.simplefilter("ignore", PatchmillWarning)
        found = compute_statistics(images(), per_channel=config.per_channel)
    return _of_channels(config, found.means), _of_channels(config, found.stds)


def _range(config: Any, images: Images) -> tuple[list[float], list[float]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PatchmillWarning)
        found = compute_statistics(images(), per_channel=config.per_channel)
    return _of_channels(config, found.minima), _of_channels(config, found.maxima)


def _quantiles(config: Any, images: Images) -> tuple[list[float], list[float]]:
    """Compute two quantiles of each channel, of which each may have levels of its own."""
    bounds = (config.lower_quantiles, config.upper_quantiles)
    levels = sorted({level for side in bounds for level in side})
    found = compute_quantiles(images, levels, per_channel=config.per_channel)
    n_channels = len(found) if config.per_channel else 1
    low, high = (
        [
            found[channel][levels.index(level)]
            for channel, level in enumerate(broadcast_stats(side, n_channels, "quantiles"))
        ]
        for side in bounds
    )
    return low, high


def _of_channels(config: Any, values: Sequence[float]) -> list[float]:
    """Return the values of all channels, or of all of them together."""
    return list(values) if config.per_channel else list(values[:1])
