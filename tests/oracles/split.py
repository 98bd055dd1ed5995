"""The validation split: some regions of the sequential grid for validation, and what shares no pixel with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.oracles.order import order
from tests.oracles.philox import Block, blocks
from tests.oracles.sequential import ImageSize, Region, Size, overlap, sequential_regions

N_ATTEMPTS = 64
"""How often a region that overlaps a validation patch is drawn again."""


@dataclass
class Split:
    """Regions of the grid for training (with random plans: those that stand in for draws that fail) and validation."""

    training: list[Region]
    validation: list[Region]
    n_dropped: int
    is_lowered: bool


def n_validation(n: int, percentage: float, minimum: int) -> int:
    """Return max(round(n * percentage), minimum), with a minimum of at most half of the regions."""
    return max(round(n * percentage), min(minimum, max(n // 2, 1)))


def split(
    images: list[ImageSize],
    patch: Size,
    *,
    percentage: float,
    minimum: int,
    seed: int,
    kept: list[Region] | None = None,
) -> Split:
    """Split the regions, or those of them that a filter keeps. Both parts stay in the order of the grid."""
    regions = sequential_regions(images, patch) if kept is None else kept
    n_kept = n_validation(len(regions), percentage, minimum)
    chosen = set(order(len(regions), seed=seed, epoch=0, purpose="split")[:n_kept])
    validation = [region for number, region in enumerate(regions) if number in chosen]
    training = [region for region in regions if not any(overlap(region, other, patch) for other in validation)]
    n_dropped = len(regions) - len(validation) - len(training)
    return Split(training, validation, n_dropped, n_kept < minimum)


def draw_beside(
    validation: list[Region], patch: Size, draw: Callable[[Block], Region], *, seed: int, epoch: int, item: int
) -> tuple[Region | None, Block]:
    """Draw a training region until it overlaps no validation region.

    Returns the first of 64 that does not, or None, and the words after those of the last draw.
    """
    attempts = blocks(seed, "region", epoch, item, N_ATTEMPTS + 1)
    for words in attempts[:N_ATTEMPTS]:
        region = draw(words)
        if not any(overlap(region, other, patch) for other in validation):
            return region, attempts[-1]
    return None, attempts[-1]
