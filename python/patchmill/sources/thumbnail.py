"""A plane of an image, small enough to be looked at."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.sources.image import Image

__all__ = ["thumbnail"]

READ_BYTES = 64 << 20
"""About how much of a plane is read: of a larger one only some of the rows."""


def thumbnail(image: Image, sample: int, channel: int, plane: int, *, most_pixels: int) -> NDArray[np.float32]:
    """Shrink a plane of an image by a whole factor, to the means of blocks of its pixels.

    Parameters
    ----------
    image : Image
        The image.
    sample, channel, plane : int
        Which of its planes.
    most_pixels : int
        The most pixels along either axis of what is returned.

    Returns
    -------
    numpy.ndarray (Y, X), float32
        The plane. Pixels beyond the last whole block are left away. Of a plane of more than 64 MiB only the first rows
        of each block are read, so that a mapped one is not read as a whole.
    """
    pixels, mapped = _open_for_rows(image)
    n_times = pixels.shape[1]
    pixels = pixels[sample // n_times, sample % n_times, channel, plane]
    if abs(pixels.strides[0]) < abs(pixels.strides[1]):
        return _shrink(pixels.T, mapped, most_pixels).T
    return _shrink(pixels, mapped, most_pixels)


def _open_for_rows(image: Image) -> tuple[NDArray[Any], mmap.mmap | None]:
    """Map a mapped image anew, so that the system reads what is asked for, and not megabytes around it as well."""
    region = image._region
    if region is None or not hasattr(mmap, "MADV_RANDOM"):
        return image.pixels, None
    with Path(region.path).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_RANDOM)
    pixels = np.ndarray(region.shape, region.dtype, mapped, region.offset, region.strides)
    return pixels, mapped


def _shrink(pixels: NDArray[Any], mapped: mmap.mmap | None, most_pixels: int) -> NDArray[np.float32]:
    block = -(-max(pixels.shape) // most_pixels)
    height, width = (max(1, size // block) for size in pixels.shape)
    row_bytes = pixels.shape[1] * pixels.itemsize
    n_rows = min(block, pixels.shape[0], max(1, READ_BYTES // (height * row_bytes)))
    if mapped is not None:
        for start in range(0, height * block, block):
            _ask_for(pixels[start : start + n_rows], mapped)
    total = np.zeros((height, width), np.float64)
    for row in range(n_rows):
        rows = pixels[row::block][:height, : width * block]
        total += rows.reshape(height, width, -1).mean(axis=-1, dtype=np.float64)
    means: NDArray[np.float32] = (total / n_rows).astype(np.float32)
    return means


def _ask_for(rows: NDArray[Any], mapped: mmap.mmap) -> None:
    """Let the system begin to read some rows of a map."""
    first = _address(rows) - _address(np.frombuffer(mapped, np.uint8))
    distances = [(size - 1) * stride for size, stride in zip(rows.shape, rows.strides, strict=True)]
    start = first + sum(min(0, distance) for distance in distances)
    end = first + sum(max(0, distance) for distance in distances) + rows.itemsize
    start -= start % mmap.PAGESIZE
    mapped.madvise(mmap.MADV_WILLNEED, start, end - start)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
