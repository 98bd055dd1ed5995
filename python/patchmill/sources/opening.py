"""Opening images, whatever they come as."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import ConfigError, DtypeError
from patchmill.sources.array import images_from_arrays
from patchmill.sources.files import PathLike, list_files
from patchmill.sources.image import Image, check_alike
from patchmill.sources.tiff import images_from_tiffs

__all__ = ["are_open", "check_data_type", "open_images"]


def open_images(
    data: NDArray[Any] | Sequence[NDArray[Any]] | PathLike | Sequence[PathLike] | Sequence[Image],
    data_type: str,
    axes: str,
) -> list[Image]:
    """Open images, whatever they come as.

    Parameters
    ----------
    data : numpy.ndarray, path, or a sequence of either
        With the data type ``"array"``, one array or several; with ``"tiff"``, a file, a folder, or several of them.
        Images that are open already are taken as they are.
    data_type : str
        ``"array"`` or ``"tiff"``.
    axes : str
        The axes of every image.

    Returns
    -------
    list of Image
        One image per array or file, all of one data type and one number of channels.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit an image.
    ConfigError
        If the data type is unknown, or is not that of the data.
    DtypeError
        If `data` is neither arrays nor paths, or if pixels cannot be milled.
    MissingFileError
        If a path is not there, or a folder holds no TIFF.
    ReadError
        If a file cannot be read.
    ShapeError
        If an image holds no pixels, or the numbers of channels differ.
    """
    if are_open(data):
        check_alike(data)
        return list(data)
    check_data_type(data, data_type)
    if data_type == "array":
        return images_from_arrays(cast("NDArray[Any] | Sequence[NDArray[Any]]", data), axes)
    return images_from_tiffs(list_files(cast("PathLike | Sequence[PathLike]", data), data_type), axes)


def check_data_type(data: object, data_type: str) -> None:
    """Check that data is of the kind that its data type says, before anything is read.

    Parameters
    ----------
    data : object
        What `open_images` would be given.
    data_type : str
        ``"array"`` or ``"tiff"``.

    Raises
    ------
    ConfigError
        If the data type is unknown, or is not that of the data.
    DtypeError
        If `data` is neither arrays nor paths.
    """
    given = _type_of(data)
    if data_type not in {"array", "tiff"}:
        msg = f"data_type: expected 'array' or 'tiff', got {data_type!r}."
        raise ConfigError(msg)
    if given is not None and given != data_type:
        arrays = "one NumPy array or a list of them"
        paths = "the path of a TIFF file or folder, or a list of paths"
        expected, got = (arrays, "paths") if data_type == "array" else (paths, "arrays")
        msg = f"data: expected {expected} with the data type {data_type!r}, got {got}. Set data_type={given!r}."
        raise ConfigError(msg)


def are_open(data: object) -> TypeGuard[Sequence[Image]]:
    """Tell whether `data` is a sequence of images, and not of what they are opened from."""
    return isinstance(data, Sequence) and len(data) > 0 and all(isinstance(item, Image) for item in data)


def _type_of(data: object) -> str | None:
    """Return the data type that `data` has, or None for an empty list, which may be of any."""
    if isinstance(data, np.ndarray):
        return "array"
    if isinstance(data, (str, os.PathLike)):
        return "tiff"
    if isinstance(data, Sequence):
        if all(isinstance(item, np.ndarray) for item in data):
            return "array" if data else None
        if all(isinstance(item, (str, os.PathLike)) for item in data):
            return "tiff"
    if isinstance(data, Sequence):
        got = " and ".join(dict.fromkeys(f"{type(item).__module__}.{type(item).__qualname__}" for item in data))
        got = f"a list of {got}"
    else:
        got = f"{type(data).__module__}.{type(data).__qualname__}"
    msg = (
        f"data: expected NumPy arrays or paths, one or a list of one kind, got {got}. Convert it with numpy.asarray, "
        "or give the paths of its files."
    )
    raise DtypeError(msg)
