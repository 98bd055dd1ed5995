"""The masks of `MaskPatchFilterConfig`: images that say where patches are worth training on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from patchmill.config import DataConfig
from patchmill.errors import ConfigError
from patchmill.sources import Image, ImageFiles, PathLike, ReadFunction, are_open, open_images, pair_files

__all__ = ["check_masks_are_used", "mask_files", "masks_of", "open_masks"]


def check_masks_are_used(config: DataConfig, masks: Any) -> None:
    """Refuse masks that no filter asks for.

    Raises
    ------
    ConfigError
        If there are some.
    """
    if masks is not None and (config.patch_filter is None or config.patch_filter.name != "mask"):
        msg = "filter_masks: expected none without MaskPatchFilterConfig, got some. Give a mask filter, or no masks."
        raise ConfigError(msg)


def masks_of(
    paths: Iterable[PathLike], inputs: Any, masks: Any, config: DataConfig, extension_filter: str = ""
) -> list[Path]:
    """List the masks of some files, by their names.

    Parameters
    ----------
    paths : iterable of paths
        The files, of those that `inputs` stand for: some of them may not be used.
    inputs, masks : path or sequence of paths
        What the user has given.
    config : DataConfig
        The configuration of the images.
    extension_filter : str, default=""
        As for the images.

    Returns
    -------
    list of pathlib.Path
        A mask for each.

    Raises
    ------
    PairError
        If inputs and masks differ in their names.
    """
    mask_of = dict(pair_files(inputs, masks, config.data_type, extension_filter))
    return [mask_of[Path(path)] for path in paths]


def open_masks(
    masks: Any,
    config: DataConfig,
    inputs: Any,
    images: Sequence[Image],
    *,
    read_source_func: ReadFunction | None,
    extension_filter: str,
) -> list[Image]:
    """Open masks that are at hand.

    Parameters
    ----------
    masks : numpy.ndarray, path, or a sequence of either
        One per image, in its axes without C. Files are paired with those of the images by their names.
    config : DataConfig
        The configuration of the images.
    inputs : numpy.ndarray, path, or a sequence of either, or of Image
        What the images were opened from.
    images : sequence of Image
        The images.
    read_source_func, extension_filter
        As for the images.

    Returns
    -------
    list of Image
        The masks.

    Raises
    ------
    PatchmillError
        If they cannot be opened, or are not those of the images.
    """
    if config.data_type != "array" and not are_open(inputs):
        masks = masks_of((image.name for image in images), inputs, masks, config, extension_filter)
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
