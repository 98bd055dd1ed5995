"""Mean, standard deviation, range and quantiles of the channels of images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from patchmill._core import QuantilesAccumulator, StatisticsAccumulator, default_num_threads, quantiles, statistics
from patchmill.errors import ConfigError, PatchmillWarning
from patchmill.sources.image import Image

__all__ = ["Statistics", "compute_quantiles", "compute_statistics"]

EPSILON = 1e-6
"""What is added to a standard deviation before pixels are divided by it, so that constant ones become 0 and not NaN."""

SMALLEST_STD = 100 * EPSILON
"""Below this, what is added is more than a hundredth of the standard deviation."""


@dataclass(frozen=True)
class Statistics:
    """The statistics that images are normalised by.

    Parameters
    ----------
    means, stds : tuple of float
        Mean and population standard deviation of each channel.
    minima, maxima : tuple of float
        The smallest and the largest pixel of each channel. Empty where nobody looked at the pixels.
    """

    means: tuple[float, ...]
    stds: tuple[float, ...]
    minima: tuple[float, ...] = ()
    maxima: tuple[float, ...] = ()


def compute_statistics(
    images: Iterable[Image], *, per_channel: bool = True, num_threads: int | None = None
) -> Statistics:
    """Compute the statistics of all pixels of some images, in one pass that also finds pixels that cannot be used.

    Parameters
    ----------
    images : iterable of Image
        Images with the same number of channels. Those of a list are computed together. Those of a generator are asked
        for one at a time, and no two of them are held at once; the result is the same to the last bit.
    per_channel : bool, default=True
        Whether each channel has statistics of its own. If not, each has those of all channels together.
    num_threads : int, optional
        The number of threads, by default the cores that this process may run on. The result is the same for any.

    Returns
    -------
    Statistics
        Exact for integers, correct to the last few bits for floats.

    Raises
    ------
    ConfigError
        If there are no images.
    DataError
        If a pixel is NaN, infinite, or of a magnitude beyond 2**53. It names the image and the first such pixel.
    ShapeError
        If the images differ in their number of channels.

    Warns
    -----
    PatchmillWarning
        If a channel is constant, so that there is nothing to learn from it, or varies so little that normalisation
        would make it vary even less.
    """
    n_threads = num_threads or default_num_threads()
    if isinstance(images, Sequence):
        names = [image.name for image in images]
        found = statistics(_inputs(images), per_channel=per_channel, num_threads=n_threads)
    else:
        names = []
        accumulator = StatisticsAccumulator(per_channel=per_channel)
        for image in images:
            accumulator.update(_inputs([image]), num_threads=n_threads)
            names.append(image.name)
            # Before the next one is opened.
            del image
        found = accumulator.finish()
    if not names:
        raise ConfigError(_NO_IMAGES)
    means, stds, minima, maxima = (tuple(of_channels.tolist()) for of_channels in found)
    where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    if per_channel:
        for channel, (std, minimum) in enumerate(zip(stds, minima, strict=True)):
            _check_spread(f"{where}, channel {channel}", std, minimum)
    else:
        _check_spread(f"{where}, all channels", stds[0], minima[0])
    return Statistics(means, stds, minima, maxima)


def compute_quantiles(
    images: Iterable[Image] | Callable[[], Iterable[Image]],
    levels: Sequence[float],
    *,
    per_channel: bool = True,
    num_threads: int | None = None,
) -> list[list[float]]:
    """Compute quantiles of all pixels of some images.

    Parameters
    ----------
    images : iterable of Image, or a function that returns one
        Images with the same number of channels and the same data type, in either byte order. Those of a list are
        computed together. Others are asked for one at a time and no two of them are held at once, all of them as often
        as their pixels must be read; the result is the same.
    levels : sequence of float
        Which quantiles, each from 0 (the smallest pixel) to 1 (the largest).
    per_channel : bool, default=True
        Whether each channel has quantiles of its own. If not, each has those of all channels together.
    num_threads : int, optional
        The number of threads, by default the cores that this process may run on. The result is the same for any.

    Returns
    -------
    list of list of float
        For each channel a quantile for each level, linear between the nearest two pixels as in `numpy.quantile`. Exact
        for every data type. Pixels of up to 16 bits are read once, of 32 bits twice, of 64 bits four times.

    Raises
    ------
    ConfigError
        If a level is not a number from 0 to 1, if there are no images, or if they cannot be gone through again or were
        others then.
    DataError
        If a pixel is NaN, infinite, or of a magnitude beyond 2**53. It names the image and the first such pixel.
    ShapeError
        If the images differ in their number of channels or their data type.
    """
    n_threads = num_threads or default_num_threads()
    if isinstance(images, Sequence):
        found = quantiles(_inputs(images), levels, per_channel=per_channel, num_threads=n_threads)
    elif isinstance(images, Iterator):
        msg = (
            f"images: expected something that can be gone through several times, got a {type(images).__name__}, which "
            "ends after the first. Pass a list, or the function that makes it."
        )
        raise ConfigError(msg)
    else:
        found = _quantiles_in_turn(images, QuantilesAccumulator(levels, per_channel=per_channel), n_threads)
    if not found:
        raise ConfigError(_NO_IMAGES)
    return found


_NO_IMAGES = "images: expected at least one, got none."


def _quantiles_in_turn(
    images: Iterable[Image] | Callable[[], Iterable[Image]], accumulator: QuantilesAccumulator, num_threads: int
) -> list[list[float]]:
    while True:
        for image in images() if callable(images) else images:
            accumulator.update(_inputs([image]), num_threads=num_threads)
            # Before the next one is opened.
            del image
        found = accumulator.end_pass()
        if found is not None:
            return found


def _inputs(images: Sequence[Image]) -> list[tuple[str, NDArray[Any]]]:
    return [(image.name, image.pixels) for image in images]


def _check_spread(where: str, std: float, minimum: float) -> None:
    """Warn if pixels differ too little to be normalised."""
    if std >= SMALLEST_STD:
        return
    if std == 0:
        problem = (
            f"expected pixels that differ, got {minimum:g} everywhere (standard deviation 0). Nothing can be learnt "
            "from it: check the file, or leave the channel out."
        )
    else:
        problem = (
            f"expected a standard deviation well above {EPSILON:g}, which normalisation adds to it, got {std:g}. "
            "Multiply the pixels by a constant."
        )
    warnings.warn(f"{where}: {problem}", PatchmillWarning, stacklevel=3)
