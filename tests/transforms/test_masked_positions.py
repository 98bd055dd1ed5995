"""Masked pixels lie anywhere in their cells, uniformly, and cells know nothing of each other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from patchmill._core import N2vManipulate
from tests.oracles.sequential import Size


def masking(side: float, *, is_3d: bool = False) -> N2vManipulate:
    """Make a masking whose cells have a side."""
    percentage = 100 / side ** (3 if is_3d else 2)
    return N2vManipulate(strategy="uniform", roi_size=11, masked_pixel_percentage=percentage, is_3d=is_3d)


def draw(side: float, size: Size, n: int, *, is_3d: bool = False, channel: int = 0) -> list[NDArray[np.int64]]:
    """Draw the masked pixels of `n` items."""
    made = masking(side, is_3d=is_3d)
    return [made.draw(seed=2, epoch=7, item=item, channel=channel, size=size)[0] for item in range(n)]


@pytest.mark.parametrize(("side", "size", "is_3d"), [(6.5, (1, 6, 6), False), (3.25, (3, 3, 3), True)])
def test_each_pixel_of_a_cell_is_as_likely_and_the_rest_is_off_the_patch(side: float, size: Size, is_3d: bool) -> None:
    n = 20_000
    drawn = draw(side, size, n, is_3d=is_3d, channel=1)
    inside = np.array([pixels[0] for pixels in drawn if len(pixels)])
    counts = np.bincount(np.ravel_multi_index(tuple(inside.T), size), minlength=np.prod(size))
    share = 1 / side ** (3 if is_3d else 2)
    expected = np.array([*[share * n] * len(counts), n * (1 - share * len(counts))])
    assert stats.chisquare([*counts, n - counts.sum()], expected).pvalue > 1e-4


def test_cells_share_the_pixels_that_lie_in_both() -> None:
    # 13 pixels, two cells of 6.5: half of pixel 6 is in each.
    n, side = 20_000, 6.5
    drawn = np.array(draw(side, (1, 13, 13), n))
    assert drawn.shape == (n, 4, 3)
    shares = {0: np.array([1] * 6 + [0.5] + [0] * 6) / side, 1: np.array([0] * 6 + [0.5] + [1] * 6) / side}
    for cell, (row, column) in enumerate(product((0, 1), (0, 1))):
        counts = np.bincount(drawn[:, cell, 1] * 13 + drawn[:, cell, 2], minlength=169)
        expected = np.outer(shares[row], shares[column]).ravel() * n
        assert not counts[expected == 0].any()
        assert stats.chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-4


def test_cells_are_independent() -> None:
    drawn = np.array(draw(8.0, (1, 16, 16), 20_000))
    parts = drawn[:, :, 1:] % 8 // 2 @ [4, 1]
    for one, other in ((0, 1), (0, 2), (1, 2), (0, 3)):
        table = np.zeros((16, 16))
        np.add.at(table, (parts[:, one], parts[:, other]), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("axis", [1, 2])
def test_positions_in_a_large_cell_are_uniform(axis: int) -> None:
    positions = np.array(draw(2000.0, (1, 2000, 2000), 10_000))[:, 0, axis]
    assert stats.kstest((positions + 0.5) / 2000, "uniform").pvalue > 1e-4


def test_replacements_tell_nothing_of_positions() -> None:
    # The two halves of one word: where in its cell a pixel lies, and where its replacement does.
    made = N2vManipulate(strategy="uniform", roi_size=11, masked_pixel_percentage=1.0, is_3d=False)
    drawn = [made.draw(seed=2, epoch=0, item=item, channel=0, size=(1, 100, 100)) for item in range(400)]
    positions, replacements = (np.concatenate(part) for part in zip(*drawn, strict=True))
    far = ((positions[:, 1:] >= 5) & (positions[:, 1:] < 95)).all(1)
    offsets = (replacements - positions)[far][:, 1:]
    for axis in (0, 1):
        table = np.zeros((10, 10))
        columns = np.where(offsets[:, axis] < 0, offsets[:, axis] + 5, offsets[:, axis] + 4)
        np.add.at(table, (positions[far][:, 1 + axis] % 10, columns), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-4
