"""The masks of `MaskPatchFilterConfig`: images that say where patches are worth training on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from patchmill.config import DataConfig
from patchmill.sources import Image, ImageFiles, PathLike, ReadFunction, open_images

__all__ = ["mask_files", "open_masks"]


def open_masks(
    masks: Any, config: DataConfig, read_source_func: ReadFunction | None, extension_filter: str
) -> list[Image]:
    """Open masks that are at hand.

    Parameters
    ----------
    masks : numpy.ndarray, path, or a sequence of either
        One per image, in its axes without C.
    config : DataConfig
        The configuration of the images.
    read_source_func, extension_filter
        As for the images.

    Returns
    -------
    list of Image
        The masks.
    """
    return open_images(
        masks,
        config.data_type,
        _axes(config),
        read_source_func=read_source_func,
        extension_filter=extension_filter,
        name="mask",
    )


def mask_files(paths: Sequence[PathLike], config: DataConfig, read_source_func: ReadFunction | None) -> ImageFiles:
    """List the files of masks that are opened one at a time; see `open_masks`."""
    return ImageFiles(paths, config.data_type, _axes(config), read_source_func=read_source_func)


def _axes(config: DataConfig) -> str:
    return config.axes.replace("C", "")
