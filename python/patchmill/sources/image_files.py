"""Images in files that are opened one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from patchmill.errors import ConfigError, MissingFileError
from patchmill.sources.axes import canonical_shape, parse_axes
from patchmill.sources.channels import parse_channels
from patchmill.sources.custom import ReadFunction, check_read_source_func, open_custom_image
from patchmill.sources.files import PathLike
from patchmill.sources.header import ImageHeader
from patchmill.sources.image import Image, check_format
from patchmill.sources.tiff import open_tiff_image, tiff_header

__all__ = ["ImageFiles"]


class ImageFiles:
    """Files that each hold an image, opened one at a time.

    It pickles, with the function that reads custom files if that does.

    Parameters
    ----------
    paths : sequence of paths
        The files, as `list_files` lists them.
    data_type : {"tiff", "custom"}
        Of what type they are.
    axes : str
        The axes of every image.
    read_source_func : callable, optional
        What reads custom files; see `open_custom_image` for how it is called. It runs on the thread that calls `open`.
    channels : sequence of int, optional
        The channels to use, in this order; all of them by default.

    Raises
    ------
    AxesError
        If the axes are not valid.
    ConfigError
        If the data type, the function or the channels cannot be used.
    MissingFileError
        If there are no paths.
    """

    def __init__(
        self,
        paths: Sequence[PathLike],
        data_type: str,
        axes: str,
        *,
        read_source_func: ReadFunction | None = None,
        channels: Sequence[int] | None = None,
    ) -> None:
        if data_type not in ("custom", "tiff"):
            msg = f"data_type: expected 'tiff' or 'custom' for files, got {data_type!r}."
            raise ConfigError(msg)
        check_read_source_func(read_source_func, data_type)
        self._paths = tuple(map(Path, paths))
        self._axes = parse_axes(axes)
        self._read_source_func = read_source_func if data_type == "custom" else None
        self._channels = None if channels is None else parse_channels(channels)
        if not self._paths:
            msg = "data: expected at least one file, got none. Give the files to train on or to predict."
            raise MissingFileError(msg)

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[Image]:
        return map(self.open, range(len(self)))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return self._paths

    @property
    def axes(self) -> str:
        """The axes of every image."""
        return self._axes

    @property
    def is_custom(self) -> bool:
        """Whether a function reads the files, so that nothing is known of them before."""
        return self._read_source_func is not None

    def open(self, number: int) -> Image:
        """Open a file. Any thread may.

        Parameters
        ----------
        number : int
            Which of the files.

        Returns
        -------
        Image
            The image. It holds the memory of the channels that are used, and not of the others.

        Raises
        ------
        PatchmillError
            If the file cannot be read, or does not hold such an image; see `open_custom_image` for what it can be.
        """
        path = self._paths[number]
        if self._read_source_func is None:
            image = open_tiff_image(path, self._axes)
        else:
            image = open_custom_image(path, self._axes, self._read_source_func)
        if self._channels is None:
            return image
        chosen = image.select_channels(self._channels)
        if chosen.is_mapped or chosen.n_channels == image.n_channels:
            return chosen
        return replace(chosen, pixels=chosen.pixels.copy(order="K"))

    def header(self, number: int) -> ImageHeader:
        """Return what is known of the image of a file: a TIFF says it, a custom file is read for it.

        Parameters
        ----------
        number : int
            Which of the files.

        Returns
        -------
        ImageHeader
            The header.

        Raises
        ------
        PatchmillError
            As `open` does, but for pixels that cannot be decoded.
        """
        if self.is_custom:
            return ImageHeader.of(self.open(number))
        name = str(self._paths[number])
        tiff = tiff_header(name, self._axes)
        check_format(name, tiff.shape, tiff.dtype)
        n_s, n_t, n_channels, size_z, size_y, size_x = canonical_shape(tiff.shape, tiff.axes)
        header = ImageHeader(
            name=name,
            n_samples=n_s * n_t,
            n_channels=n_channels,
            size_zyx=(size_z, size_y, size_x),
            dtype=tiff.dtype,
            nbytes=tiff.nbytes,
            is_mapped=tiff.is_mapped,
            parts=tiff.parts,
        )
        return header if self._channels is None else header.select_channels(self._channels)

    def select(self, numbers: Sequence[int]) -> ImageFiles:
        """Return some of the files.

        Parameters
        ----------
        numbers : sequence of int
            Which of the files, in the order in which they are wanted.

        Returns
        -------
        ImageFiles
            These files.
        """
        chosen = ImageFiles.__new__(ImageFiles)
        chosen.__dict__.update(self.__dict__, _paths=tuple(self._paths[number] for number in numbers))
        return chosen
