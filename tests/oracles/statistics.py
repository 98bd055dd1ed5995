"""Mean and population standard deviation of a channel, exactly, from all of its pixels."""

from __future__ import annotations

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


def _plain(array: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.uint8) if array.dtype == bool else array.dtype.newbyteorder("=")
