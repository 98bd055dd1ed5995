"""Canonical axes, and the pixels of a region."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.sequential import Region, Size


def samples(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an image with the axes (S*T, C, Z, Y, X), in the native byte order: sample s of time t is s * T + t."""
    missing = [letter for letter in "STCZYX" if letter not in axes]
    letters = [*missing, *axes]
    array = array.reshape([1] * len(missing) + list(array.shape))
    array = array.transpose([letters.index(letter) for letter in "STCZYX"])
    array = array.astype(array.dtype.newbyteorder("="))
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def crop(images: list[NDArray[Any]], region: Region, patch: Size) -> NDArray[Any]:
    """Return the pixels (C, Z, Y, X) of a region of one of several images (S*T, C, Z, Y, X)."""
    image, sample, z, y, x = region
    depth, height, width = patch
    pixels = images[image][sample, :, z : z + depth, y : y + height, x : x + width]
    assert pixels.shape[1:] == patch, "a region lies inside of its image"
    return np.array(pixels)
