"""An image through a trained network, in tiles that overlap."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from patchmill._core import TileGrid, default_num_threads, statistics, stitch_into, tiles_into
from patchmill.errors import ConfigError, ShapeError
from patchmill.models import UNet
from patchmill.progress import track
from patchmill.sources import Image, Normalization, restore_axes
from patchmill.training import memory_format

__all__ = ["predict_image"]

logger = logging.getLogger("patchmill")


def predict_image(
    model: UNet,
    image: Image,
    *,
    normalization: Normalization,
    target_normalization: Normalization,
    tile_size: Sequence[int] | None = None,
    tile_overlap: Sequence[int] = (48, 48),
    batch_size: int = 1,
    progress: bool = False,
) -> NDArray[np.float32]:
    """Predict an image.

    Tiles overlap; half of each overlap is taken from either neighbour. An axis shorter than its tile is padded by
    reflection, and the padding is cut off again.

    Parameters
    ----------
    model : UNet
        The network, on the device that it runs on.
    image : Image
        The image, of as many channels as the network takes.
    normalization : Normalization
        What the pixels are normalised by.
    target_normalization : Normalization
        What the prediction is brought back by: that of the targets, or of the images if there were none.
    tile_size : sequence of int, optional
        The size of a tile, (Z)YX, each a multiple of ``2**depth``. None: the whole image at once.
    tile_overlap : sequence of int, default=(48, 48)
        How far tiles overlap, (Z)YX, each even and smaller than the tile.
    batch_size : int, default=1
        How many tiles go through the network together.
    progress : bool, default=False
        Whether a progress bar is drawn. Without it, a line of the log says how many tiles there are.

    Returns
    -------
    numpy.ndarray, float32
        The prediction, in the axes and the shape of the image.

    Raises
    ------
    ConfigError
        If tile size, overlap or batch size are not valid.
    DataError
        If a pixel is NaN, infinite, or of a magnitude beyond 2**53. It names the first one.
    ShapeError
        If the image has another number of channels or dimensions than the network.
    """
    if image.n_channels != model.in_channels:
        msg = (
            f"{image.name}, axis C: expected {model.in_channels} channels, as the network was trained on, got "
            f"{image.n_channels}: its axes are {image.axes!r}, its shape {image.shape}."
        )
        raise ShapeError(msg)
    if not isinstance(batch_size, Integral) or batch_size < 1:
        msg = f"batch_size: expected a whole number of at least 1, got {batch_size!r}."
        raise ConfigError(msg)
    tile_size, tile_overlap = _check_tiles(model, image, tile_size, tile_overlap)
    grid = TileGrid(image.size_zyx, tile_size=_zyx(tile_size, 1), tile_overlap=_zyx(tile_overlap, 0))
    samples = np.empty((image.n_samples, target_normalization.n_channels, *image.size_zyx), np.float32)
    if image.dtype.kind == "f" or image.dtype.itemsize == 8:
        # One pixel that is no number would spread as far as the network sees. All others are fine.
        statistics([(image.name, image.pixels)], num_threads=default_num_threads())
    batches = list(itertools.product(range(image.n_samples), range(0, len(grid), batch_size)))
    if not progress:
        logger.info("%s: predicting %d tiles of %s pixels", image.name, image.n_samples * len(grid), tile_size)
    for sample, first in track(batches, f"Predicting {Path(image.name).name}", visible=progress):
        tiles = np.empty((min(batch_size, len(grid) - first), image.n_channels, *tile_size), np.float32)
        tiles_into(
            (image.name, image.pixels),
            sample,
            grid,
            first=first,
            normalization=normalization.pairs,
            out=tiles,
            num_threads=default_num_threads(),
        )
        predicted = _forward(model, tiles)
        stitch_into(predicted, grid, first=first, normalization=target_normalization.pairs, out=samples[sample])
    return restore_axes(samples, image.axes, image.shape)


@torch.inference_mode()
def _forward(model: UNet, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Send tiles through the network."""
    model.eval()
    device = next(model.parameters()).device
    batch = torch.from_numpy(tiles).to(device, memory_format=memory_format(device, model.conv_dims))
    predicted: NDArray[np.float32] = model(batch).float().cpu().contiguous().numpy()
    return predicted


def _check_tiles(
    model: UNet, image: Image, tile_size: Sequence[int] | None, tile_overlap: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Check the tiles' size and overlap; without a size, find that of one tile that holds the image."""
    axes = "ZYX" if model.conv_dims == 3 else "YX"
    factor = 2**model.depth
    if image.size_zyx[0] > 1 and model.conv_dims == 2:
        msg = (
            f"{image.name}, axis Z: expected one plane, because the network is 2D, got {image.size_zyx[0]}. Give the "
            "axes with T or S in the place of Z to predict plane by plane."
        )
        raise ShapeError(msg)
    if tile_size is None:
        return tuple(-(-size // factor) * factor for size in image.size_zyx[-len(axes) :]), (0,) * len(axes)
    for name, sizes, least in (("tile_size", tile_size, 1), ("tile_overlap", tile_overlap, 0)):
        given = tuple(sizes) if isinstance(sizes, Sequence) else (sizes,)
        if len(given) != len(axes) or not all(isinstance(size, Integral) and size >= least for size in given):
            msg = (
                f"{name}: expected {len(axes)} whole numbers of pixels, {axes}, for a {model.conv_dims}D network, got "
                f"{sizes!r}. Give one per axis, at least {least}."
            )
            raise ConfigError(msg)
    for axis, size in zip(axes, tile_size, strict=True):
        if size % factor:
            nearest = max(round(size / factor), 1) * factor
            msg = (
                f"tile_size, axis {axis}: expected a multiple of {factor}, because the network halves it "
                f"{model.depth} times, got {size}. Use {nearest}."
            )
            raise ConfigError(msg)
    return tuple(tile_size), tuple(tile_overlap)


def _zyx(sizes: tuple[int, ...], of_z: int) -> tuple[int, ...]:
    """Add the size along Z that a 2D tile has."""
    return (of_z, *sizes) if len(sizes) == 2 else sizes
