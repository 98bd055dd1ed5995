"""The validation split: patches kept back, and training patches that share no pixel with them."""

from __future__ import annotations

import logging
import warnings

from patchmill._core import Plan
from patchmill.errors import ConfigError, PatchmillWarning

__all__ = ["split_plan"]

logger = logging.getLogger(__name__)


def split_plan(plan: Plan, *, percentage: float, minimum: int, seed: int) -> tuple[Plan, Plan]:
    """Split a plan into one for training and one for validation.

    ``max(round(n * percentage), minimum)`` of the n regions of the sequential grid are kept for validation, drawn from
    the seed. Training regions that overlap one of them are dropped, or drawn again if they are random.

    Parameters
    ----------
    plan : Plan
        The plan of all regions.
    percentage : float
        The share of the regions that is kept for validation, 0 to 1.
    minimum : int
        The least number of regions kept for validation.
    seed : int
        Decides which.

    Returns
    -------
    training, validation : Plan
        The two plans.

    Raises
    ------
    ConfigError
        If the percentage or the minimum is out of range.
    ShapeError
        If nothing is left to train on.

    Warns
    -----
    PatchmillWarning
        If the minimum would have been most of the regions, and fewer are kept.
    """
    if not 0 <= percentage <= 1:
        msg = f"val_percentage: expected a share between 0 and 1, got {percentage}. Write 10 % as 0.1."
        raise ConfigError(msg)
    if minimum < 1:
        msg = f"minimum of validation patches: expected at least 1, got {minimum}. Pass validation data to split none."
        raise ConfigError(msg)
    training, validation, n_dropped, is_lowered = plan.split(percentage=percentage, minimum=minimum, seed=seed)
    if is_lowered:
        warnings.warn(
            f"validation split: expected room for at least {minimum} validation patches, got {len(plan)} patches in "
            f"all, so that only {len(validation)} are kept for validation. Use larger images or smaller patches, or "
            "pass validation data of its own.",
            PatchmillWarning,
            stacklevel=2,
        )
    logger.info(
        "validation split: %d patches for validation, %d for training, %d dropped because they overlap",
        len(validation),
        len(training),
        n_dropped,
    )
    return training, validation
