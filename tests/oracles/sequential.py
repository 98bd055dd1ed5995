"""The sequential plan: regions side by side that cover every pixel.

Images are given as (number of samples, size), regions as (image, sample, z, y, x); sizes are (Z, Y, X).
"""

from __future__ import annotations

from itertools import product

Size = tuple[int, int, int]
ImageSize = tuple[int, Size]
Region = tuple[int, int, int, int, int]


def origins(size: int, patch: int) -> list[int]:
    """Return the origins along one axis: 0, p, 2p, ..., and size - p, each once."""
    starts = list(range(0, size - patch + 1, patch))
    return starts if starts[-1] == size - patch else [*starts, size - patch]


def sequential_regions(images: list[ImageSize], patch: Size) -> list[Region]:
    """Return the regions of all images, sample by sample, with X changing fastest."""
    return [
        (image, sample, z, y, x)
        for image, (n_samples, size) in enumerate(images)
        for sample in range(n_samples)
        for z, y, x in product(*(origins(size[axis], patch[axis]) for axis in range(3)))
    ]


def overlap(a: Region, b: Region, patch: Size) -> bool:
    """Return whether two regions share a pixel."""
    return a[:2] == b[:2] and all(abs(a[2 + axis] - b[2 + axis]) < patch[axis] for axis in range(3))
