"""The random plan: as many regions of each sample as would cover it, drawn anew in every epoch.

The fixed random plan is the same with the regions of epoch 0 in every epoch.
"""

from __future__ import annotations

from math import ceil, prod

from tests.oracles.philox import Block, below
from tests.oracles.sequential import ImageSize, Region, Size, sequential_regions
from tests.oracles.split import draw_beside
from tests.oracles.stratified import draw_in_stratum


def samples_of_items(
    images: list[ImageSize], patch: Size, kept: list[Region] | None = None, free: list[Region] | None = None
) -> list[tuple[int, int]]:
    """Return the image and the sample of each item: ceil(pixels of a sample / pixels of a patch) for each sample.

    If a filter keeps some cells of the sequential grid only, the share of them that it keeps in the sample, rounded up.
    If a split leaves some cells free only, none in samples without a free cell.
    """
    cells = sequential_regions(images, patch)

    def n_items(image: int, sample: int) -> int:
        if free is not None and not any(region[:2] == (image, sample) for region in free):
            return 0
        n_random = ceil(prod(images[image][1]) / prod(patch))
        if kept is None:
            return n_random
        n_cells, n_kept = (sum(region[:2] == (image, sample) for region in regions) for regions in (cells, kept))
        return -(-n_random * n_kept // n_cells)

    return [
        (image, sample)
        for image, (n_samples, _) in enumerate(images)
        for sample in range(n_samples)
        for _ in range(n_items(image, sample))
    ]


def random_region(
    images: list[ImageSize],
    patch: Size,
    *,
    seed: int,
    epoch: int,
    item: int,
    kept: list[Region] | None = None,
    validation: list[Region] | None = None,
    spares: list[Region] | None = None,
) -> Region:
    """Draw the region of an item: each origin uniform over all that fit.

    If a filter keeps some cells only, over the stratum of one of the kept cells of the sample, each as likely. With
    validation regions, the first of 64 draws that overlaps none of them; if all do, one of the sample's spare regions.
    """
    image, sample = samples_of_items(images, patch, kept, spares)[item]
    _, size = images[image]

    def draw(words: Block) -> Region:
        if kept is not None:
            cells = [cell for cell in kept if cell[:2] == (image, sample)]
            return draw_in_stratum(images, patch, cells[below(words[3], len(cells))], words)
        z, y, x = (below(words[axis], size[axis] - patch[axis] + 1) for axis in range(3))
        return image, sample, z, y, x

    region, words = draw_beside(validation or [], patch, draw, seed=seed, epoch=epoch, item=item)
    if region is not None:
        return region
    assert spares is not None
    spares = [region for region in spares if region[:2] == (image, sample)]
    return spares[below(words[0], len(spares))]
