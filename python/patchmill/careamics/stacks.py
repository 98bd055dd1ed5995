"""Images as CAREamics' image stacks: in their own data type, where CAREamics keeps float32 copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from careamics.dataset.factory import ReadFuncLoading
from careamics.dataset.image_stack.image_utils.image_stack_utils import pad_patch
from numpy.typing import NDArray

from patchmill.careamics.fallback import CannotAccelerateError
from patchmill.sources import Image, ImageFiles, open_files
from patchmill.sources.axes import canonical_shape
from patchmill.sources.tiff import tiff_header

__all__ = ["FileStack", "PixelStack", "open_stacks"]


class PixelStack:
    """An image that is at hand, in memory or mapped.

    Parameters
    ----------
    source : Path or "array"
        Where it comes from.
    axes : str
        The axes in which it came.
    shape : tuple of int
        Its shape, in these axes.
    dtype : numpy.dtype
        The data type of its pixels.
    image : Image, optional
        Its pixels.

    Attributes
    ----------
    source : Path or "array"
        Where it comes from.
    original_axes : str
        The axes in which it came.
    original_data_shape, data_shape : tuple of int
        The shape in which it came, and with the axes SC(Z)YX.
    data_dtype : numpy.dtype
        The data type of its pixels.
    """

    def __init__(
        self, source: Path | str, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], image: Image | None = None
    ) -> None:
        self.source = source
        self.original_axes = axes
        self.original_data_shape = shape
        n_s, n_t, n_channels, *size = canonical_shape(shape, axes)
        self.data_shape = (n_s * n_t, n_channels, *(size if "Z" in axes else size[1:]))
        self.data_dtype = dtype
        self._image = image

    @classmethod
    def of(cls, source: Path | str, image: Image) -> PixelStack:
        """Return the stack of an image. What is read of a file is in native byte order for CAREamics."""
        dtype = image.dtype if source == "array" else image.dtype.newbyteorder("=")
        return cls(source, image.axes, image.shape, dtype, image)

    @property
    def image(self) -> Image:
        """The image."""
        assert self._image is not None
        return self._image

    def extract_patch(
        self, sample_idx: int, channels: Sequence[int] | None, coords: Sequence[int], patch_size: Sequence[int]
    ) -> NDArray[np.float32]:
        """Cut a patch, with zeros for what lies outside of the image.

        Parameters
        ----------
        sample_idx : int
            The sample.
        channels : sequence of int, or None
            The channels; all of them if None.
        coords, patch_size : sequence of int
            Where the patch begins, and its size, (Z)YX.

        Returns
        -------
        numpy.ndarray C(Z)YX, float32
            The patch.
        """
        image = self.image if channels is None else self.image.select_channels(channels)
        sample = image.pixels[divmod(sample_idx, image.pixels.shape[1])]
        sample = sample if len(coords) == 3 else sample[:, 0]
        spans = zip(coords, patch_size, self.data_shape[2:], strict=True)
        inside = tuple(slice(min(max(c, 0), end), min(max(c + n, 0), end)) for c, n, end in spans)
        cut = sample[(slice(None), *inside)]
        padded: NDArray[np.float32] = pad_patch(coords, patch_size, (1, *sample.shape), cut)
        return padded


class FileStack(PixelStack):
    """An image in a file that is opened when it is needed, because not all of them are to be held at once.

    Parameters
    ----------
    files : ImageFiles
        The files.
    number : int
        Which of them.
    """

    def __init__(self, files: ImageFiles, number: int) -> None:
        path = files.paths[number]
        header = tiff_header(str(path), files.axes)
        super().__init__(path, header.axes, header.shape, header.dtype.newbyteorder("="))
        self.is_mapped = header.is_mapped
        self.open = partial(files.open, number)

    @property
    def is_loaded(self) -> bool:
        """Whether it is open."""
        return self._image is not None

    def load(self) -> None:
        """Open it."""
        self._image = self.open()

    def close(self) -> None:
        """Let go of its pixels."""
        self._image = None


def open_stacks(data: Sequence[Any], data_type: str, axes: str, *, in_memory: bool, loading: Any) -> list[PixelStack]:
    """Open what CAREamics' data module was given.

    Parameters
    ----------
    data : sequence of numpy.ndarray or Path
        What its own loaders would be given.
    data_type : str
        Of what type it is.
    axes : str
        The axes of each.
    in_memory : bool
        Whether the pixels of all files may be held at once. Those that are mapped take no memory in any case.
    loading : ReadFuncLoading, ImageStackLoading or None
        How custom files are read.

    Returns
    -------
    list of PixelStack
        One for each.

    Raises
    ------
    CannotAccelerateError
        If only CAREamics' own code can open it.
    PatchmillError
        If it is not what patchmill can read.
    """
    if data_type == "array":
        return [PixelStack.of("array", Image.of("array", np.asarray(array), axes)) for array in data]
    if data_type == "tiff":
        files = ImageFiles(data, "tiff", axes)
    elif data_type == "custom" and isinstance(loading, ReadFuncLoading):
        read = _reader(loading.read_source_func, loading.read_kwargs or {})
        files = ImageFiles(data, "custom", axes, read_source_func=read)
    else:
        what = "a loader of image stacks" if data_type == "custom" else f"the data type {data_type!r}"
        msg = f"{what} is CAREamics' own"
        raise CannotAccelerateError(msg)
    if files.is_custom or in_memory:
        images, _ = open_files(files)
        return [PixelStack.of(path, image) for path, image in zip(files.paths, images, strict=True)]
    stacks = [FileStack(files, number) for number in range(len(files))]
    return [PixelStack.of(stack.source, stack.open()) if stack.is_mapped else stack for stack in stacks]


def _reader(read: Callable[..., Any], options: dict[str, Any]) -> Callable[[Path], Any]:
    """Return a function that reads a file as CAREamics calls it: with its path, and no axes."""
    return lambda path: read(path, **options)
