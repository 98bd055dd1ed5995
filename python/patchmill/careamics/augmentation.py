"""How CAREamics' augmentations lay patches down, drawn many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from careamics.dataset.augmentation import XYFlip, XYRandomRotate90
from numpy.typing import NDArray

from patchmill.careamics.fallback import CannotAccelerateError

__all__ = ["OrientationSource", "orientation_source"]

Orientations = NDArray[np.int64]
OrientationSource = Callable[[int, np.random.Generator], Orientations]
"""Draws the orientations of so many items, as rows of (transpose, flip_y, flip_x)."""

_QUARTER_TURNS = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0]])
"""What no, one, two and three quarter turns are, as `numpy.rot90` has them."""


def orientation_source(transforms: Sequence[Any], *, faithful: bool) -> OrientationSource:
    """Return what draws the orientations of patches.

    Parameters
    ----------
    transforms : sequence of careamics.dataset.augmentation.Transform
        CAREamics' transforms, in their order.
    faithful : bool
        Whether each transform's own generator is asked, as CAREamics does. They all begin with the same seed there, so
        that a patch is flipped if and only if it is turned, and some of the eight orientations never come.

    Returns
    -------
    callable
        Called with a number of items and a random generator.

    Raises
    ------
    CannotAccelerateError
        If there is another transform.
    """
    for transform in transforms:
        if type(transform) not in (XYFlip, XYRandomRotate90):
            msg = f"the transform {type(transform).__name__} is not one of CAREamics' flips and turns"
            raise CannotAccelerateError(msg)
    steps = [_step_asked if faithful else _step_drawn] * len(transforms)

    def draw(n_items: int, rng: np.random.Generator) -> Orientations:
        orientations = np.zeros((n_items, 3), dtype=np.int64)
        for transform, step in zip(transforms, steps, strict=True):
            orientations = _then(orientations, step(transform, n_items, rng))
        return orientations

    return draw


def _then(first: Orientations, second: Orientations) -> Orientations:
    """Lay patches down one way, and then another."""
    transposed = first[:, :1].astype(bool)
    # The second flips are of axes that the first may have exchanged.
    flips = np.where(transposed, second[:, :0:-1], second[:, 1:])
    return np.hstack([first[:, :1] ^ second[:, :1], first[:, 1:] ^ flips])


def _step_drawn(transform: Any, n_items: int, rng: np.random.Generator) -> Orientations:
    """Draw what a transform does to each item, independently of all others."""
    is_applied = rng.random(n_items) < transform.p
    if isinstance(transform, XYFlip):
        axes = np.array(transform.axis_indices)[rng.integers(len(transform.axis_indices), size=n_items)]
        return _flips(np.where(is_applied, axes, 0))
    return _QUARTER_TURNS[np.where(is_applied, rng.integers(1, 4, size=n_items), 0)]


def _step_asked(transform: Any, n_items: int, rng: np.random.Generator) -> Orientations:
    """Ask a transform's own generator what it does to each item."""
    if isinstance(transform, XYFlip):
        return _flips(np.array([_ask_flip(transform) for _ in range(n_items)], dtype=np.int64))
    return _QUARTER_TURNS[[_ask_turns(transform) for _ in range(n_items)]]


def _ask_flip(transform: Any) -> int:
    return 0 if transform.rng.random() > transform.p else int(transform.rng.choice(transform.axis_indices))


def _ask_turns(transform: Any) -> int:
    return 0 if transform.rng.random() > transform.p else int(transform.rng.integers(1, 4))


def _flips(axes: Orientations) -> Orientations:
    """Return the orientations of patches that are flipped along an axis each: -2, -1, or none if 0."""
    return np.stack([np.zeros_like(axes), axes == -2, axes == -1], axis=1).astype(np.int64)
