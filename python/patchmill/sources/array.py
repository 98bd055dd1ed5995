"""Images that the caller holds in memory, or has mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import DtypeError, ShapeError
from patchmill.sources.image import Image, check_alike

__all__ = ["images_from_arrays"]


def images_from_arrays(data: NDArray[Any] | Sequence[NDArray[Any]], axes: str, *, name: str = "array") -> list[Image]:
    """View one array or several as images. Nothing is copied.

    Parameters
    ----------
    data : numpy.ndarray or sequence of numpy.ndarray
        The image, or images of one data type and one number of channels; their sizes may differ.
    axes : str
        The axes of every array.
    name : str, default="array"
        What messages call them.

    Returns
    -------
    list of Image
        One image per array, named ``array``, or ``array 0``, ``array 1``, ... in a sequence.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit a shape.
    DtypeError
        If something is not an array, is of a data type that cannot be milled, or if the data types differ.
    ShapeError
        If there is no array, if one holds no pixels, or if the numbers of channels differ.
    """
    if isinstance(data, np.ndarray):
        return [Image.of(name, data, axes)]
    if isinstance(data, str) or not isinstance(data, Sequence):
        raise DtypeError(_not_an_array("data", data))
    if not data:
        msg = "data: expected at least one array, got an empty list. Give the images to train on or to predict."
        raise ShapeError(msg)
    images = []
    for index, array in enumerate(data):
        if not isinstance(array, np.ndarray):
            raise DtypeError(_not_an_array(f"{name} {index}", array))
        images.append(Image.of(f"{name} {index}", array, axes))
    check_alike(images)
    return images


def _not_an_array(name: str, value: object) -> str:
    kind = type(value)
    return (
        f"{name}: expected a NumPy array or a list of them, got {kind.__module__}.{kind.__qualname__}. "
        "Convert it with numpy.asarray."
    )
