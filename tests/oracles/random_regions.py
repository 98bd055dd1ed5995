"""The random plan: as many regions of each sample as would cover it, drawn anew in every epoch."""

from __future__ import annotations

from math import ceil, prod

from tests.oracles.philox import Block, below, blocks
from tests.oracles.sequential import ImageSize, Region, Size, overlap

N_ATTEMPTS = 64
"""How often a region that overlaps a validation patch is drawn again."""


def samples_of_items(images: list[ImageSize], patch: Size) -> list[tuple[int, int]]:
    """Return the image and the sample of each item: ceil(pixels of a sample / pixels of a patch) for each sample."""
    return [
        (image, sample)
        for image, (n_samples, size) in enumerate(images)
        for sample in range(n_samples)
        for _ in range(ceil(prod(size) / prod(patch)))
    ]


def random_region(
    images: list[ImageSize],
    patch: Size,
    *,
    seed: int,
    epoch: int,
    item: int,
    validation: list[Region] | None = None,
    spares: list[Region] | None = None,
) -> Region:
    """Draw the region of an item: each origin uniform over all that fit.

    With validation regions, the first of 64 draws that overlaps none of them; if all do, one of the spare regions.
    """
    image, sample = samples_of_items(images, patch)[item]
    _, size = images[image]

    def draw(words: Block) -> Region:
        z, y, x = (below(words[axis], size[axis] - patch[axis] + 1) for axis in range(3))
        return image, sample, z, y, x

    attempts = blocks(seed, "region", epoch, item, N_ATTEMPTS + 1)
    if not validation:
        return draw(attempts[0])
    for words in attempts[:N_ATTEMPTS]:
        region = draw(words)
        if not any(overlap(region, other, patch) for other in validation):
            return region
    assert spares is not None
    return spares[below(attempts[N_ATTEMPTS][0], len(spares))]
