"""The pixel masking of Noise2Void (Krull et al., CVPR 2019), N2V2 (Höck et al., ECCVW 2022) and structN2V (Broaddus et
al., ISBI 2020)."""

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
    """Draw the masked pixels of a channel, and the pixels that the uniform strategy replaces them by."""
    drawn = draw_cells(
        seed=seed,
        epoch=epoch,
        item=item,
        channel=channel,
        size=size,
        roi_size=roi_size,
        percentage=percentage,
        is_3d=is_3d,
    )
    pairs = [pair for pair in drawn if pair is not None]
    return [position for position, _ in pairs], [replacement for _, replacement in pairs]


def draw_cells(
    *, seed: int, epoch: int, item: int, channel: int, size: Size, roi_size: int, percentage: float, is_3d: bool
) -> list[tuple[Position, Position] | None]:
    """Draw for each cell of a channel its masked pixel and the pixel that replaces it; None if it is off the patch.

    Each cell has one masked pixel, anywhere in it. Each has a block of words, one word per axis, its upper half for the
    position and its lower half for the replacement. The cells of one channel come after those of the channel before.
    """
    sides = cell_sides(percentage, is_3d=is_3d)
    reach = roi_size // 2
    reaches = (reach if is_3d else 0, reach, reach)
    n_cells = [ceil(size[axis] / sides[axis]) for axis in range(3)]
    cells = list(product(*map(range, n_cells)))
    words = blocks(seed, "mask", epoch, item, (channel + 1) * len(cells))[channel * len(cells) :]

    drawn: list[tuple[Position, Position] | None] = []
    for cell, block in zip(cells, words, strict=True):
        position, replacement = [], []
        for axis in range(3):
            upper, lower = halves(block[axis])
            position.append(int((cell[axis] + unit_half(upper)) * sides[axis]))
            replacement.append(replace(position[axis], reaches[axis], size[axis], lower))
        is_inside = all(position[axis] < size[axis] for axis in range(3))
        drawn.append((tuple(position), tuple(replacement)) if is_inside else None)
    return drawn


def replace(position: int, reach: int, size: int, half: int) -> int:
    """Draw one of the offsets -reach, ..., -1, 1, ..., reach, and clamp the result to the patch."""
    if reach == 0:
        return position
    offsets = [*range(-reach, 0), *range(1, reach + 1)]
    return min(max(position + offsets[below_half(half, len(offsets))], 0), size - 1)


def struct_steps(axis: str, span: int) -> list[tuple[int, int]]:
    """Return the steps along Y and X from a masked pixel to those of the pattern around it, row by row."""
    steps = [step for step in product(range(-(span // 2), span // 2 + 1), repeat=2) if step != (0, 0)]
    kept = {
        "none": lambda y, x: False,
        "horizontal": lambda y, x: y == 0,
        "vertical": lambda y, x: x == 0,
        "cross": lambda y, x: 0 in (y, x),
        "square": lambda y, x: True,
    }[axis]
    return [(y, x) for y, x in steps if kept(y, x)]


def struct_values(
    *, seed: int, epoch: int, item: int, cells: range, n_values: int, low: np.float32, high: np.float32
) -> NDArray[np.float32]:
    """Draw the values of the patterns of some cells, one row for each: uniform from `low` to `high`.

    Cells are counted through all channels. Each has as many blocks as hold its values, which take half a word each, the
    upper one first. The upper 24 bits of the half are the share of the way from `low` to `high`. All is float32,
    rounded after each operation.
    """
    n_blocks = ceil(n_values / 8)
    words = np.array(blocks(seed, "struct", epoch, item, cells.stop * n_blocks), dtype=np.uint64).reshape(-1)
    drawn = np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=1).reshape(cells.stop, 8 * n_blocks)
    shares = (drawn[cells.start :, :n_values] >> np.uint64(8)).astype(np.float32) / np.float32(2**24)
    low, high = low + np.float32(0), high + np.float32(0)  # no negative zero
    return np.clip(low * (np.float32(1) - shares) + high * shares, low, high)


def median_around(
    channel: NDArray[np.float32], position: Position, roi_size: int, *, is_3d: bool, left_out: list[tuple[int, int]]
) -> float:
    """Return the median of the region around a pixel without itself and without some steps (along Y and X) from it.

    Border pixels are repeated beyond the border.
    """
    reach = roi_size // 2
    reaches = (reach if is_3d else 0, reach, reach)
    padded = np.pad(channel, [(reach, reach) for reach in reaches], mode="edge")
    z, y, x = position
    region = padded[z : z + 2 * reaches[0] + 1, y : y + roi_size, x : x + roi_size]
    is_kept = np.ones(region.shape, dtype=bool)
    for step_y, step_x in [(0, 0), *left_out]:
        if max(abs(step_y), abs(step_x)) <= reach:
            is_kept[reaches[0], reach + step_y, reach + step_x] = False
    return np.median(region[is_kept])


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
    struct_axis: str = "none",
    struct_span: int = 5,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the masked patch (C, Z, Y, X) and its mask. Replacements come from the patch as it was.

    The patterns around masked pixels are overwritten after all masked pixels are replaced, cell by cell.
    """
    masked, mask = patch.copy(), np.zeros(patch.shape, dtype=np.uint8)
    steps = struct_steps(struct_axis, struct_span)
    for channel, original in enumerate(patch):
        drawn = draw_cells(
            seed=seed,
            epoch=epoch,
            item=item,
            channel=channel,
            size=original.shape,
            roi_size=roi_size,
            percentage=percentage,
            is_3d=is_3d,
        )
        for position, replacement in [pair for pair in drawn if pair is not None]:
            mask[channel][position] = 1
            if strategy == "uniform":
                masked[channel][position] = original[replacement]
            else:
                masked[channel][position] = median_around(original, position, roi_size, is_3d=is_3d, left_out=steps)
        values = struct_values(
            seed=seed,
            epoch=epoch,
            item=item,
            cells=range(channel * len(drawn), (channel + 1) * len(drawn)),
            n_values=len(steps),
            low=original.min(),
            high=original.max(),
        )
        for pair, row in zip(drawn, values, strict=True):
            if pair is None:
                continue
            (z, y, x), _ = pair
            for (step_y, step_x), value in zip(steps, row, strict=True):
                if 0 <= y + step_y < original.shape[1] and 0 <= x + step_x < original.shape[2]:
                    masked[channel, z, y + step_y, x + step_x] = value
    return masked, mask
