"""Test-time augmentation: the ways in which training laid down its patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from patchmill.config import XYFlipConfig, XYRandomRotate90Config
from patchmill.config.transforms import Transform

__all__ = ["IDENTITY", "Orientation", "mean_over", "training_orientations"]


@dataclass(frozen=True, order=True)
class Orientation:
    """One of the eight ways to lay a tile down in YX: flips, then the exchange of Y and X.

    Parameters
    ----------
    transpose : bool
        Whether Y and X change places, after the flips.
    flip_y, flip_x : bool
        Which axes are turned round.
    """

    transpose: bool = False
    flip_y: bool = False
    flip_x: bool = False

    @classmethod
    def of(cls, *, flip_y: bool, flip_x: bool, quarter_turns: int) -> Orientation:
        """Return what flips and then quarter turns, as those of `numpy.rot90`, come to."""
        if quarter_turns % 4 in (1, 2):
            flip_x = not flip_x
        if quarter_turns % 4 in (2, 3):
            flip_y = not flip_y
        return cls(quarter_turns % 2 == 1, flip_y, flip_x)

    def apply(self, batch: torch.Tensor) -> torch.Tensor:
        """Lay the tiles of a batch, whose last two axes are Y and X, down this way."""
        batch = batch.flip(self._flipped) if self._flipped else batch
        return batch.transpose(-2, -1) if self.transpose else batch

    def undo(self, batch: torch.Tensor) -> torch.Tensor:
        """Lay the tiles of a batch down as they were before `apply`."""
        batch = batch.transpose(-2, -1) if self.transpose else batch
        return batch.flip(self._flipped) if self._flipped else batch

    @property
    def _flipped(self) -> list[int]:
        return [axis for axis, is_flipped in ((-2, self.flip_y), (-1, self.flip_x)) if is_flipped]


IDENTITY = Orientation()
"""Tiles as they are."""


def mean_over(
    orientations: Sequence[Orientation], predict: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor
) -> torch.Tensor:
    """Average what a network makes of tiles over the orientations that they are laid down in.

    Parameters
    ----------
    orientations : sequence of Orientation
        The orientations. Tiles that are not square in YX leave out those that exchange Y and X.
    predict : callable
        The network.
    batch : Tensor
        The tiles, BC(Z)YX.

    Returns
    -------
    Tensor, float32
        The mean, summed up in the order of the orientations, on the device of the batch.
    """
    is_square = batch.shape[-1] == batch.shape[-2]
    first, *others = [o for o in orientations if is_square or not o.transpose]
    total = first.undo(predict(first.apply(batch)).float())
    if others:
        # A network may give back its input, or a buffer that it uses again.
        total = total.clone()
        for orientation in others:
            total += orientation.undo(predict(orientation.apply(batch)).float())
        total /= 1 + len(others)
    return total


def training_orientations(transforms: Sequence[Transform], patch_size: Sequence[int]) -> tuple[Orientation, ...]:
    """List the orientations that patches had in training.

    Parameters
    ----------
    transforms : sequence of Transform
        Those of the training. A flip, of one of its axes, comes before the quarter turns.
    patch_size : sequence of int
        The size of its patches, (Z)YX. Those that are not square in YX made half turns only.

    Returns
    -------
    tuple of Orientation
        In a fixed order, that of the patch as it is first.
    """
    flips, turns = {(False, False)}, {0}
    for transform in transforms:
        if isinstance(transform, XYFlipConfig) and transform.p > 0:
            flips |= {(True, False)} if transform.flip_y else set()
            flips |= {(False, True)} if transform.flip_x else set()
        if isinstance(transform, XYRandomRotate90Config) and transform.p > 0:
            turns |= {1, 2, 3} if patch_size[-1] == patch_size[-2] else {2}
    return tuple(
        sorted(
            {
                Orientation.of(flip_y=flip_y, flip_x=flip_x, quarter_turns=quarter_turns)
                for flip_y, flip_x in flips
                for quarter_turns in turns
            }
        )
    )
