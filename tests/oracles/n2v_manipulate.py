"""The pixel masking of Noise2Void (Krull et al., CVPR 2019) and the median of N2V2 (Höck et al., ECCVW 2022)."""

from __future__ import annotations

from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray

from tests.oracles.philox import below_half, blocks, halves, unit_half
from tests.oracles.sequential import Size

Position = tuple[int, int, int]


def cell_sides(percentage: float, *, is_3d: bool) -> tuple[float, float, float]:
    """Return the sides (Z, Y, X) of the grid's cells: as many pixels to a cell as there are to a masked one."""
    pixels_per_cell = 100 / percentage
    side = float(np.float32(pixels_per_cell ** (1 / 3) if is_3d else pixels_per_cell**0.5))
    return side if is_3d else 1.0, side, side


def draw_masked_pixels(
    *, seed: int, epoch: int, item: int, channel: int, size: Size, roi_size: int, percentage: float, is_3d: bool
) -> tuple[list[Position], list[Position]]:
    """Draw the masked pixels of a channel, and the pixels that the uniform strategy replaces them by.

    Each cell of the grid has one masked pixel, anywhere in it; those off the patch are left out. Each cell has a block
    of words, one word per axis, its upper half for the position and its lower half for the replacement. The cells of
    one channel come after those of the channel before.
    """
    sides = cell_sides(percentage, is_3d=is_3d)
    reach = roi_size // 2
    reaches = (reach if is_3d else 0, reach, reach)
    n_cells = [ceil(size[axis] / sides[axis]) for axis in range(3)]
    cells = list(product(*map(range, n_cells)))
    words = blocks(seed, "mask", epoch, item, (channel + 1) * len(cells))[channel * len(cells) :]

    positions, replacements = [], []
    for cell, block in zip(cells, words, strict=True):
        position, replacement = [], []
        for axis in range(3):
            upper, lower = halves(block[axis])
            position.append(int((cell[axis] + unit_half(upper)) * sides[axis]))
            replacement.append(replace(position[axis], reaches[axis], size[axis], lower))
        if all(position[axis] < size[axis] for axis in range(3)):
            positions.append(tuple(position))
            replacements.append(tuple(replacement))
    return positions, replacements


def replace(position: int, reach: int, size: int, half: int) -> int:
    """Draw one of the offsets -reach, ..., -1, 1, ..., reach, and clamp the result to the patch."""
    if reach == 0:
        return position
    offsets = [*range(-reach, 0), *range(1, reach + 1)]
    return min(max(position + offsets[below_half(half, len(offsets))], 0), size - 1)


def median_without_centre(channel: NDArray[np.float32], position: Position, roi_size: int, *, is_3d: bool) -> float:
    """Return the median of the region around a pixel without itself; border pixels are repeated beyond the border."""
    reach = roi_size // 2
    reaches = (reach if is_3d else 0, reach, reach)
    padded = np.pad(channel, [(reach, reach) for reach in reaches], mode="edge")
    z, y, x = position
    region = padded[z : z + 2 * reaches[0] + 1, y : y + roi_size, x : x + roi_size].ravel()
    return np.median(np.delete(region, region.size // 2))


def manipulate(
    patch: NDArray[np.float32],
    *,
    seed: int,
    epoch: int,
    item: int,
    strategy: str,
    roi_size: int,
    percentage: float,
    is_3d: bool,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the masked patch (C, Z, Y, X) and its mask. Replacements come from the patch as it was."""
    masked, mask = patch.copy(), np.zeros(patch.shape, dtype=np.uint8)
    for channel, original in enumerate(patch):
        positions, replacements = draw_masked_pixels(
            seed=seed,
            epoch=epoch,
            item=item,
            channel=channel,
            size=original.shape,
            roi_size=roi_size,
            percentage=percentage,
            is_3d=is_3d,
        )
        for position, replacement in zip(positions, replacements, strict=True):
            mask[channel][position] = 1
            if strategy == "uniform":
                masked[channel][position] = original[replacement]
            else:
                masked[channel][position] = median_without_centre(original, position, roi_size, is_3d=is_3d)
    return masked, mask
