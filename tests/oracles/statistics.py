"""Mean and population standard deviation of a channel, from all of its pixels."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT = Context(prec=400, Emax=10**6, Emin=-(10**6))


def moments(channel: list[NDArray[Any]]) -> tuple[Fraction, Fraction]:
    """Return the mean and the variance of the pixels of several arrays, as fractions without any rounding."""
    pixels = [Fraction(pixel) for array in channel for pixel in array.astype(_plain(array)).ravel().tolist()]
    mean = sum(pixels, Fraction(0)) / len(pixels)
    return mean, sum(((pixel - mean) ** 2 for pixel in pixels), Fraction(0)) / len(pixels)


def integer_moments(channel: list[NDArray[Any]]) -> tuple[Fraction, Fraction]:
    """Return the same for integers, from the sums of pixels and squares: quicker, and as exact."""
    pixels = [int(pixel) for array in channel for pixel in array.astype(_plain(array)).ravel().tolist()]
    n, total, squares = len(pixels), sum(pixels), sum(pixel * pixel for pixel in pixels)
    return Fraction(total, n), Fraction(n * squares - total * total, n * n)


def square_root(value: Fraction) -> float:
    """Return the square root, rounded once."""
    quotient = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return float(_EXACT.sqrt(quotient))


def float_moments(channel: list[NDArray[Any]]) -> tuple[float, float]:
    """Return mean and standard deviation of floats, rounded as the core rounds: the order of sums fixes every bit.

    Arrays have the axes S, Z, Y, X, and rows that run along X in memory.
    """
    return pooled_float_moments([channel])


def pooled_float_moments(channels: list[list[NDArray[Any]]]) -> tuple[float, float]:
    """Return the same for all channels together, which are merged when each of them is complete."""
    blocks = [[_moments_of_block(block) for array in channel for block in _blocks(array)] for channel in channels]
    n, mean, squares = functools.reduce(_merge, [functools.reduce(_merge, of_channel) for of_channel in blocks])
    return mean, math.sqrt(squares / n)


_Moments = tuple[int, float, float]


def _moments_of_block(block: NDArray[np.float64]) -> _Moments:
    """Return the number of pixels, their mean, and the sum of the squares of what they differ from it."""
    center = _sum(block) / block.size
    residue = _sum(block - center)
    squares = max(_sum((block - center) ** 2) - residue * residue / block.size, 0.0)
    return block.size, center + residue / block.size, squares


def _merge(a: _Moments, b: _Moments) -> _Moments:
    (n, mean, squares), (n_more, more_mean, more_squares) = a, b
    total, step = n + n_more, more_mean - mean
    return total, mean + step * (n_more / total), squares + more_squares + step * step * (n * n_more / total)


def _blocks(image: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """Cut planes into blocks of as many whole rows as 65,536 pixels hold, and of one row at least."""
    *_, height, width = image.shape
    n_rows = max(65536 // width, 1)
    for plane in image.astype(np.float64).reshape(-1, height, width):
        yield from (plane[first : first + n_rows] for first in range(0, height, n_rows))


def _sum(block: NDArray[np.float64]) -> float:
    """Deal each row over 16 lanes, add up each lane in order, and then the lanes in order."""
    lanes = np.zeros(16)
    for row in block:
        for first in range(0, len(row), 16):
            lanes[: len(row) - first] += row[first : first + 16]
    return functools.reduce(operator.add, lanes.tolist())


def _plain(array: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.uint8) if array.dtype == bool else array.dtype.newbyteorder("=")
