"""What flips and turns have in common: an orientation is drawn, and every array laid down in it."""

from __future__ import annotations

from functools import partial
from typing import Any, SupportsIndex

import numpy as np

from patchmill._core import Augmentation
from patchmill.errors import ShapeError
from patchmill.transforms.arrays import Array, check_axes, like, pixels_of
from patchmill.transforms.draws import Draws

__all__ = ["SpatialTransform"]


class SpatialTransform:
    """Lays patches down in random orientations.

    Parameters
    ----------
    flip_y, flip_x : bool
        The axes that may be flipped.
    flip_probability, rotation_probability : float
        How likely a patch is flipped, and how likely it is turned.
    seed : int or None
        The seed of the draws.
    """

    def __init__(
        self, *, flip_y: bool, flip_x: bool, flip_probability: float, rotation_probability: float, seed: int | None
    ) -> None:
        # The core's objects do not pickle.
        self._augmentation = partial(
            Augmentation,
            flip_y=flip_y,
            flip_x=flip_x,
            flip_probability=flip_probability,
            rotation_probability=rotation_probability,
        )
        self._draws = Draws(seed)

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self._draws.seed

    def __call__(
        self,
        patch: Array,
        target: Array | None = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
        **additional_arrays: Array,
    ) -> tuple[Array, Array | None, dict[str, Array]]:
        """Lay a patch down in a random orientation.

        Parameters
        ----------
        patch : numpy.ndarray or torch.Tensor, C(Z)YX
            The patch.
        target : the same, optional
            Its target, of the same size in YX.
        item : int, optional
            The number of the patch: the orientation is that which the datasets draw for this item. An index of
            `PatchSampler` knows its epoch. By default, calls are counted, in every worker of a torch DataLoader apart.
        epoch : int, optional
            The epoch of the item, by default 0.
        **additional_arrays : the same
            Further arrays of the same size in YX, which are their last two axes.

        Returns
        -------
        tuple of array, array or None, and dict of str to array
            The patch, the target and the further arrays, all in the same orientation: contiguous, of their own types.

        Raises
        ------
        ShapeError
            If the patch is not C(Z)YX, or another array of another size in YX.
        ConfigError
            If the item or the epoch is out of range.
        """
        pixels = pixels_of("patch", patch)
        check_axes("patch", pixels, "CYX")
        size = pixels.shape[-2:]
        for name, other in {"target": target, **additional_arrays}.items():
            if other is not None and tuple(other.shape[-2:]) != size:
                msg = (
                    f"{name}: expected the size {size} of the patch along Y and X, got the shape {tuple(other.shape)}. "
                    "What is laid down alike covers the same pixels."
                )
                raise ShapeError(msg)
        draw = self._draws.of_call(item, epoch)
        orientation = self._augmentation().draw(**draw, is_square=size[0] == size[1])
        return (
            _oriented("patch", patch, orientation),
            None if target is None else _oriented("target", target, orientation),
            {name: _oriented(name, array, orientation) for name, array in additional_arrays.items()},
        )


def _oriented(name: str, array: Any, orientation: tuple[bool, bool, bool]) -> Any:
    pixels = pixels_of(name, array)
    transpose, flip_y, flip_x = orientation
    pixels = pixels[..., :: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return like(array, np.ascontiguousarray(pixels.swapaxes(-2, -1) if transpose else pixels))
