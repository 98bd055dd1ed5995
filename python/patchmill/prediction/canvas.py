"""What predicted tiles are put together on: an image in memory, which may be written when it is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from patchmill._core import Blend, stitch_into
from patchmill.errors import OutOfMemoryError
from patchmill.prediction.batches import Frame
from patchmill.sources import Normalization, restore_axes

__all__ = ["ArrayCanvas", "BlendName", "Canvas", "WrittenCanvas"]

BlendName = Literal["gaussian", "linear"]

T_co = TypeVar("T_co", covariant=True)


class Canvas(Protocol[T_co]):
    """What the tiles of one image are put together on, sample by sample in the order of their numbers."""

    def add(self, tiles: NDArray[np.float32], sample: int, first: int) -> None:
        """Add the predicted tiles of a sample from number `first` on."""

    def finish(self) -> T_co:
        """Return the result, when all tiles are there."""

    def abort(self) -> None:
        """Leave nothing behind."""


class ArrayCanvas:
    """An image in memory.

    Parameters
    ----------
    frame : Frame
        The image that is predicted.
    normalization : Normalization
        What the prediction is brought back by.
    blend : {"gaussian", "linear"}, optional
        How overlaps are weighted.

    Raises
    ------
    OutOfMemoryError
        If there is no memory for it.
    """

    def __init__(self, frame: Frame, normalization: Normalization, blend: BlendName | None) -> None:
        self._frame = frame
        self._normalization = normalization.pairs
        self._blend = None if blend is None else Blend(frame.grid, blend)
        shape = (frame.n_samples, normalization.n_channels, *frame.size_zyx)
        try:
            self._samples = np.zeros(shape, np.float32)
        except MemoryError as error:
            msg = (
                f"{frame.name}: expected memory for its prediction, {4 * np.prod(shape, dtype=float) / 2**30:.1f} GiB, "
                "got none. Predict it to disk (predict_to_disk), which holds a row of tiles at a time."
            )
            raise OutOfMemoryError(msg) from error

    def add(self, tiles: NDArray[np.float32], sample: int, first: int) -> None:
        """Add the predicted tiles of a sample from number `first` on."""
        stitch_into(
            tiles,
            self._frame.grid,
            first=first,
            normalization=self._normalization,
            out=self._samples[sample],
            blend=self._blend,
        )

    def finish(self) -> NDArray[np.float32]:
        """Return the prediction in the axes and the shape of the image."""
        return restore_axes(self._samples, self._frame.axes, self._frame.shape)

    def abort(self) -> None:
        """Do nothing."""


class WrittenCanvas:
    """An image in memory that is written when it is whole.

    Parameters
    ----------
    canvas : ArrayCanvas
        The image.
    path : pathlib.Path
        Where it goes.
    write : callable
        What writes it there.
    """

    def __init__(self, canvas: ArrayCanvas, path: Path, write: Callable[[Path, NDArray[np.float32]], None]) -> None:
        self._canvas = canvas
        self._path = path
        self._write = write

    def add(self, tiles: NDArray[np.float32], sample: int, first: int) -> None:
        """Add the predicted tiles of a sample from number `first` on."""
        self._canvas.add(tiles, sample, first)

    def finish(self) -> Path:
        """Write the image."""
        self._write(self._path, self._canvas.finish())
        return self._path

    def abort(self) -> None:
        """Do nothing."""
