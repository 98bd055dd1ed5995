"""Augmentation: a flip of one axis, then quarter turns, drawn independently of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.philox import below, blocks, unit


@dataclass(frozen=True)
class Orientation:
    """The axis that is flipped, if any (-2: Y, -1: X), and the number of quarter turns after it."""

    flipped_axis: int | None = None
    quarter_turns: int = 0


def draw_flipped_axis(seed: int, epoch: int, item: int, *, axes: list[int], p: float) -> int | None:
    """Draw one of the axes with probability p; every axis is as likely as the others."""
    [whether, which, _, _] = blocks(seed, "flip", epoch, item, 1)[0]
    return axes[below(which, len(axes))] if axes and unit(whether) < p else None


def draw_quarter_turns(seed: int, epoch: int, item: int, *, is_square: bool, p: float) -> int:
    """Draw one to three quarter turns with probability p; what is not square makes half turns only."""
    [whether, how_many, _, _] = blocks(seed, "rotation", epoch, item, 1)[0]
    if unit(whether) >= p:
        return 0
    return 1 + below(how_many, 3) if is_square else 2


def orient(patch: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Flip, then turn, in the last two axes, Y and X."""
    if orientation.flipped_axis is not None:
        patch = np.flip(patch, orientation.flipped_axis)
    return np.rot90(patch, orientation.quarter_turns, axes=(-2, -1))
