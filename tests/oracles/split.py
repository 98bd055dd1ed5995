"""The validation split: some regions of the sequential grid for validation, and what shares no pixel with them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracles.order import order
from tests.oracles.sequential import ImageSize, Region, Size, overlap, sequential_regions


@dataclass
class Split:
    """Regions for training (with a random plan: those that stand in for draws that fail) and for validation."""

    training: list[Region]
    validation: list[Region]
    n_dropped: int
    is_lowered: bool


def n_validation(n: int, percentage: float, minimum: int) -> int:
    """Return max(round(n * percentage), minimum), with a minimum of at most half of the regions."""
    return max(round(n * percentage), min(minimum, max(n // 2, 1)))


def split(images: list[ImageSize], patch: Size, *, percentage: float, minimum: int, seed: int) -> Split:
    """Split the regions. Both parts stay in the order of the grid."""
    regions = sequential_regions(images, patch)
    n_kept = n_validation(len(regions), percentage, minimum)
    kept = set(order(len(regions), seed=seed, epoch=0, purpose="split")[:n_kept])
    validation = [region for number, region in enumerate(regions) if number in kept]
    training = [region for region in regions if not any(overlap(region, other, patch) for other in validation)]
    n_dropped = len(regions) - len(validation) - len(training)
    return Split(training, validation, n_dropped, n_kept < minimum)
