"""Random regions come from anywhere in their sample, uniformly."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, prod

import numpy as np
from hypothesis import given
from scipy import stats

from patchmill._core import Plan
from tests.images import epochs, seeds
from tests.oracles.random_regions import random_region, samples_of_items
from tests.oracles.sequential import ImageSize, Size
from tests.oracles.stratified import stratum
from tests.patching.plans import all_regions, images_and_patch, images_patch_and_kept, named, numbers, plan_and_oracle


@given(images_and_patch(), seeds, epochs)
def test_regions_are_the_oracles(drawn: tuple[list[ImageSize], Size], seed: int, epoch: int) -> None:
    images, patch = drawn
    plan = Plan.random(named(images), patch)
    n_items = len(samples_of_items(images, patch))
    assert len(plan) == n_items
    items = np.array([(index, epoch) for index in {0, n_items // 2, n_items - 1}])
    found = [tuple(row) for row in plan.regions(items, seed=seed).tolist()]
    assert found == [random_region(images, patch, seed=seed, epoch=epoch, item=int(index)) for index, _ in items]


@given(images_and_patch(), seeds)
def test_each_sample_has_as_many_regions_as_would_cover_it(drawn: tuple[list[ImageSize], Size], seed: int) -> None:
    images, patch = drawn
    regions = all_regions(Plan.random(named(images), patch), seed=seed)
    for image, (n_samples, size) in enumerate(images):
        for sample in range(n_samples):
            of_sample = [region for region in regions if region[:2] == (image, sample)]
            assert len(of_sample) == ceil(prod(size) / prod(patch))
            assert all(0 <= region[2 + axis] <= size[axis] - patch[axis] for region in of_sample for axis in range(3))


def test_origins_are_uniform_and_independent_along_the_axes() -> None:
    plan = Plan.random([("image", 1, (12, 20, 17))], (5, 8, 8))
    epochs = [all_regions(plan, epoch=epoch, seed=9) for epoch in range(1000)]
    origins = np.array([region[2:] for regions in epochs for region in regions])
    for axis, n_origins in enumerate([8, 13, 10]):
        assert stats.chisquare(np.bincount(origins[:, axis], minlength=n_origins)).pvalue > 1e-4
    for a, b in [(0, 1), (1, 2), (0, 2)]:
        table = np.zeros((13, 13))
        np.add.at(table, (origins[:, a], origins[:, b]), 1)
        table = table[table.sum(1) > 0][:, table.sum(0) > 0]
        assert stats.chi2_contingency(table).pvalue > 1e-4


def test_origins_in_a_large_image_are_uniform() -> None:
    plan = Plan.random([("image", 1, (1, 10_000, 10_000))], (1, 100, 100))
    origins = np.array(all_regions(plan, seed=3))[:, 3:]
    assert len(origins) == 10_000
    for axis in range(2):
        assert stats.kstest(origins[:, axis] / 9901, "uniform").pvalue > 1e-4


def test_epochs_and_seeds_draw_other_regions() -> None:
    plan = Plan.random([("image", 1, (1, 500, 500))], (1, 50, 50))
    drawn = {tuple(all_regions(plan, epoch=epoch, seed=seed)) for epoch in range(5) for seed in range(5)}
    assert len(drawn) == 25


@given(images_patch_and_kept().filter(lambda drawn: drawn[2] is not None), seeds)
def test_a_filtered_sample_has_regions_in_proportion_to_its_kept_cells(
    drawn: tuple[list[ImageSize], Size, list[int]], seed: int
) -> None:
    images, patch, kept = drawn
    plan, expected = plan_and_oracle("random", images, patch, kept)
    regions = all_regions(plan, seed=seed)
    for image, (n_samples, size) in enumerate(images):
        for sample in range(n_samples):
            n_random = ceil(prod(size) / prod(patch))
            n_cells = prod(ceil(size[axis] / patch[axis]) for axis in range(3))
            n_kept = sum(cell[:2] == (image, sample) for cell in expected.cells)
            of_sample = [region for region in regions if region[:2] == (image, sample)]
            assert len(of_sample) == ceil(Fraction(n_random * n_kept, n_cells))


def test_regions_of_kept_cells_take_each_as_often_and_its_stratum_evenly() -> None:
    plan = Plan.random([("other", 2, (1, 16, 16)), ("image", 1, (1, 40, 24))], (1, 8, 8))
    # The second sample of the first image has none, and the second image its cells at (8, 0), (16, 8), (32, 16).
    plan = plan.keep(numbers([1, 11, 15, 22]))
    n_epochs = 3000
    drawn = np.array([all_regions(plan, epoch=epoch, seed=5) for epoch in range(n_epochs)])
    assert drawn.shape == (n_epochs, 1 + 3, 5)
    assert (drawn[:, 0, :2] == 0).all()
    assert (drawn[:, 1:, 0] == 1).all()
    origins = drawn[:, 1:, 3:].reshape(-1, 2)
    cells = [(8, 0), (16, 8), (32, 16)]
    strata = [(stratum(40, 8, y), stratum(24, 8, x)) for y, x in cells]
    of_cell = [np.isin(origins[:, 0], ys) & np.isin(origins[:, 1], xs) for ys, xs in strata]
    counts = np.array([chosen.sum() for chosen in of_cell])
    assert counts.sum() == len(origins)
    assert stats.chisquare(counts).pvalue > 1e-4
    for chosen, (ys, xs) in zip(of_cell, strata, strict=True):
        for axis, starts in enumerate((ys, xs)):
            assert stats.chisquare(np.bincount(origins[chosen, axis] - starts[0], minlength=len(starts))).pvalue > 1e-4


def test_fixed_regions_are_those_of_epoch_0_of_random_ones() -> None:
    images, patch = [("image", 2, (3, 30, 40))], (2, 8, 8)
    for kept in (None, numbers([1, 3, 17])):
        random, fixed = (
            plan if kept is None else plan.keep(kept)
            for plan in (Plan.random(images, patch), Plan.fixed_random(images, patch))
        )
        assert all_regions(fixed, epoch=9, seed=2) == all_regions(random, epoch=0, seed=2)
