"""One image: where its pixels lie, under which name and axes."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import AxesError, DtypeError, PatchmillWarning, ReadError, ShapeError
from patchmill.sources.axes import canonical_view, parse_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PIXEL_DTYPES", "Image", "check_alike", "check_pixels"]

PIXEL_DTYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
"""The data types that can be milled, in either byte order."""

_LARGE_PICKLE_BYTES = 1 << 30


@dataclass(frozen=True)
class _MappedRegion:
    """A strided array within a file, and how to see that the file is still the same."""

    path: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    file_bytes: int
    mtime_ns: int | None

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> _MappedRegion | None:
        """Find the file that `pixels` are a view of; None if they lie in memory, or are private to this process."""
        root: NDArray[Any] = pixels
        while isinstance(root.base, np.ndarray):
            root = root.base
        if not isinstance(root, np.memmap) or root.filename is None or root.mode == "c":
            return None
        path = os.fspath(root.filename)
        try:
            status = Path(path).stat()
        except OSError:
            return None
        distance = int(pixels.__array_interface__["data"][0]) - int(root.__array_interface__["data"][0])
        return cls(
            path=str(path),
            offset=int(root.offset) + distance,
            shape=pixels.shape,
            strides=pixels.strides,
            dtype=pixels.dtype,
            file_bytes=status.st_size,
            # A map that may be written to changes the time of its file itself.
            mtime_ns=status.st_mtime_ns if root.mode == "r" else None,
        )

    def open(self) -> NDArray[Any]:
        """Map the file again, in this process."""
        try:
            status = Path(self.path).stat()
        except OSError as error:
            msg = f"{self.path}: expected the file that was mapped before, got an error: {error.strerror or error}."
            raise ReadError(msg) from error
        if status.st_size != self.file_bytes or (self.mtime_ns is not None and status.st_mtime_ns != self.mtime_ns):
            msg = (
                f"{self.path}: expected the file as it was when it was mapped ({self.file_bytes} bytes), got one that "
                f"was written since ({status.st_size} bytes). Open the image again."
            )
            raise ReadError(msg)
        whole: NDArray[Any] = np.memmap(self.path, dtype=np.uint8, mode="r")
        return np.ndarray(self.shape, dtype=self.dtype, buffer=whole, offset=self.offset, strides=self.strides)


@dataclass(frozen=True, eq=False)
class Image:
    """One image of a source.

    Make it with `Image.of`. Pickled, a mapped image is a path, an offset, a shape and the time and size of its file,
    which is mapped again where it is unpickled; any other image travels by value, with a warning above 1 GiB.

    Parameters
    ----------
    name : str
        What messages call it: the path of its file, or the place of the array.
    axes : str
        The axes in which the image came, in the order of `shape`.
    shape : tuple of int
        The shape in which the image came.
    pixels : numpy.ndarray
        A view of its pixels in their own data type, with the axes S, T, C, Z, Y, X.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    pixels: NDArray[Any]
    _region: _MappedRegion | None = None

    @classmethod
    def of(cls, name: str, array: NDArray[Any], axes: str) -> Image:
        """View an array as an image. Nothing is copied.

        Parameters
        ----------
        name : str
            What messages call it.
        array : numpy.ndarray
            Its pixels: bool, an integer, or a floating-point type of at most 64 bits, in either byte order.
        axes : str
            The axes of the array.

        Returns
        -------
        Image
            The image.

        Raises
        ------
        AxesError
            If the axes are not valid, or do not fit the shape.
        DtypeError
            If the data type cannot be milled.
        ShapeError
            If the array holds no pixels.
        """
        letters = parse_axes(axes)
        check_pixels(name, array)
        if array.ndim != len(letters):
            msg = (
                f"{name}: expected {len(letters)} axes, as in {letters!r}, got {array.ndim}: its shape is "
                f"{array.shape}. Give one letter per axis, in the order of the shape."
            )
            raise AxesError(msg)
        pixels = canonical_view(array, letters).view(np.ndarray)
        return cls(name, letters, array.shape, pixels, _MappedRegion.of(pixels))

    @property
    def n_samples(self) -> int:
        """The number of samples: S times T."""
        n_s, n_t = self.pixels.shape[:2]
        return int(n_s * n_t)

    @property
    def n_channels(self) -> int:
        """The number of channels; 1 if the image has no channel axis."""
        return int(self.pixels.shape[2])

    @property
    def size_zyx(self) -> tuple[int, int, int]:
        """The size in pixels of a sample in Z, Y and X; Z is 1 if the image has no such axis."""
        _, _, _, size_z, size_y, size_x = self.pixels.shape
        return size_z, size_y, size_x

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the pixels, with its byte order."""
        return self.pixels.dtype

    @property
    def nbytes(self) -> int:
        """The bytes of all pixels, decoded."""
        return self.pixels.nbytes

    @property
    def is_mapped(self) -> bool:
        """Whether the pixels are mapped from a file, so that they take no memory that could not be given back."""
        return self._region is not None

    def __reduce__(self) -> tuple[Callable[..., Image], tuple[Any, ...]]:
        if self._region is not None:
            return _open_mapped, (self.name, self.axes, self.shape, self._region)
        if self.nbytes > _LARGE_PICKLE_BYTES:
            warnings.warn(
                f"{self.name}: {self.nbytes / 2**30:.1f} GiB of pixels are pickled by value, and so copied into every "
                "process that gets them. Store the image as an uncompressed TIFF, which is mapped instead.",
                PatchmillWarning,
                stacklevel=2,
            )
        return Image, (self.name, self.axes, self.shape, self.pixels)


def _open_mapped(name: str, axes: str, shape: tuple[int, ...], region: _MappedRegion) -> Image:
    return Image(name, axes, shape, region.open(), region)


def check_pixels(name: str, array: NDArray[Any]) -> None:
    """Check that an array holds pixels of a data type that can be milled.

    Parameters
    ----------
    name : str
        What the messages call it.
    array : numpy.ndarray
        The array.

    Raises
    ------
    DtypeError
        If the data type cannot be milled: complex numbers, objects, strings, dates, records; or if some of the pixels
        are masked out.
    ShapeError
        If the array holds no pixels.
    """
    if isinstance(array, np.ma.MaskedArray):
        msg = f"{name}: expected a plain array, got a masked one. Fill its masked pixels first, with array.filled(...)."
        raise DtypeError(msg)
    if array.dtype.fields is not None or array.dtype.newbyteorder("=").str[1:] not in _KNOWN_DTYPES:
        advice = {
            "c": "Take the real part or the magnitude",
            "O": "Make one array per image, and give them as a list",
        }.get(array.dtype.kind, "Convert it")
        msg = (
            f"{name}: expected bool, integers, or floats of at most 64 bits, got the data type {array.dtype}. "
            f"{advice} before giving it to patchmill."
        )
        raise DtypeError(msg)
    if array.size == 0:
        msg = f"{name}: expected an image, got the shape {array.shape}, which holds no pixels. Leave it out."
        raise ShapeError(msg)


_KNOWN_DTYPES = frozenset(np.dtype(name).str[1:] for name in PIXEL_DTYPES)


def check_alike(images: Sequence[Image]) -> None:
    """Check that images can be trained on or predicted together.

    Parameters
    ----------
    images : sequence of Image
        The images. Their sizes and numbers of samples may differ.

    Raises
    ------
    DtypeError
        If they are not of one data type. Byte orders may differ.
    ShapeError
        If they do not have the same number of channels.
    """
    first = images[0]
    for image in images[1:]:
        if image.dtype.newbyteorder("=") != first.dtype.newbyteorder("="):
            msg = (
                f"{image.name}: expected the data type {first.dtype.name} of {first.name}, got {image.dtype.name}. "
                "Convert the images to one data type, or give them one at a time."
            )
            raise DtypeError(msg)
        if image.n_channels != first.n_channels:
            msg = (
                f"{image.name}: expected {first.n_channels} channel(s) as in {first.name}, got {image.n_channels}: "
                f"its axes are {image.axes!r}, its shape {image.shape}. Give images of one number of channels."
            )
            raise ShapeError(msg)
