"""The validation split: patches kept back, and training patches that share no pixel with them."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

from patchmill._core import Plan
from patchmill.errors import ConfigError, PatchmillWarning

__all__ = ["Split", "check_split", "split_plan"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """The two plans of a split, and what it cost.

    Parameters
    ----------
    training, validation : Plan
        The plans.
    minimum : int
        The least number of validation patches that was asked for.
    n_patches : int
        How many cells of the sequential grid there were before, less those that a filter did not keep.
    n_dropped : int
        How many items are in neither plan, because they overlap a validation patch. Random ones are drawn again, unless
        nothing is free in their sample.
    is_lowered : bool
        Whether fewer than `minimum` are kept for validation, because that would have been most of the patches.
    """

    training: Plan
    validation: Plan
    minimum: int
    n_patches: int
    n_dropped: int
    is_lowered: bool

    def report(self) -> None:
        """Log what the split cost, and warn if the minimum was lowered."""
        if self.is_lowered:
            warnings.warn(
                f"validation split: expected room for at least {self.minimum} validation patches, got {self.n_patches} "
                f"patches in all, so that only {len(self.validation)} are kept for validation. Use larger images or "
                "smaller patches, or pass validation data of its own.",
                PatchmillWarning,
                stacklevel=3,
            )
        if self.n_dropped:
            logger.info("validation split: training patches that overlap validation, left out: %d", self.n_dropped)


def split_plan(plan: Plan, *, percentage: float, minimum: int, seed: int) -> Split:
    """Split a plan into one for training and one for validation.

    ``max(round(n * percentage), minimum)`` of the n cells of the sequential grid that the plan has are kept for
    validation, drawn from the seed. Cells that overlap one of them are dropped from training, and regions are drawn
    again until they overlap none: no pixel of validation is seen in training.

    Parameters
    ----------
    plan : Plan
        The plan of all patches.
    percentage : float
        The share of the cells that is kept for validation, 0 to 1.
    minimum : int
        The least number of cells kept for validation; lowered where it would be most of them.
    seed : int
        Decides which.

    Returns
    -------
    Split
        The two plans.

    Raises
    ------
    ConfigError
        If the percentage or the minimum is out of range.
    ShapeError
        If nothing is left to train on.
    """
    check_split(percentage, minimum)
    training, validation, n_dropped, is_lowered = plan.split(percentage=percentage, minimum=minimum, seed=seed)
    return Split(training, validation, minimum, plan.n_kept, n_dropped, is_lowered)


def check_split(percentage: float, minimum: int) -> None:
    """Check how much is to be kept for validation.

    Parameters
    ----------
    percentage : float
        The share, 0 to 1.
    minimum : int
        The least number, at least 1.

    Raises
    ------
    ConfigError
        If either is out of range.
    """
    if not 0 <= percentage <= 1:
        msg = f"val_percentage: expected a share between 0 and 1, got {percentage}. Write 10 % as 0.1."
        raise ConfigError(msg)
    if minimum < 1:
        msg = f"minimum of validation patches: expected at least 1, got {minimum}. Pass validation data to split none."
        raise ConfigError(msg)
