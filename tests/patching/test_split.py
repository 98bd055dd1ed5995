"""The validation split: the right number of patches, and no pixel of them seen in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patchmill._core import Plan
from patchmill.errors import ConfigError, PatchmillWarning, ShapeError
from patchmill.patching import split_plan
from tests.images import seeds
from tests.oracles.random_regions import random_region
from tests.oracles.sequential import ImageSize, Region, Size, sequential_regions
from tests.oracles.split import split
from tests.patching.plans import all_regions, images_and_patch, named

percentages = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0]))


def coverage(images: list[ImageSize], patch: Size, regions: list[Region]) -> list[np.ndarray]:
    covered = [np.zeros((n_samples, *size), dtype=bool) for n_samples, size in images]
    for image, sample, z, y, x in regions:
        covered[image][sample, z : z + patch[0], y : y + patch[1], x : x + patch[2]] = True
    return covered


@given(images_and_patch(), percentages, st.integers(0, 20), seeds)
def test_the_split_is_the_oracles(
    drawn: tuple[list[ImageSize], Size], percentage: float, minimum: int, seed: int
) -> None:
    images, patch = drawn
    plan = Plan.sequential(named(images), patch)
    assume(len(plan) <= 400)
    expected = split(images, patch, percentage=percentage, minimum=minimum, seed=seed)
    if not expected.training:
        with pytest.raises(ShapeError, match="expected training patches to be left"):
            plan.split(percentage=percentage, minimum=minimum, seed=seed)
        return
    training, validation, n_dropped, is_lowered = plan.split(percentage=percentage, minimum=minimum, seed=seed)
    assert all_regions(validation) == expected.validation
    assert all_regions(training) == expected.training
    assert (n_dropped, is_lowered) == (expected.n_dropped, expected.is_lowered)


@given(images_and_patch(), st.floats(0, 0.4), st.integers(1, 5), seeds, st.sampled_from(["sequential", "random"]))
def test_validation_shares_no_pixel_with_training(
    drawn: tuple[list[ImageSize], Size], percentage: float, minimum: int, seed: int, patching: str
) -> None:
    images, patch = drawn
    plan = getattr(Plan, patching)(named(images), patch)
    try:
        training, validation, _, _ = plan.split(percentage=percentage, minimum=minimum, seed=seed)
    except ShapeError:
        return
    kept = coverage(images, patch, all_regions(validation, seed=seed))
    for epoch in range(2):
        seen = coverage(images, patch, all_regions(training, epoch=epoch, seed=seed))
        assert not any((a & b).any() for a, b in zip(kept, seen, strict=True))


@given(images_and_patch(max_size=30), seeds, st.integers(0, 3))
def test_random_regions_are_drawn_again_until_they_avoid_validation(
    drawn: tuple[list[ImageSize], Size], seed: int, epoch: int
) -> None:
    images, patch = drawn
    assume(len(Plan.sequential(named(images), patch)) <= 200)
    expected = split(images, patch, percentage=0.2, minimum=1, seed=seed)
    assume(expected.training)
    training, validation, _, _ = Plan.random(named(images), patch).split(percentage=0.2, minimum=1, seed=seed)
    assert all_regions(validation) == expected.validation
    found = all_regions(training, epoch=epoch, seed=seed)
    for item in {0, len(found) // 2, len(found) - 1}:
        assert found[item] == random_region(
            images,
            patch,
            seed=seed,
            epoch=epoch,
            item=item,
            validation=expected.validation,
            spares=expected.training,
        )


@pytest.mark.parametrize("percentage", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.33])
@pytest.mark.parametrize("minimum", [1, 7, 30])
def test_exactly_the_share_or_the_minimum_is_kept(percentage: float, minimum: int) -> None:
    plan = Plan.sequential([("image", 1, (1, 80, 80))], (1, 8, 8))
    split = split_plan(plan, percentage=percentage, minimum=minimum, seed=5)
    training, validation = split.training, split.validation
    assert len(validation) == max(round(100 * percentage), minimum)
    # In an image of whole patches nothing overlaps.
    assert len(training) == 100 - len(validation)


@pytest.mark.parametrize(("n", "percentage", "expected"), [(25, 0.1, 2), (5, 0.5, 2), (15, 0.1, 2), (35, 0.1, 4)])
def test_halves_are_rounded_as_python_does(n: int, percentage: float, expected: int) -> None:
    assert round(n * percentage) == expected
    plan = Plan.sequential([("image", n, (1, 8, 8))], (1, 8, 8))
    assert len(plan.split(percentage=percentage, minimum=1, seed=0)[1]) == expected


@pytest.mark.parametrize(("n", "n_kept"), [(2, 1), (3, 1), (8, 4), (9, 4), (10, 5)])
def test_a_minimum_of_most_patches_is_lowered_to_half_with_a_warning(n: int, n_kept: int) -> None:
    plan = Plan.sequential([("image", n, (1, 8, 8))], (1, 8, 8))
    split = split_plan(plan, percentage=0.1, minimum=5, seed=1)
    assert (len(split.training), len(split.validation)) == (n - n_kept, n_kept)
    if n_kept < 5:
        with pytest.warns(
            PatchmillWarning, match=rf"at least 5 validation patches, got {n} patches.*only {n_kept} are"
        ):
            split.report()
    else:
        split.report()


def test_patches_that_overlap_validation_are_dropped_and_counted() -> None:
    # Origins 0 and 4: the two regions of each axis overlap.
    plan = Plan.sequential([("image", 6, (1, 8, 12))], (1, 8, 8))
    training, validation, n_dropped, _ = plan.split(percentage=0.25, minimum=1, seed=2)
    assert len(validation) == 3
    samples = {sample for _, sample, *_ in all_regions(validation)}
    assert n_dropped == 2 * len(samples) - 3
    assert len(training) == 12 - 3 - n_dropped


@pytest.mark.parametrize("patching", ["sequential", "random"])
@pytest.mark.parametrize("size", [(1, 8, 8), (1, 12, 12)])
def test_nothing_left_to_train_on_is_an_error(patching: str, size: Size) -> None:
    plan = getattr(Plan, patching)([("image", 1, size)], (1, 8, 8))
    with pytest.raises(ShapeError, match=r"expected training patches to be left.*Use larger images"):
        split_plan(plan, percentage=0.1, minimum=1, seed=0)


@pytest.mark.parametrize("images", [[], [("image", 0, (1, 8, 8))]])
@pytest.mark.parametrize("patching", ["sequential", "random"])
def test_a_plan_without_regions_cannot_be_split(patching: str, images: list[tuple[str, int, Size]]) -> None:
    with pytest.raises(ShapeError, match="expected training patches to be left"):
        getattr(Plan, patching)(images, (1, 8, 8)).split(percentage=0.1, minimum=1, seed=0)


@pytest.mark.parametrize(
    ("percentage", "minimum", "where"), [(-0.1, 1, "val_percentage"), (1.5, 1, "10 % as 0.1"), (0.1, 0, "at least 1")]
)
def test_arguments_out_of_range_are_refused(percentage: float, minimum: int, where: str) -> None:
    plan = Plan.sequential([("image", 9, (1, 8, 8))], (1, 8, 8))
    with pytest.raises(ConfigError, match=where):
        split_plan(plan, percentage=percentage, minimum=minimum, seed=0)


def test_a_percentage_that_is_not_a_number_is_refused() -> None:
    plan = Plan.sequential([("image", 9, (1, 8, 8))], (1, 8, 8))
    with pytest.raises(ConfigError, match="val_percentage"):
        split_plan(plan, percentage=float("nan"), minimum=1, seed=0)


def test_seeds_keep_other_patches_and_each_patch_as_often() -> None:
    plan = Plan.sequential([("image", 20, (1, 8, 8))], (1, 8, 8))
    counts = np.zeros(20)
    for seed in range(2000):
        _, validation, _, _ = plan.split(percentage=0.1, minimum=1, seed=seed)
        counts[[sample for _, sample, *_ in all_regions(validation)]] += 1
    # 2 of 20: a variance of n p (1 - p) each.
    assert abs(counts - 200).max() < 5 * np.sqrt(2000 * 0.1 * 0.9)


def test_the_grid_is_split_even_if_the_plan_is_random() -> None:
    images, patch = [(2, (1, 30, 30))], (1, 8, 8)
    _, validation, _, _ = Plan.random(named(images), patch).split(percentage=0.1, minimum=1, seed=3)
    assert set(all_regions(validation)) <= set(sequential_regions(images, patch))
