"""The usual settings of a training and a prediction, for images that nobody has chosen settings for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patchmill.errors import ShapeError
from patchmill.sources.header import ImageLike

__all__ = [
    "DEPTH",
    "FACTOR",
    "MIN_SIZE",
    "PLANES",
    "VOLUMES",
    "Usual",
    "fitting_patch_size",
    "fitting_tiles",
    "masked_percentage",
]

DEPTH = 2
FACTOR = 2**DEPTH
"""The network halves what it gets `DEPTH` times, so that sizes are multiples of this."""

MIN_SIZE = 8
"""The smallest patch, in pixels along each axis."""


@dataclass(frozen=True)
class Usual:
    """The settings for images that are large enough for them; sizes are (Z)YX.

    A voxel costs several times what a pixel costs, so that volumes get smaller batches and networks. `max_steps` is the
    most batches of an epoch of `denoise_tiff`, so that epochs of large files end: the next one sees other patches.
    """

    patch_size: tuple[int, ...]
    batch_size: int
    max_steps: int
    num_channels_init: int
    tile_size: tuple[int, ...]
    tile_overlap: tuple[int, ...]
    tiles_per_batch: int

    @property
    def n_dims(self) -> int:
        """The number of dimensions, 2 or 3."""
        return len(self.patch_size)


PLANES = Usual(
    patch_size=(64, 64),
    batch_size=16,
    max_steps=200,
    num_channels_init=32,
    tile_size=(256, 256),
    tile_overlap=(48, 48),
    tiles_per_batch=4,
)
VOLUMES = Usual(
    patch_size=(16, 64, 64),
    batch_size=4,
    max_steps=50,
    num_channels_init=16,
    tile_size=(32, 128, 128),
    tile_overlap=(8, 48, 48),
    tiles_per_batch=1,
)


def fitting_patch_size(image: ImageLike, usual: Usual) -> list[int]:
    """Choose the usual size, or one that fits into a smaller image, twice along Y and X so that patches differ.

    Parameters
    ----------
    image : Image or ImageHeader
        The image.
    usual : Usual
        The usual settings, in 2D or 3D.

    Returns
    -------
    list of int
        The size, (Z)YX.

    Raises
    ------
    ShapeError
        If the image is smaller than the smallest patch.
    """
    fitting = []
    n_dims = usual.n_dims
    for axis, size, most in zip("ZYX"[-n_dims:], image.size_zyx[-n_dims:], usual.patch_size, strict=True):
        if size < MIN_SIZE:
            msg = (
                f"{image.name}, axis {axis}: expected at least {MIN_SIZE} pixels, got {size}: the size in ZYX is "
                f"{image.size_zyx}. Check the axes (--axes), or use a larger image."
            )
            raise ShapeError(msg)
        room = size // 2 if axis in "YX" and size >= 2 * MIN_SIZE else size
        fitting.append(min(most, room // FACTOR * FACTOR))
    return fitting


def fitting_tiles(
    images: Iterable[ImageLike], usual: Usual, factor: int = FACTOR
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Choose the size of the tiles and their overlap: along axes shorter than the usual tile, one tile.

    Parameters
    ----------
    images : iterable of Image or ImageHeader
        The images. No more of them are looked at than it takes to know that the usual tiles suit.
    usual : Usual
        The usual settings, in 2D or 3D.
    factor : int, default=4
        What tiles are multiples of.

    Returns
    -------
    tile_size, tile_overlap : tuple of int
        (Z)YX.
    """
    n_dims = usual.n_dims
    largest = [1] * n_dims
    for image in images:
        largest = [max(pair) for pair in zip(largest, image.size_zyx[-n_dims:], strict=True)]
        if all(size > tile for size, tile in zip(largest, usual.tile_size, strict=True)):
            break
    pairs = list(zip(largest, usual.tile_size, strict=True))
    tile_size = tuple(min(tile, -(-size // factor) * factor) for size, tile in pairs)
    overlaps = zip(largest, tile_size, usual.tile_overlap, strict=True)
    return tile_size, tuple(overlap if size > tile else 0 for size, tile, overlap in overlaps)


def masked_percentage(patch_size: Sequence[int]) -> float:
    """Choose the share of the pixels that Noise2Void masks: two where the usual share of a small patch is not one.

    Parameters
    ----------
    patch_size : sequence of int
        The size of a patch, (Z)YX.

    Returns
    -------
    float
        The share in percent.
    """
    n_pixels: int = max(math.prod(patch_size), MIN_SIZE ** len(patch_size))
    return max(0.2, 200 / n_pixels)
