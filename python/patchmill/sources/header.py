"""What is known of an image before its pixels are at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from patchmill.errors import ReadError
from patchmill.sources.channels import channel_slice, check_channels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

__all__ = ["ImageHeader", "ImageLike"]


class ImageLike(Protocol):
    """What is known of an image, whether its pixels are at hand (`Image`) or not yet (`ImageHeader`)."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def n_samples(self) -> int:
        """The number of samples: S times T."""

    @property
    def n_channels(self) -> int:
        """The number of channels."""

    @property
    def size_zyx(self) -> tuple[int, int, int]:
        """The size in pixels of a sample in Z, Y and X."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the pixels."""

    @property
    def nbytes(self) -> int:
        """The bytes of all pixels, decoded."""

    @property
    def is_mapped(self) -> bool:
        """Whether the pixels are mapped from a file, so that they take no memory that could not be given back."""


@dataclass(frozen=True)
class ImageHeader:
    """What is known of the image of a file that is not open.

    Parameters
    ----------
    name : str
        The path of the file.
    n_samples : int
        The number of samples: S times T.
    n_channels : int
        The number of channels.
    size_zyx : tuple of int
        The size in pixels of a sample in Z, Y and X.
    dtype : numpy.dtype
        The data type of the pixels, with its byte order.
    nbytes : int
        The bytes of all pixels, decoded.
    is_mapped : bool
        Whether the pixels are mapped when the file is opened, and not read into memory.
    parts : tuple of pathlib.Path, default=()
        The files that hold the pixels, if there are several.
    """

    name: str
    n_samples: int
    n_channels: int
    size_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    nbytes: int
    is_mapped: bool
    parts: tuple[Path, ...] = ()

    @classmethod
    def of(cls, image: ImageLike) -> ImageHeader:
        """Return what is known of an image without its pixels.

        Parameters
        ----------
        image : Image or ImageHeader
            The image.

        Returns
        -------
        ImageHeader
            The header.
        """
        return cls(
            image.name,
            image.n_samples,
            image.n_channels,
            image.size_zyx,
            image.dtype,
            image.nbytes,
            image.is_mapped,
        )

    def select_channels(self, channels: Sequence[int]) -> ImageHeader:
        """Return the header of an image of some of the channels, as `Image.select_channels` makes it.

        Parameters
        ----------
        channels : sequence of int
            The channels, counted from 0, each at most once.

        Returns
        -------
        ImageHeader
            The header.

        Raises
        ------
        ConfigError
            If the channels are not integers from 0 on that differ, or there are none.
        ShapeError
            If the image does not have one of them.
        """
        check_channels(self, channels)
        return replace(
            self,
            n_channels=len(channels),
            nbytes=self.nbytes // self.n_channels * len(channels),
            is_mapped=self.is_mapped and channel_slice(channels) is not None,
        )

    def check_same(self, image: ImageLike) -> None:
        """Check that an image is still the one that the header is of: what was planned for it depends on that.

        Parameters
        ----------
        image : Image or ImageHeader
            The image that was opened again.

        Raises
        ------
        ReadError
            If it has other samples, channels, sizes, or another data type.
        """
        if _format(image) != _format(self):
            msg = (
                f"{self.name}: expected the image that was there before ({_described(self)}), got another one "
                f"({_described(image)}). Leave the files as they are while they are used."
            )
            raise ReadError(msg)


def _format(image: ImageLike) -> tuple[object, ...]:
    return image.n_samples, image.n_channels, image.size_zyx, image.dtype.newbyteorder("=")


def _described(image: ImageLike) -> str:
    return (
        f"{image.n_samples} samples of {image.n_channels} channels of {image.size_zyx} pixels (ZYX), {image.dtype.name}"
    )
