"""Batches of tiles, over samples and images, made while the network is busy with the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from patchmill._core import TileGrid, tiles_into
from patchmill.background import begin
from patchmill.errors import PatchmillError
from patchmill.models import UNet
from patchmill.prediction.network import out_of_memory
from patchmill.prediction.reader import ImageReader
from patchmill.prediction.tiling import Tiling, check_image
from patchmill.sources import Normalization

__all__ = ["Batch", "Frame", "Part", "ahead", "cut_batches"]

T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """What the prediction of an image takes over from it; its pixels are not held.

    Parameters
    ----------
    number : int
        Its place among the images.
    name : str
        What messages call it.
    axes : str
        Its axes.
    shape : tuple of int
        Its shape, in these axes.
    n_samples : int
        Its samples.
    size_zyx : tuple of int
        Their size.
    tile_zyx : tuple of int
        The size of their tiles.
    grid : TileGrid
        Their tiles.
    """

    number: int
    name: str
    axes: str
    shape: tuple[int, ...]
    n_samples: int
    size_zyx: tuple[int, int, int]
    tile_zyx: tuple[int, ...]
    grid: TileGrid


@dataclass(frozen=True)
class Part:
    """Tiles of one sample that follow each other."""

    frame: Frame
    sample: int
    first: int
    n_tiles: int

    @property
    def is_start(self) -> bool:
        """Whether they are the first of their image."""
        return self.sample == 0 and self.first == 0

    @property
    def is_end(self) -> bool:
        """Whether they are the last of their image."""
        return self.sample == self.frame.n_samples - 1 and self.first + self.n_tiles == len(self.frame.grid)


@dataclass(eq=False)
class Batch:
    """Tiles of one shape.

    Parameters
    ----------
    room : numpy.ndarray (B, C, (Z), Y, X), float32
        Room for as many tiles as a batch may have.
    parts : list of Part
        Which tiles are in it, in their order.
    """

    room: NDArray[np.float32]
    parts: list[Part] = field(default_factory=list)

    @property
    def n_tiles(self) -> int:
        """The number of tiles so far."""
        return sum(part.n_tiles for part in self.parts)

    @property
    def tiles(self) -> NDArray[np.float32]:
        """The tiles."""
        return self.room[: self.n_tiles]


def cut_batches(
    model: UNet,
    reader: ImageReader,
    tiling: Tiling,
    normalization: Normalization,
    *,
    batch_size: int,
    num_threads: int,
) -> Iterator[Batch]:
    """Cut all tiles of all images. Samples and images share batches if their tiles have the same size.

    Parameters
    ----------
    model : UNet
        The network, which images have to fit.
    reader : ImageReader
        The images.
    tiling : Tiling
        Their tiles.
    normalization : Normalization
        What pixels are normalised by.
    batch_size : int
        The most tiles in a batch.
    num_threads : int
        The threads that cut them.

    Yields
    ------
    Batch
        The tiles in their order, image by image and sample by sample.

    Raises
    ------
    PatchmillError
        If an image cannot be read, or does not fit the network, or a batch the memory.
    """
    batch: Batch | None = None
    for number in range(len(reader)):
        try:
            image = reader.take(number)
            check_image(model, image)
        except PatchmillError:
            # What was cut before is predicted all the same.
            if batch is not None:
                yield batch
            raise
        grid, shape = tiling.grid(image), (batch_size, image.n_channels, *tiling.size(image))
        frame = Frame(
            number,
            image.name,
            image.axes,
            image.shape,
            image.n_samples,
            image.size_zyx,
            (1, *shape[2:])[-3:],
            grid,
        )
        if batch is not None and batch.room.shape != shape:
            yield batch
            batch = None
        for sample in range(image.n_samples):
            first = 0
            while first < len(grid):
                batch = batch or Batch(_room(model, shape))
                start, n_tiles = batch.n_tiles, min(len(grid) - first, batch_size - batch.n_tiles)
                tiles_into(
                    (image.name, image.pixels),
                    sample,
                    grid,
                    first=first,
                    normalization=normalization.pairs,
                    out=batch.room[start : start + n_tiles],
                    num_threads=num_threads,
                )
                batch.parts.append(Part(frame, sample, first, n_tiles))
                first += n_tiles
                if batch.n_tiles == batch_size:
                    yield batch
                    batch = None
        # A large image goes before the next one comes.
        del image
    if batch is not None:
        yield batch


def _room(model: UNet, shape: tuple[int, ...]) -> NDArray[np.float32]:
    try:
        return np.empty(shape, np.float32)
    except (MemoryError, ValueError) as error:
        # NumPy calls what no address space could hold a ValueError.
        raise out_of_memory(model, shape, error) from error


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Make each item on a thread while the one before it is used: one, and no more, is ready.

    Parameters
    ----------
    items : iterator
        What makes them.

    Yields
    ------
    object
        The items. What making one raises is raised here, in its turn.
    """
    end = object()
    following = begin(next, items, end, name="patchmill-ahead")
    while True:
        item = following.result()
        if item is end:
            return
        following = begin(next, items, end, name="patchmill-ahead")
        yield item
        del item
