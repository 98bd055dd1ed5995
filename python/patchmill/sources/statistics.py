"""Mean, standard deviation and quantiles of the channels of images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from patchmill._core import default_num_threads, quantiles, statistics
from patchmill.errors import PatchmillWarning
from patchmill.sources.image import Image

__all__ = ["Statistics", "compute_quantiles", "compute_statistics"]

EPSILON = 1e-6
"""What is added to a standard deviation before anything is divided by it."""

SMALLEST_STD = 100 * EPSILON
"""Below this, what is added is more than a hundredth of the standard deviation."""


@dataclass(frozen=True)
class Statistics:
    """The statistics that images are normalised by.

    Parameters
    ----------
    means, stds : tuple of float
        Mean and population standard deviation of each channel.
    """

    means: tuple[float, ...]
    stds: tuple[float, ...]

    @property
    def normalization(self) -> list[tuple[float, float]]:
        """For each channel the shift and the scale: pixels become ``(x - shift) * scale``.

        The scale is ``1 / (std + 1e-6)``, so that a constant image becomes 0 and not NaN.
        """
        return [(mean, 1 / (std + EPSILON)) for mean, std in zip(self.means, self.stds, strict=True)]


def compute_statistics(images: Sequence[Image], *, num_threads: int | None = None) -> Statistics:
    """Compute the statistics of all pixels of some images, in one pass that also finds pixels that cannot be used.

    Parameters
    ----------
    images : sequence of Image
        Images with the same number of channels.
    num_threads : int, optional
        The number of threads, by default the cores that this process may run on. The result is the same for any.

    Returns
    -------
    Statistics
        Exact for integers, correct to the last few bits for floats.

    Raises
    ------
    DataError
        If a pixel is NaN, infinite, or of a magnitude beyond 2**53. It names the first one.

    Warns
    -----
    PatchmillWarning
        If a channel is constant, so that there is nothing to learn from it, or varies so little that normalisation
        would make it vary even less.
    """
    inputs = [(image.name, image.pixels) for image in images]
    means, stds, minima, _ = statistics(inputs, num_threads=num_threads or default_num_threads())
    names = images[0].name if len(images) == 1 else f"{images[0].name} and {len(images) - 1} more"
    for channel, std in enumerate(stds):
        if std == 0:
            problem = (
                f"expected pixels that differ, got {minima[channel]:g} everywhere (standard deviation 0). Nothing can "
                "be learnt from it: check the file, or leave the channel out."
            )
        elif std < SMALLEST_STD:
            problem = (
                f"expected a standard deviation well above {EPSILON:g}, which normalisation adds to it, got {std:g}. "
                "Multiply the pixels by a constant."
            )
        else:
            continue
        warnings.warn(f"{names}, channel {channel}: {problem}", PatchmillWarning, stacklevel=2)
    return Statistics(tuple(means.tolist()), tuple(stds.tolist()))


def compute_quantiles(
    images: Sequence[Image], levels: Sequence[float], *, num_threads: int | None = None
) -> list[list[float]]:
    """Compute quantiles of all pixels of some images.

    Parameters
    ----------
    images : sequence of Image
        Images with the same number of channels and the same data type, in either byte order.
    levels : sequence of float
        Which quantiles, each from 0 (the smallest pixel) to 1 (the largest).
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
        If a level is not a number from 0 to 1.
    DataError
        If a pixel is NaN, infinite, or of a magnitude beyond 2**53. It names the first one.
    """
    inputs = [(image.name, image.pixels) for image in images]
    return quantiles(inputs, levels, num_threads=num_threads or default_num_threads())
