"""Opening images, whatever they come as."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import ConfigError, DtypeError
from patchmill.sources.array import images_from_arrays
from patchmill.sources.custom import ReadFunction, check_read_source_func
from patchmill.sources.files import PathLike, described, list_files, pair_files
from patchmill.sources.image import Image, check_alike, check_pairs
from patchmill.sources.image_files import ImageFiles
from patchmill.sources.skipping import OnError, check_on_error
from patchmill.sources.survey import open_files

__all__ = ["are_open", "check_data_type", "open_image_pairs", "open_images"]

Arrays = NDArray[Any] | Sequence[NDArray[Any]]

Paths = PathLike | Sequence[PathLike]

Data = Arrays | Paths | Sequence[Image]
"""What images come as."""

_TYPES = ("array", "tiff", "custom")


def open_images(
    data: Data,
    data_type: str,
    axes: str,
    *,
    read_source_func: ReadFunction | None = None,
    extension_filter: str = "",
    channels: Sequence[int] | None = None,
    on_error: OnError = "raise",
    name: str = "array",
) -> list[Image]:
    """Open images, whatever they come as.

    Parameters
    ----------
    data : numpy.ndarray, path, or a sequence of either
        With the data type ``"array"``, one array or several; with ``"tiff"`` or ``"custom"``, a file, a folder, or
        several of them. Images that are open already are taken as they are, with all of their channels.
    data_type : {"array", "tiff", "custom"}
        Of what type they are.
    axes : str
        The axes of every image.
    read_source_func : callable, optional
        What reads custom files: it gets the path, or the path and the axes, and returns an array; see
        `open_custom_image`. It is called once for each file, on this thread.
    extension_filter : str, default=""
        The pattern that files match, see `list_files`.
    channels : sequence of int, optional
        The channels to use, in this order; all of them by default.
    on_error : {"raise", "skip"}, default="raise"
        What happens to files that cannot be read: an error, or a warning at the end.
    name : str, default="array"
        What messages call arrays.

    Returns
    -------
    list of Image
        One image per array or file, all of one data type and one number of channels.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit an image.
    ConfigError
        If the data type is unknown, or is not that of the data, or another argument cannot be used.
    DtypeError
        If `data` is neither arrays nor paths, or if pixels cannot be milled.
    MissingFileError
        If a path is not there, or a folder holds no file that matches.
    ReadError
        If a file cannot be read, or none can.
    ShapeError
        If an image holds no pixels or not the channels, or the numbers of channels differ.

    Warns
    -----
    PatchmillWarning
        If files are skipped.
    """
    check_on_error(on_error)
    if are_open(data):
        check_alike(data)
        return list(data)
    check_read_source_func(read_source_func, data_type)
    check_data_type(data, data_type)
    if data_type == "array":
        images = images_from_arrays(cast("Arrays", data), axes, name=name)
        return images if channels is None else [image.select_channels(channels) for image in images]
    paths = list_files(cast("Paths", data), data_type, extension_filter)
    files = ImageFiles(paths, data_type, axes, read_source_func=read_source_func, channels=channels)
    return open_files(files, on_error=on_error)[0]


def open_image_pairs(
    inputs: Data,
    targets: Data,
    data_type: str,
    axes: str,
    *,
    read_source_func: ReadFunction | None = None,
    extension_filter: str = "",
    channels: Sequence[int] | None = None,
    on_error: OnError = "raise",
) -> tuple[list[Image], list[Image]]:
    """Open images and their targets, whatever they come as.

    Parameters
    ----------
    inputs, targets : numpy.ndarray, path, or a sequence of either
        As in `open_images`. Arrays are paired by their order, files by their paths as `pair_files` does.
    data_type, axes, read_source_func, extension_filter
        As in `open_images`, for inputs and targets.
    channels : sequence of int, optional
        The channels of the inputs to use. Targets keep all of theirs.
    on_error : {"raise", "skip"}, default="raise"
        As in `open_images`. With a file that is skipped goes its partner.

    Returns
    -------
    images, targets : list of Image
        As many of each, in pairs of the same samples and sizes.

    Raises
    ------
    PairError
        If there are more or fewer targets than inputs, or files without a partner.
    ShapeError
        If a target does not have the samples and the size of its input.
    PatchmillError
        As `open_images` does.

    Warns
    -----
    PatchmillWarning
        If files are skipped.
    """
    if data_type == "array" or are_open(inputs) or are_open(targets):
        images, target_images = (
            open_images(
                data,
                data_type,
                axes,
                read_source_func=read_source_func,
                extension_filter=extension_filter,
                channels=chosen,
                on_error=on_error,
                name=name,
            )
            for data, chosen, name in ((inputs, channels, "array"), (targets, None, "target"))
        )
        check_pairs(images, target_images)
        return images, target_images
    check_data_type(inputs, data_type)
    check_data_type(targets, data_type)
    pairs = pair_files(cast("Paths", inputs), cast("Paths", targets), data_type, extension_filter)
    paths, target_paths = zip(*pairs, strict=True)
    files = ImageFiles(paths, data_type, axes, read_source_func=read_source_func, channels=channels)
    return open_files(
        files, ImageFiles(target_paths, data_type, axes, read_source_func=read_source_func), on_error=on_error
    )


def check_data_type(data: object, data_type: str) -> None:
    """Check that data is of the kind that its data type says, before anything is read.

    Parameters
    ----------
    data : object
        What `open_images` would be given.
    data_type : str
        ``"array"``, ``"tiff"`` or ``"custom"``.

    Raises
    ------
    ConfigError
        If the data type is unknown, or is not that of the data.
    DtypeError
        If `data` is neither arrays nor paths.
    """
    if data_type not in _TYPES:
        msg = f"data_type: expected 'array', 'tiff' or 'custom', got {data_type!r}."
        raise ConfigError(msg)
    are_paths = _are_paths(data)
    if are_paths is None or are_paths == (data_type != "array"):
        return
    if are_paths:
        expected, got, advice = "one NumPy array or a list of them", "paths", "'tiff', or 'custom' with a function"
    else:
        expected, got, advice = "the path of a file or a folder, or a list of paths", "arrays", "'array'"
    msg = f"data: expected {expected} with the data type {data_type!r}, got {got}. Set data_type={advice}."
    raise ConfigError(msg)


def are_open(data: object) -> TypeGuard[Sequence[Image]]:
    """Tell whether `data` is a sequence of images, and not of what they are opened from."""
    return isinstance(data, Sequence) and len(data) > 0 and all(isinstance(item, Image) for item in data)


def _are_paths(data: object) -> bool | None:
    """Tell whether data is paths or arrays; None for an empty list, which may be either."""
    items = data if isinstance(data, Sequence) and not isinstance(data, str) else [data]
    if all(isinstance(item, np.ndarray) for item in items):
        return False if items else None
    if all(isinstance(item, (str, os.PathLike)) for item in items):
        return True
    advice = "Make a list of it" if isinstance(data, Iterator) else "Convert it with numpy.asarray"
    msg = (
        f"data: expected NumPy arrays or paths, one or a list of one kind, got {described(data)}. {advice}, or give "
        "the paths of its files."
    )
    raise DtypeError(msg)
