"""A TIFF file that predicted tiles are put together in, of which a row of tiles is in memory."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from numpy.typing import NDArray

from patchmill._core import Blend, stitch_into
from patchmill.errors import OutputError
from patchmill.files import replacing
from patchmill.prediction.batches import Frame
from patchmill.prediction.canvas import BlendName
from patchmill.prediction.writers import check_free, not_written, write_options
from patchmill.sources import Normalization, parse_axes, restored_axes

if TYPE_CHECKING:
    from patchmill.sources import TiffMetadata

__all__ = ["TiffCanvas", "can_stream", "create_tiff"]


def can_stream(frame: Frame, n_channels: int) -> bool:
    """Tell whether the rows of a prediction lie in a TIFF one after the other: its last axes are Y and X."""
    return restored_axes(frame.axes, n_channels).endswith("YX")


class TiffCanvas:
    """A TIFF file, of which only the pixels that a row of tiles along X fills are in memory.

    The file has another name until it is whole.

    Parameters
    ----------
    frame : Frame
        The image that is predicted, as `can_stream` has it.
    normalization : Normalization
        What the prediction is brought back by.
    blend : {"gaussian", "linear"}, optional
        How overlaps are weighted. Sums are kept in the file.
    path : pathlib.Path
        The file.
    metadata : TiffMetadata, optional
        What the file said that the image came from.
    overwrite : bool
        Whether the file may be there.

    Raises
    ------
    OutputError
        If the file cannot be written, or the disk has no room for it.
    """

    def __init__(
        self,
        frame: Frame,
        normalization: Normalization,
        blend: BlendName | None,
        path: Path,
        *,
        metadata: TiffMetadata | None,
        overwrite: bool,
    ) -> None:
        self._frame = frame
        self._normalization = normalization.pairs
        self._blend = None if blend is None else Blend(frame.grid, blend)
        self._path = path
        self._overwrite = overwrite
        self._row: _Row | None = None
        self._tile_zyx = frame.tile_zyx
        # Where each pixel would lie in an array of the file's axes, seen in those of the samples.
        axes = restored_axes(frame.axes, normalization.n_channels)
        sizes = dict(zip(frame.axes, frame.shape, strict=True)) | {"C": normalization.n_channels}
        shape = tuple(sizes[axis] for axis in axes)
        strides = dict(zip(axes, np.cumprod([4, *shape[:0:-1]])[::-1].tolist(), strict=True))
        self._strides = {axis: int(strides.get(axis, 0)) for axis in "STCZYX"}
        self._n_times = sizes.get("T", 1)
        with contextlib.ExitStack() as stack:
            part = stack.enter_context(replacing(path))
            with _writing(path):
                self._offset = create_tiff(part, shape, axes, metadata=metadata)
                self._file = stack.enter_context(part.open("r+b", buffering=0))
                _reserve(self._file.fileno(), self._offset, 4 * int(np.prod(shape, dtype=np.int64)))
            self._stack = stack.pop_all()

    def add(self, tiles: NDArray[np.float32], sample: int, first: int) -> None:
        """Add the predicted tiles of a sample from number `first` on."""
        with _writing(self._path):
            for tile, number in zip(tiles, range(first, first + len(tiles)), strict=True):
                row = self._row
                if row is None or not row.holds(sample, self._window(number)):
                    self._end_row()
                    row = self._row = self._begin_row(sample, self._window(number))
                stitch_into(
                    tile[None],
                    self._frame.grid,
                    first=number,
                    normalization=self._normalization,
                    out=row.pixels,
                    origin=(row.z.start, row.y.start, 0),
                    blend=self._blend,
                )

    def finish(self) -> Path:
        """Give the file its name."""
        with self._stack:
            with _writing(self._path):
                self._end_row()
            self._file.close()
            check_free(self._path, overwrite=self._overwrite)
        return self._path

    def abort(self) -> None:
        """Remove the unfinished file."""
        with contextlib.suppress(_AbortedError), self._stack:
            raise _AbortedError

    def _window(self, number: int) -> tuple[range, range]:
        """Return what a tile fills along Z and Y."""
        spans = self._frame.grid.tile(number)[:2]
        if self._blend is None:
            z, y = (range(into, into + end - start) for _, start, end, into in spans)
        else:
            z, y = (
                range(origin, min(origin + tile, size))
                for (origin, *_), tile, size in zip(spans, self._tile_zyx, self._frame.size_zyx, strict=False)
            )
        return z, y

    def _begin_row(self, sample: int, window: tuple[range, range]) -> _Row:
        z, y = window
        pixels = np.zeros((len(self._normalization), len(z), len(y), self._frame.size_zyx[2]), np.float32)
        row = _Row(sample, z, y, pixels)
        if self._blend is not None:
            for place, lines in self._pieces(row):
                self._read(place, lines)
        return row

    def _end_row(self) -> None:
        row, self._row = self._row, None
        if row is not None:
            for place, lines in self._pieces(row):
                self._write(place, lines)

    def _pieces(self, row: _Row) -> list[tuple[int, NDArray[np.float32]]]:
        """List the stretches of the file that a row of tiles fills, and the pixels of each."""
        s, t = divmod(row.sample, self._n_times)
        step = self._strides
        start = self._offset + s * step["S"] + t * step["T"] + row.y.start * step["Y"]
        return [
            (start + channel * step["C"] + z * step["Z"], row.pixels[channel, z - row.z.start])
            for channel in range(len(row.pixels))
            for z in row.z
        ]

    def _read(self, place: int, lines: NDArray[np.float32]) -> None:
        self._file.seek(place)
        view = lines.data.cast("B")
        while view:
            n_bytes = self._file.readinto(view)
            if not n_bytes:
                msg = f"{self._path}: expected the file as it was written so far, got one that is shorter."
                raise OutputError(msg)
            view = view[n_bytes:]

    def _write(self, place: int, lines: NDArray[np.float32]) -> None:
        self._file.seek(place)
        view = lines.data.cast("B")
        while view:
            view = view[self._file.write(view) :]


class _Row:
    """The pixels of a sample, along all of X, that a row of tiles fills."""

    def __init__(self, sample: int, z: range, y: range, pixels: NDArray[np.float32]) -> None:
        self.sample = sample
        self.z = z
        self.y = y
        self.pixels = pixels

    def holds(self, sample: int, window: tuple[range, range]) -> bool:
        return (self.sample, self.z, self.y) == (sample, *window)


class _AbortedError(Exception):
    """Makes what is open clean up after itself."""


def _reserve(file: int, offset: int, n_bytes: int) -> None:
    """Have the disk keep room for a file, where the file system can, so that a full disk is known at once."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, offset, n_bytes)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say of which file it is when something cannot be written."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(not_written(path, error)) from error


def create_tiff(path: Path, shape: tuple[int, ...], axes: str, *, metadata: TiffMetadata | None = None) -> int:
    """Create a TIFF file of zeros, as `write_tiff` writes it, for float32 pixels that are written into it afterwards.

    Parameters
    ----------
    path : path
        The file.
    shape : tuple of int
        The shape of the image.
    axes : str
        Its axes, the last of which are Y and X.
    metadata : TiffMetadata, optional
        As for `write_tiff`.

    Returns
    -------
    int
        The offset, in bytes, of the first pixel. All pixels follow it in the order of the axes, little-endian.
    """
    # An image that takes no memory.
    stand_in = np.broadcast_to(np.float32(0), shape)
    options = write_options(stand_in, parse_axes(axes), metadata)
    place = tifffile.imwrite(
        path, shape=shape, dtype="<f4", byteorder="<", software="patchmill", returnoffset=True, **options
    )
    assert place is not None
    return place[0]
