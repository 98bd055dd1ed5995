"""In which tiles images go through a network."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from patchmill._core import TileGrid
from patchmill.errors import ConfigError, ShapeError
from patchmill.models import UNet
from patchmill.sources import Image, ImageLike

__all__ = ["Tiling", "check_image"]


_LEAST_MARGIN = 4
"""Further from the zeros that a network takes for what it does not see, its predictions are hardly worse for them."""


@dataclass(frozen=True)
class Tiling:
    """The size of tiles and their overlap, which fit a network.

    Parameters
    ----------
    factor : int
        What tiles are a multiple of along every axis: ``2**depth`` of the network.
    n_dims : {2, 3}
        The dimensions of the network.
    tile_size : tuple of int, optional
        The size of a tile, (Z)YX. None: each sample at once.
    tile_overlap : tuple of int
        How far tiles overlap, (Z)YX.
    margin : int
        By how many pixels tiles reach further on either side.
    """

    factor: int
    n_dims: int
    tile_size: tuple[int, ...] | None
    tile_overlap: tuple[int, ...]
    margin: int

    @classmethod
    def of(
        cls, model: UNet, tile_size: Sequence[int] | None, tile_overlap: Sequence[int], *, reflect_borders: bool
    ) -> Self:
        """Check size and overlap.

        Parameters
        ----------
        model : UNet
            The network.
        tile_size : sequence of int, optional
            The size of a tile, (Z)YX.
        tile_overlap : sequence of int
            How far tiles overlap, (Z)YX. Without a size it means nothing.
        reflect_borders : bool
            Whether images go on beyond their borders, reflected: as far as matters to the network.

        Returns
        -------
        Tiling
            The tiles.

        Raises
        ------
        ConfigError
            If a size is no multiple of ``2**depth``, an overlap is odd or not smaller than its tile, or there is not
            one of each per axis.
        """
        axes, factor = "ZYX"[-model.conv_dims :], 2**model.depth
        margin = max(factor, _LEAST_MARGIN) if reflect_borders else 0
        if tile_size is None:
            return cls(factor, model.conv_dims, None, (0,) * len(axes), margin)
        sizes, overlaps = _checked("tile_size", tile_size, axes, 1), _checked("tile_overlap", tile_overlap, axes, 0)
        for axis, size in zip(axes, sizes, strict=True):
            if size % factor:
                nearest = max(round(size / factor), 1) * factor
                msg = (
                    f"tile_size, axis {axis}: expected a multiple of {factor}, because the network halves it "
                    f"{model.depth} times, got {size}. Use {nearest}."
                )
                raise ConfigError(msg)
        size_zyx = _zyx(sizes, 1)
        TileGrid(size_zyx, tile_size=size_zyx, tile_overlap=_zyx(overlaps, 0))
        return cls(factor, model.conv_dims, sizes, overlaps, margin)

    def size(self, image: ImageLike) -> tuple[int, ...]:
        """Return the size of the tiles of an image with their margins, (Z)YX."""
        return tuple(size + 2 * self.margin for size in self._inner_size(image))

    def _inner_size(self, image: ImageLike) -> tuple[int, ...]:
        """Return the size of the tiles of an image, (Z)YX; without a size, that of one tile that holds a sample."""
        if self.tile_size is not None:
            return self.tile_size
        return tuple(-(-size // self.factor) * self.factor for size in image.size_zyx[-self.n_dims :])

    def grid(self, image: ImageLike) -> TileGrid:
        """Return the tiles of a sample of an image."""
        tile_size, overlap = _zyx(self._inner_size(image), 1), _zyx(self.tile_overlap, 0)
        margin = _zyx((self.margin,) * self.n_dims, 0)
        return TileGrid(image.size_zyx, tile_size=tile_size, tile_overlap=overlap, margin=margin)


def check_image(model: UNet, image: ImageLike) -> None:
    """Check that an image has the channels and the dimensions of a network.

    Parameters
    ----------
    model : UNet
        The network.
    image : Image or ImageHeader
        The image.

    Raises
    ------
    ShapeError
        If it has not.
    """
    if image.n_channels != model.in_channels:
        what = f": its axes are {image.axes!r}, its shape {image.shape}." if isinstance(image, Image) else "."
        msg = (
            f"{image.name}, axis C: expected {model.in_channels} channels, as the network was trained on, got "
            f"{image.n_channels}{what} Give images like those of the training, or check which axis is C."
        )
        raise ShapeError(msg)
    if image.size_zyx[0] > 1 and model.conv_dims == 2:
        msg = (
            f"{image.name}, axis Z: expected one plane, because the network is 2D, got {image.size_zyx[0]}. Give the "
            "axes with S in the place of Z to predict plane by plane."
        )
        raise ShapeError(msg)


def _checked(name: str, given: Sequence[int], axes: str, least: int) -> tuple[int, ...]:
    try:
        sizes = tuple(map(operator.index, given))
    except TypeError:
        sizes = ()
    if len(sizes) != len(axes) or min(sizes) < least:
        msg = (
            f"{name}: expected {len(axes)} whole numbers of pixels, {axes}, for a {len(axes)}D network, got {given!r}. "
            f"Give one per axis, at least {least}."
        )
        raise ConfigError(msg)
    return sizes


def _zyx(sizes: tuple[int, ...], of_z: int) -> tuple[int, ...]:
    """Add the size along Z that a 2D tile has."""
    return (of_z, *sizes) if len(sizes) == 2 else sizes
