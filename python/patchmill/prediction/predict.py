"""Images through a trained network, in tiles that overlap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from numbers import Integral
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from patchmill._core import default_num_threads
from patchmill.errors import ConfigError
from patchmill.models import UNet
from patchmill.prediction.batches import Frame, ahead, cut_batches
from patchmill.prediction.canvas import ArrayCanvas, BlendName, Canvas
from patchmill.prediction.network import Network
from patchmill.prediction.orientations import IDENTITY, Orientation
from patchmill.prediction.reader import ImageReader
from patchmill.prediction.tiling import Tiling, check_image
from patchmill.progress import track
from patchmill.sources import Image, Normalization

__all__ = ["Predictor", "predict_image"]

logger = logging.getLogger("patchmill")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A network, and how images go through it.

    Parameters
    ----------
    model : UNet
        The network, on the device that it runs on.
    normalization : Normalization
        What the pixels are normalised by.
    target_normalization : Normalization
        What predictions are brought back by: that of the targets, or of the images if there were none.
    tile_size : sequence of int, optional
        The size of a tile, (Z)YX, each a multiple of ``2**depth``. None: each sample at once.
    tile_overlap : sequence of int, default=(48, 48)
        How far tiles overlap, (Z)YX, each even and smaller than the tile.
    batch_size : int, default=1
        The most tiles that go through the network together.
    orientations : sequence of Orientation
        What predictions are averaged over.
    blend : {"gaussian", "linear"}, optional
        How tiles are weighted, over the whole of their overlap. None: half of it is taken from either neighbour.
    reflect_borders : bool, default=False
        Whether the network sees images reflected at their borders beyond them, and not zeros.
    num_threads : int, optional
        The threads that cut tiles; as many as there are cores by default.
    progress : bool, default=False
        Whether a progress bar is drawn. Without it, a line of the log says what is predicted.

    Attributes
    ----------
    tiling : Tiling
        The tiles, checked.

    Raises
    ------
    ConfigError
        If tile size, overlap, batch size or blend are not valid.
    """

    model: UNet
    normalization: Normalization
    target_normalization: Normalization
    tile_size: Sequence[int] | None = None
    tile_overlap: Sequence[int] = (48, 48)
    batch_size: int = 1
    orientations: Sequence[Orientation] = (IDENTITY,)
    blend: BlendName | None = None
    reflect_borders: bool = False
    num_threads: int | None = None
    progress: bool = False
    tiling: Tiling = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.batch_size, Integral) or isinstance(self.batch_size, bool) or self.batch_size < 1:
            msg = f"batch_size: expected a whole number of at least 1, got {self.batch_size!r}. Give a number of tiles."
            raise ConfigError(msg)
        # NumPy's integers overflow where tiles are counted.
        object.__setattr__(self, "batch_size", int(self.batch_size))
        if self.blend not in ("gaussian", "linear", None):
            msg = f"blend: expected 'gaussian', 'linear' or None, got {self.blend!r}."
            raise ConfigError(msg)
        sizes = self.tile_size, self.tile_overlap
        object.__setattr__(self, "tiling", Tiling.of(self.model, *sizes, reflect_borders=self.reflect_borders))

    def check(self, reader: ImageReader) -> None:
        """Check what is known of images before any is read.

        Parameters
        ----------
        reader : ImageReader
            The images.

        Raises
        ------
        ShapeError
            If one has other channels or dimensions than the network.
        """
        for image in reader.known or ():
            check_image(self.model, image)

    def predict(self, reader: ImageReader) -> list[NDArray[np.float32]]:
        """Predict images.

        Parameters
        ----------
        reader : ImageReader
            The images.

        Returns
        -------
        list of numpy.ndarray, float32
            A prediction for each, in its axes and shape.

        Raises
        ------
        PatchmillError
            If an image cannot be read, has pixels that are no numbers, or does not fit the network or the memory.
        """
        return list(self.run(reader, lambda frame: ArrayCanvas(frame, self.target_normalization, self.blend)))

    def run(self, reader: ImageReader, open_canvas: Callable[[Frame], Canvas[T]]) -> Iterator[T]:
        """Predict images, each on a canvas of its own, one after the other.

        Parameters
        ----------
        reader : ImageReader
            The images.
        open_canvas : callable
            Makes the canvas of an image.

        Yields
        ------
        object
            What each canvas makes of its tiles, in the order of the images.

        Raises
        ------
        PatchmillError
            As `predict` does.
        """
        self.check(reader)
        n_tiles = None
        if reader.known is not None:
            n_tiles = sum(image.n_samples * len(self.tiling.grid(image)) for image in reader.known)
        if not self.progress:
            logger.info("predicting %s: %s tiles", reader.title, "?" if n_tiles is None else n_tiles)
        steps = _Steps(self._steps(reader, open_canvas), n_tiles, len(reader))
        for results in track(steps, f"Predicting {reader.title}", visible=self.progress):
            yield from results

    def _steps(self, reader: ImageReader, open_canvas: Callable[[Frame], Canvas[T]]) -> Iterator[tuple[int, list[T]]]:
        """Yield again and again how many tiles were added, and what has become ready by that."""
        network = Network(self.model, self.orientations)
        batches = cut_batches(
            self.model,
            reader,
            self.tiling,
            self.normalization,
            batch_size=self.batch_size,
            num_threads=self.num_threads or default_num_threads(),
        )
        canvas: Canvas[T] | None = None
        try:
            for batch in ahead(batches):
                predicted, start = network(batch.tiles), 0
                for part in batch.parts:
                    if part.is_start:
                        canvas = open_canvas(part.frame)
                    assert canvas is not None
                    canvas.add(predicted[start : start + part.n_tiles], part.sample, part.first)
                    start += part.n_tiles
                    results: list[T] = []
                    if part.is_end:
                        finished, canvas = canvas, None
                        results.append(finished.finish())
                    yield part.n_tiles, results
                # The next batch has the memory to itself.
                del batch, predicted
        finally:
            if canvas is not None:
                canvas.abort()


