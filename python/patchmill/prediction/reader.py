"""The images that are predicted, opened one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from patchmill._core import default_num_threads, statistics
from patchmill.background import begin
from patchmill.sources import (
    Image,
    ImageFiles,
    ImageLike,
    ReadFunction,
    are_open,
    check_data_type,
    check_read_source_func,
    list_files,
    open_images,
    survey_files,
)
from patchmill.sources.files import relative_names

__all__ = ["ImageReader"]

_AHEAD_BYTES = 2**28
"""Images up to this size are read while the one before them is predicted."""


class ImageReader:
    """Images in their order: arrays, or files of which the next one is read ahead on a thread if they are not large.

    Parameters
    ----------
    images : sequence of Image, or ImageFiles
        The images.
    known : sequence of ImageLike, optional
        What is known of all of them before they are read.
    names : sequence of str, optional
        What files are called below their common folder.
    """

    def __init__(
        self,
        images: Sequence[Image] | ImageFiles,
        *,
        known: Sequence[ImageLike] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.known = known
        self.names = names
        self.paths: tuple[Path, ...] | None = images.paths if isinstance(images, ImageFiles) else None
        self.is_custom = isinstance(images, ImageFiles) and images.is_custom
        self._open: Callable[[int], Image] = images.open if isinstance(images, ImageFiles) else images.__getitem__
        self._n_images = len(images)
        self._next: tuple[int, Future[Image]] | None = None

    @classmethod
    def of(
        cls,
        data: Any,
        data_type: str,
        axes: str,
        *,
        read_source_func: ReadFunction | None = None,
        extension_filter: str = "",
        channels: Sequence[int] | None = None,
    ) -> Self:
        """Find the images, and read the headers of those that have one.

        Parameters
        ----------
        data, data_type, axes, read_source_func, extension_filter, channels
            As in `patchmill.sources.open_images`.

        Returns
        -------
        ImageReader
            The images.

        Raises
        ------
        PatchmillError
            As `open_images` does, but for pixels that cannot be decoded, and for custom files, which are not read yet.
        """
        if not are_open(data):
            check_read_source_func(read_source_func, data_type)
            check_data_type(data, data_type)
        if data_type == "array" or are_open(data):
            images = open_images(data, data_type, axes, channels=channels)
            return cls(images, known=images)
        paths = list_files(data, data_type, extension_filter)
        files = ImageFiles(paths, data_type, axes, read_source_func=read_source_func, channels=channels)
        known = None if files.is_custom else survey_files(files).headers
        return cls(files, known=known, names=relative_names(data, paths))

    def __len__(self) -> int:
        return self._n_images

    @property
    def title(self) -> str:
        """What a progress bar calls them."""
        if len(self) > 1:
            return f"{len(self)} images"
        return self.paths[0].name if self.paths is not None else Path(self.known[0].name).name if self.known else ""

    def take(self, number: int) -> Image:
        """Open an image, whose pixels are all numbers.

        Parameters
        ----------
        number : int
            Which one.

        Returns
        -------
        Image
            The image. Nothing else holds it.

        Raises
        ------
        PatchmillError
            If it cannot be read, or a pixel is NaN, infinite, or of a magnitude beyond 2**53.
        """
        ready, self._next = self._next, None
        image = ready[1].result() if ready is not None and ready[0] == number else self._checked(number)
        is_small = image.is_mapped or image.nbytes <= _AHEAD_BYTES
        if self.paths is not None and is_small and number + 1 < len(self):
            self._next = number + 1, begin(self._checked, number + 1, name="patchmill-read")
        return image

    def _checked(self, number: int) -> Image:
        image = self._open(number)
        if image.dtype.kind == "f" or image.dtype.itemsize == 8:
            # One pixel that is no number would spread as far as the network sees. All others are fine.
            statistics([(image.name, image.pixels)], num_threads=default_num_threads())
        return image
