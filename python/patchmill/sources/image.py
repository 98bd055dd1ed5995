"""One image: where its pixels lie, under which name and axes."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import AxesError, DtypeError, PairError, PatchmillWarning, ReadError, ShapeError
from patchmill.sources.axes import canonical_view, parse_axes
from patchmill.sources.channels import channel_slice, check_channels
from patchmill.sources.files import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from patchmill.sources.header import ImageLike

__all__ = ["PIXEL_DTYPES", "Image", "check_alike", "check_format", "check_pairs", "check_pixels"]

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

    def part(self, whole: NDArray[Any], view: NDArray[Any]) -> _MappedRegion:
        """Return the region of a view of the pixels of this one."""
        distance = int(view.__array_interface__["data"][0]) - int(whole.__array_interface__["data"][0])
        return replace(self, offset=self.offset + distance, shape=view.shape, strides=view.strides)

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

    def select_channels(self, channels: Sequence[int]) -> Image:
        """Return an image of some of the channels, in the order in which they are given.

        Channels that are equally far apart (``[1]``, ``[0, 1, 2]``, ``[4, 2, 0]``) are viewed: nothing is copied, and
        what is mapped stays mapped. Others are copied.

        Parameters
        ----------
        channels : sequence of int
            The channels, counted from 0, each at most once.

        Returns
        -------
        Image
            The image of these channels, under the same name and axes.

        Raises
        ------
        ConfigError
            If the channels are not integers from 0 on that differ, or there are none.
        ShapeError
            If the image does not have one of them.
        """
        check_channels(self, channels)
        at = self.axes.find("C")
        shape = self.shape if at < 0 else (*self.shape[:at], len(channels), *self.shape[at + 1 :])
        chosen = channel_slice(channels)
        if chosen is None:
            return Image(self.name, self.axes, shape, np.take(self.pixels, channels, axis=2))
        view = self.pixels[:, :, chosen]
        region = None if self._region is None else self._region.part(self.pixels, view)
        return Image(self.name, self.axes, shape, view, region)

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
    check_format(name, array.shape, array.dtype)


def check_format(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Check that an image has pixels, of a data type that can be milled, by what is known before they are read.

    Parameters
    ----------
    name : str
        What the messages call it.
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its data type.

    Raises
    ------
    DtypeError
        If the data type cannot be milled.
    ShapeError
        If there are no pixels.
    """
    if dtype.fields is not None or dtype.newbyteorder("=").str[1:] not in _KNOWN_DTYPES:
        advice = {
            "c": "Take the real part or the magnitude",
            "O": "Make one array per image, and give them as a list",
        }.get(dtype.kind, "Convert it")
        msg = (
            f"{name}: expected bool, integers, or floats of at most 64 bits, got the data type {dtype}. "
            f"{advice} before giving it to patchmill."
        )
        raise DtypeError(msg)
    if 0 in shape:
        msg = f"{name}: expected an image, got the shape {shape}, which holds no pixels. Leave it out."
        raise ShapeError(msg)


_KNOWN_DTYPES = frozenset(np.dtype(name).str[1:] for name in PIXEL_DTYPES)


def check_alike(images: Sequence[ImageLike]) -> None:
    """Check that images can be trained on or predicted together.

    Parameters
    ----------
    images : sequence of Image or ImageHeader
        The images, at least one. Their sizes and numbers of samples may differ.

    Raises
    ------
    DtypeError
        If they are not of one data type. Byte orders may differ.
    ShapeError
        If they do not have the same number of channels.
    """
    first = images[0]
    dtype = first.dtype.newbyteorder("=")
    for image in images[1:]:
        if image.dtype.newbyteorder("=") != dtype:
            msg = (
                f"{image.name}: expected the data type {first.dtype.name} of {first.name}, got {image.dtype.name}. "
                "Convert the images to one data type, or give them one at a time."
            )
            raise DtypeError(msg)
        if image.n_channels != first.n_channels:
            msg = (
                f"{image.name}: expected {first.n_channels} channel(s) as in {first.name}, got {image.n_channels} of "
                f"{image.size_zyx} pixels (ZYX). Give images of one number of channels, or check which axis is C."
            )
            raise ShapeError(msg)


def check_pairs(images: Sequence[ImageLike], targets: Sequence[ImageLike]) -> None:
    """Check that every image has a target of its samples and its size.

    Parameters
    ----------
    images : sequence of Image or ImageHeader
        The images.
    targets : sequence of Image or ImageHeader
        Their targets, in the same order. Their channels and data types may be others.

    Raises
    ------
    PairError
        If there are more or fewer targets than images.
    ShapeError
        If a target does not have the samples and the size of its image.
    """
    if len(images) != len(targets):
        names = [shown(image.name for image in group) for group in (images, targets)]
        msg = (
            f"targets: expected {len(images)}, one per image, got {len(targets)} ({' against '.join(names)}). "
            "Give every image a target."
        )
        raise PairError(msg)
    for image, target in zip(images, targets, strict=True):
        if (image.n_samples, image.size_zyx) != (target.n_samples, target.size_zyx):
            msg = (
                f"{target.name}: expected the {image.n_samples} samples of {image.size_zyx} pixels (ZYX) of "
                f"{image.name}, got {target.n_samples} of {target.size_zyx}. A target covers the pixels of its image."
            )
            raise ShapeError(msg)