class _Steps(Generic[T]):
    """The steps of a progress bar: one for each tile or, where nobody knows how many there are, for each image."""

    def __init__(self, parts: Iterator[tuple[int, list[T]]], n_tiles: int | None, n_images: int) -> None:
        self._parts = parts
        self._n_tiles = n_tiles
        self._n_images = n_images

    def __len__(self) -> int:
        return self._n_images if self._n_tiles is None else self._n_tiles

    def __iter__(self) -> Iterator[list[T]]:
        for n_tiles, results in self._parts:
            n_steps = len(results) if self._n_tiles is None else n_tiles
            yield from repeat([], n_steps - 1)
            if n_steps:
                yield results


def predict_image(
    model: UNet,
    image: Image,
    *,
    normalization: Normalization,
    target_normalization: Normalization,
    tile_size: Sequence[int] | None = None,
    tile_overlap: Sequence[int] = (48, 48),
    batch_size: int = 1,
    blend: BlendName | None = None,
    orientations: Sequence[Orientation] = (IDENTITY,),
    progress: bool = False,
) -> NDArray[np.float32]:
    """Predict an image.

    Tiles overlap; half of each overlap is taken from either neighbour, or all of it is blended. An axis shorter than
    its tile is padded by reflection, and the padding is cut off again.

    Parameters
    ----------
    model, normalization, target_normalization, tile_size, tile_overlap, batch_size, blend, orientations, progress
        As for `Predictor`.
    image : Image
        The image, of as many channels as the network takes.

    Returns
    -------
    numpy.ndarray, float32
        The prediction, in the axes and the shape of the image.

    Raises
    ------
    ConfigError
        If tile size, overlap, batch size or blend are not valid.
    DataError
        If a pixel is NaN, infinite, or of a magnitude beyond 2**53. It names the first one.
    OutOfMemoryError
        If the memory does not do. It proposes a batch and a tile that should fit.
    ShapeError
        If the image has another number of channels or dimensions than the network.
    """
    predictor = Predictor(
        model=model,
        normalization=normalization,
        target_normalization=target_normalization,
        tile_size=tile_size,
        tile_overlap=tile_overlap,
        batch_size=batch_size,
        blend=blend,
        orientations=orientations,
        progress=progress,
    )
    (predicted,) = predictor.predict(ImageReader([image], known=[image]))
    return predicted
