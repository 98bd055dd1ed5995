"""Mean, population standard deviation and quantiles of a channel, from all of its pixels."""

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


def quantile(channel: list[NDArray[Any]], level: float) -> float:
    """Return a quantile in float64, which holds every pixel that can be used."""
    return float(np.quantile(np.concatenate([array.astype(np.float64).ravel() for array in channel]), level))


def float_moments(channel: list[NDArray[Any]]) -> tuple[float, float]:
    """Return mean and standard deviation of floats, rounded as the core rounds: the order of sums fixes every bit.

    Arrays have the axes S, Z, Y, X, and rows that run along X in memory.
    """
    n, mean, squares = 0, 0.0, 0.0
    for block in (block for array in channel for block in _blocks(array)):
        center = _sum(block) / block.size
        residue = _sum(block - center)
        mean_of_block = center + residue / block.size
        squares_of_block = max(_sum((block - center) ** 2) - residue * residue / block.size, 0.0)
        total = n + block.size
        step = mean_of_block - mean
        squares = squares + squares_of_block + (step * step * (n * block.size / total) if n else 0.0)
        mean = mean + step * (block.size / total) if n else mean_of_block
        n = total
    return mean, math.sqrt(squares / n)


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
