"""Axes: from the order in which an image came to the canonical one, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.config.axes import AXES, parse_axes
from patchmill.errors import AxesError, ShapeError

__all__ = ["canonical_shape", "canonical_view", "parse_axes", "restore_axes", "restored_axes"]


def canonical_view(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """View an image with the axes S, T, C, Z, Y, X, in this order.

    Parameters
    ----------
    array : numpy.ndarray
        An image, one axis per letter of `axes`.
    axes : str
        The letters of its axes, any order of a subset of ``STCZYX`` that holds Y and X.

    Returns
    -------
    numpy.ndarray
        A view with six axes. Those that the image does not have are of size 1. Nothing is copied.

    Raises
    ------
    AxesError
        If the axes are not valid, or if there are more or fewer of them than the image has.
    """
    letters = parse_axes(axes)
    if array.ndim != len(letters):
        msg = (
            f"axes: expected {len(letters)} axes, as in {letters!r}, got {array.ndim}: the shape is {array.shape}. "
            "Give one letter per axis, in the order of the shape."
        )
        raise AxesError(msg)
    order = [letters.index(letter) for letter in AXES if letter in letters]
    present = tuple(slice(None) if letter in letters else np.newaxis for letter in AXES)
    return array.transpose(order)[present]


def canonical_shape(shape: tuple[int, ...], axes: str) -> tuple[int, int, int, int, int, int]:
    """Return the shape that `canonical_view` gives an image.

    Parameters
    ----------
    shape : tuple of int
        The shape of the image.
    axes : str
        The letters of its axes, one for each.

    Returns
    -------
    tuple of int
        Its sizes in S, T, C, Z, Y and X; 1 where it has no such axis.
    """
    sizes = dict.fromkeys(AXES, 1) | dict(zip(axes, shape, strict=True))
    return sizes["S"], sizes["T"], sizes["C"], sizes["Z"], sizes["Y"], sizes["X"]


def restored_axes(axes: str, n_channels: int) -> str:
    """Return the axes that `restore_axes` gives a prediction.

    They are those of the image, unless the prediction has several channels and the image had no channel axis: then C
    stands before the first of Z, Y and X.

    Parameters
    ----------
    axes : str
        The axes of the image.
    n_channels : int
        The number of channels of the prediction.

    Returns
    -------
    str
        The axes of the restored prediction.

    Raises
    ------
    AxesError
        If the axes are not valid.

    Examples
    --------
    >>> restored_axes("TYX", 1), restored_axes("TYX", 3)
    ('TYX', 'TCYX')
    """
    letters = parse_axes(axes)
    if "C" in letters or n_channels == 1:
        return letters
    first = min(letters.index(letter) for letter in "ZYX" if letter in letters)
    return f"{letters[:first]}C{letters[first:]}"


def restore_axes(array: NDArray[Any], axes: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Give a prediction the axes that the image had before `canonical_view`.

    Parameters
    ----------
    array : numpy.ndarray
        A prediction with the axes (S*T, C, Z, Y, X); sample s of time t is at index s * T + t.
    axes : str
        The axes of the image that it was predicted from.
    shape : tuple of int
        The shape of that image.

    Returns
    -------
    numpy.ndarray
        The same numbers with the axes `restored_axes` (axes, C), and the shape of the image but for C, which has as
        many channels as the prediction. A view, where NumPy can make one.

    Raises
    ------
    AxesError
        If the axes are not valid, or do not fit `shape`.
    ShapeError
        If the prediction has another number of samples, or another size in Z, Y or X, than the image.
    """
    letters = parse_axes(axes)
    if len(shape) != len(letters):
        msg = f"axes: expected one letter per axis of the shape {shape}, got {letters!r}."
        raise AxesError(msg)
    sizes = dict.fromkeys(AXES, 1) | dict(zip(letters, shape, strict=True))
    expected = (sizes["S"] * sizes["T"], *(sizes[letter] for letter in "ZYX"))
    got = (array.shape[0], *array.shape[2:])
    if array.ndim != 5 or got != expected:
        msg = (
            f"prediction: expected (S*T, C, Z, Y, X) with S*T, Z, Y, X = {expected} for an image of axes {letters!r} "
            f"and shape {shape}, got the shape {array.shape}."
        )
        raise ShapeError(msg)
    n_channels = array.shape[1]
    target = restored_axes(letters, n_channels)
    canonical = array.reshape(sizes["S"], sizes["T"], *array.shape[1:])
    kept = tuple(slice(None) if letter in target else 0 for letter in AXES)
    order = [letter for letter in AXES if letter in target]
    return canonical[kept].transpose([order.index(letter) for letter in target])
