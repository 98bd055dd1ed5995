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

_ALL = np.array([[code >> 2 & 1, code >> 1 & 1, code & 1] for code in range(8)])
"""The eight orientations; their numbers are (transpose, flip_y, flip_x) as the digits of a binary number."""

_FLIPS = {-2: 0b010, -1: 0b001}
"""What a flip along an axis is."""

_QUARTER_TURNS = np.array([0b000, 0b101, 0b011, 0b110])
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
    step = _ask if faithful else _draw

    def draw(n_items: int, rng: np.random.Generator) -> Orientations:
        numbers = np.zeros(n_items, dtype=np.int64)
        for transform in transforms:
            numbers = _THEN[numbers, step(transform, n_items, rng)]
        return _ALL.take(numbers, axis=0)

    return draw


def _composed(first: int, second: int) -> int:
    """Return the number of the orientation that laying a patch down one way, and then another, comes to."""
    flips = second & 0b11
    if first & 0b100:
        # The second flips are of axes that the first has exchanged.
        flips = (flips & 1) << 1 | flips >> 1
    return (first ^ second) & 0b100 | (first & 0b11) ^ flips


_THEN = np.array([[_composed(first, second) for second in range(8)] for first in range(8)])


def _choices(transform: Any) -> Orientations:
    """Return what a transform may do, as the numbers of orientations."""
    if isinstance(transform, XYFlip):
        return np.array([_FLIPS[axis] for axis in transform.axis_indices])
    return _QUARTER_TURNS[1:]


def _draw(transform: Any, n_items: int, rng: np.random.Generator) -> Orientations:
    """Draw what a transform does to each item, independently of all others."""
    choices = _choices(transform)
    is_applied, choice = rng.random((2, n_items))
    numbers: Orientations = choices[(choice * len(choices)).astype(np.int64)]
    return np.where(is_applied < transform.p, numbers, 0)


def _ask(transform: Any, n_items: int, rng: np.random.Generator) -> Orientations:
    """Ask a transform's own generator what it does to each item, as CAREamics does."""
    ask = _ask_flip if isinstance(transform, XYFlip) else _ask_turns
    drawn = [0 if transform.rng.random() > transform.p else ask(transform) for _ in range(n_items)]
    return np.array(drawn, dtype=np.int64)


def _ask_flip(transform: Any) -> int:
    return _FLIPS[int(transform.rng.choice(transform.axis_indices))]


def _ask_turns(transform: Any) -> int:
    return int(_QUARTER_TURNS[transform.rng.integers(1, 4)])
