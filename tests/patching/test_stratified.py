"""Stratified regions lie near every cell, once in an epoch, and cover a sample evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from patchmill._core import Plan
from tests.oracles.sequential import origins
from tests.oracles.stratified import stratum
from tests.patching.plans import all_regions, coverage, numbers


@given(st.integers(1, 12), st.integers(0, 40))
def test_strata_part_the_origins(patch: int, more: int) -> None:
    cells = origins(patch + more, patch)
    strata = [stratum(patch + more, patch, cell) for cell in cells]
    assert sorted(start for starts in strata for start in starts) == list(range(more + 1))
    assert all(starts == list(range(starts[0], starts[-1] + 1)) for starts in strata)
    assert all(2 * abs(start - cell) <= patch for cell, starts in zip(cells, strata, strict=True) for start in starts)


@pytest.mark.parametrize("sizes", [(16, 32, 24), (5, 8, 8), (6, 9, 9), (1, 33, 40)])
@pytest.mark.parametrize("kept", [None, [0, 2, 3]])
def test_every_stratum_comes_once_in_an_epoch_and_its_origins_are_as_likely(
    sizes: tuple[int, int, int], kept: list[int] | None
) -> None:
    patch = (min(sizes[0], 5), 8, 8)
    plan = Plan.stratified([("image", 1, sizes)], patch)
    kept = None if kept is None else [number for number in kept if number < plan.n_cells]
    if kept is not None:
        plan = plan.keep(numbers(kept))
    cells = plan.cells(numbers(range(plan.n_cells) if kept is None else kept))
    assert len(plan) == len(cells)
    n_epochs = 2000
    drawn = np.array([all_regions(plan, epoch=epoch, seed=6) for epoch in range(n_epochs)])
    pvalues = []
    for item, cell in enumerate(cells):
        for axis in range(3):
            starts = stratum(sizes[axis], patch[axis], int(cell[2 + axis]))
            counts = np.bincount(drawn[:, item, 2 + axis] - starts[0], minlength=len(starts))
            assert len(counts) == len(starts)
            if len(starts) > 1:
                pvalues.append(stats.chisquare(counts).pvalue)
    assert not pvalues or min(pvalues) * len(pvalues) > 1e-4


def test_the_origins_of_an_item_are_independent_along_the_axes() -> None:
    plan = Plan.stratified([("image", 1, (1, 24, 24))], (1, 8, 8))
    centre = np.array([[4, epoch] for epoch in range(4000)])
    drawn = plan.regions(centre, seed=2)[:, 3:] - 4
    table = np.zeros((9, 9))
    np.add.at(table, (drawn[:, 0], drawn[:, 1]), 1)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    assert table.shape == (8, 8)
    assert stats.chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("size", [64, 61, 8, 9, 12])
def test_a_pixel_is_covered_as_often_as_its_strata_say_once_in_an_epoch_away_from_the_border(size: int) -> None:
    images, patch, n_epochs = [(1, (1, size, 64))], (1, 8, 8), 400
    plan = Plan.stratified([("image", 1, (1, size, 64))], patch)
    counts = sum(coverage(images, patch, all_regions(plan, epoch=epoch, seed=1))[0] for epoch in range(n_epochs))
    expected = np.outer(expected_coverage(size, 8), expected_coverage(64, 8))
    # A pixel is covered or not by each item, whose variance is at most its mean.
    assert (abs(counts[0, 0] / n_epochs - expected) < 6 * np.sqrt(expected / n_epochs)).all()


def test_the_expected_coverage_of_pixels_away_from_the_border_is_one() -> None:
    assert expected_coverage(64, 8)[12:-12] == pytest.approx(1)
    assert expected_coverage(64, 8)[0] == pytest.approx(1 / 5)
    assert expected_coverage(61, 8).sum() == pytest.approx(8 * 8)


def expected_coverage(size: int, patch: int) -> NDArray[np.float64]:
    """Return how many patches an epoch lays over each pixel of an axis, on average."""
    density = np.zeros(size - patch + 1)
    for cell in origins(size, patch):
        starts = stratum(size, patch, cell)
        density[starts] += 1 / len(starts)
    return np.convolve(density, np.ones(patch))
