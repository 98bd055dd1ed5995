"""Files of any kind, read by a function of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import ConfigError, DtypeError, MissingFileError, OutOfMemoryError, ReadError
from patchmill.sources.axes import parse_axes
from patchmill.sources.files import PathLike, described
from patchmill.sources.image import Image
from patchmill.sources.tiff import read_tiff

__all__ = ["ReadFunction", "check_read_source_func", "open_custom_image"]

ReadFunction = Callable[..., Any]
"""A function that reads an image: it is given a path, or a path and axes, and returns an array."""


def check_read_source_func(read_source_func: ReadFunction | None, data_type: str) -> None:
    """Check that there is a function that reads files where one is needed, and that it can be called.

    Parameters
    ----------
    read_source_func : callable, optional
        The function.
    data_type : str
        ``"custom"``, which needs one, or ``"array"`` or ``"tiff"``, which have none; but for `read_tiff`, which is what
        reads TIFF files.

    Raises
    ------
    ConfigError
        If a function is missing or not needed, or takes other arguments than a path, or a path and axes.
    """
    if data_type != "custom":
        if read_source_func is not None and (data_type, read_source_func) != ("tiff", read_tiff):
            msg = (
                f"read_source_func: expected none with the data type {data_type!r}, got {_name(read_source_func)}. "
                "Set data_type='custom' to read the files with it."
            )
            raise ConfigError(msg)
        return
    if not callable(read_source_func):
        msg = (
            "read_source_func: expected a function that reads a file, as the data type is 'custom', got "
            f"{described(read_source_func)}. Give one that takes a path, or a path and axes, and returns an array."
        )
        raise ConfigError(msg)
    _arguments(read_source_func, Path(), "YX")


def open_custom_image(path: PathLike, axes: str, read_source_func: ReadFunction) -> Image:
    """Read the image of a file with a function.

    The function is called with the path (a `pathlib.Path`) and the axes if its second positional parameter has no
    default or is named ``axes``, or if it takes any number of them (``*args``); else with the path alone. So both
    ``def read(path, axes)`` and ``numpy.load``, whose second parameter is something else, are called as they should.

    Parameters
    ----------
    path : path
        The file.
    axes : str
        The axes of the image that the function returns.
    read_source_func : callable
        The function. It returns a NumPy array or what `numpy.asarray` makes one of: an array of Zarr or Dask, a tensor
        on the CPU, an image of Pillow.

    Returns
    -------
    Image
        The image, named as the path. An array is not copied.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit the shape.
    ConfigError
        If the function takes other arguments.
    DtypeError
        If it does not return an array, or one whose data type cannot be milled.
    MissingFileError
        If it fails because the file is not there.
    OutOfMemoryError
        If it fails because memory is full, which says nothing about the file.
    ReadError
        If it fails. Its exception is the cause.
    ShapeError
        If the array holds no pixels.
    """
    path, axes = Path(path), parse_axes(axes)
    arguments = _arguments(read_source_func, path, axes)
    try:
        value = read_source_func(*arguments)
        array = _array(value)
    except MemoryError as error:
        msg = (
            f"{path}: expected memory for the image that {_name(read_source_func)} reads, got {_described(error)}. "
            "Free some, or split the image into smaller files."
        )
        raise OutOfMemoryError(msg) from error
    except Exception as error:
        raise _failure(path, read_source_func, error) from error
    if array is None:
        msg = (
            f"{path}: expected an array from {_name(read_source_func)}, got {described(value)}. "
            f"Return the pixels as one NumPy array with the axes {axes!r}."
        )
        raise DtypeError(msg)
    return Image.of(str(path), array, axes)


def _arguments(function: ReadFunction, path: Path, axes: str) -> tuple[Any, ...]:
    """Choose what a function is called with."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Some functions that are written in C do not say what they take; none of them takes axes.
        return (path,)
    parameters = list(signature.parameters.values())
    named = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    if len(named) > 1:
        takes_axes = named[1].default is inspect.Parameter.empty or named[1].name == "axes"
    else:
        takes_axes = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    arguments = (path, axes) if takes_axes else (path,)
    try:
        signature.bind(*arguments)
    except TypeError as error:
        msg = (
            "read_source_func: expected a function that can be called with a path, or with a path and axes, got "
            f"{_bare_name(function)}{signature}: {error}. Fix its other arguments with functools.partial."
        )
        raise ConfigError(msg) from error
    return arguments


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _array(value: object) -> NDArray[Any] | None:
    """Return a value as an array; None if it is not one."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        return np.asarray(value)
    return None


def _failure(path: Path, function: ReadFunction, error: Exception) -> ReadError:
    got = _described(error)
    if isinstance(error, FileNotFoundError) and not path.exists():
        msg = (
            f"{path}: expected a file, got nothing of that name ({_name(function)} failed with {got}). Check the path."
        )
        return MissingFileError(msg)
    msg = f"{path}: expected an image that {_name(function)} can read, got {got}. Check the file and the function."
    return ReadError(msg)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _name(function: object) -> str:
    return f"{_bare_name(function)}()"


def _bare_name(function: object) -> str:
    """Return the name of a function without that of the function that it was defined in."""
    function = getattr(function, "func", function)  # of functools.partial
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name.rpartition("<locals>.")[2]
