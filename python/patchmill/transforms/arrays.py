"""NumPy arrays and torch tensors: the pixels of either, and results of the same kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from patchmill.errors import DataError, DtypeError, ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["Array", "as_float32", "check_axes", "like", "pixels_of"]

Array = TypeVar("Array", bound="NDArray[Any] | torch.Tensor")
"""A NumPy array or a torch tensor."""

Pixel = TypeVar("Pixel", bound=np.generic)


def pixels_of(name: str, array: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    """Return the pixels of an array, or of a tensor on any device.

    Parameters
    ----------
    name : str
        What an error calls it.
    array : numpy.ndarray or torch.Tensor
        The array.

    Returns
    -------
    numpy.ndarray
        The array itself, or an array over the memory of the tensor if that is the computer's.

    Raises
    ------
    DataError
        If the tensor requires a gradient, which would end here.
    DtypeError
        If NumPy has no such type.
    """
    if not _is_tensor(array):
        return np.asarray(array)
    if array.requires_grad:
        msg = f"{name}: expected a tensor without a gradient, got one that requires it. Call detach() on it first."
        raise DataError(msg)
    try:
        return array.cpu().numpy()
    except TypeError:
        msg = f"{name}: expected a dense tensor of a type that NumPy has, got {array.dtype}. Call float() on it first."
        raise DtypeError(msg) from None


@overload
def like(array: NDArray[Any], pixels: NDArray[Pixel]) -> NDArray[Pixel]: ...
@overload
def like(array: torch.Tensor, pixels: NDArray[Any]) -> torch.Tensor: ...
def like(array: NDArray[Any] | torch.Tensor, pixels: NDArray[Any]) -> NDArray[Any] | torch.Tensor:
    """Return pixels as what another array is: a tensor, and on its device, if that is one."""
    if not _is_tensor(array):
        return pixels
    import torch

    return torch.from_numpy(pixels).to(array.device)


def as_float32(name: str, pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return contiguous, aligned float32 pixels.

    Raises
    ------
    DtypeError
        If they are not real numbers.
    """
    if pixels.dtype.kind not in "buif":
        msg = f"{name}: expected real numbers, got {pixels.dtype}. Convert them first."
        raise DtypeError(msg)
    return np.require(pixels, np.float32, ["C_CONTIGUOUS", "ALIGNED"])


def check_axes(name: str, pixels: NDArray[Any], axes: str) -> None:
    """Check that an array has some axes, Z among them or not, and is not empty.

    Raises
    ------
    ShapeError
        If not.
    """
    n_axes = len(axes)
    if pixels.ndim not in (n_axes, n_axes + 1) or not pixels.size:
        letters = f"{axes[:-2]}(Z){axes[-2:]}"
        msg = f"{name}: expected pixels with the axes {letters}, got the shape {pixels.shape}. Add axes of size 1."
        raise ShapeError(msg)


def _is_tensor(array: object) -> TypeGuard[torch.Tensor]:
    # Where torch is not loaded, nothing is a tensor: so it need not be loaded to tell.
    loaded = sys.modules.get("torch")
    return loaded is not None and isinstance(array, loaded.Tensor)
