"""The validation split: the right number of patches, and no pixel of them seen in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import Plan
from patchmill.errors import ConfigError, PatchmillWarning, ShapeError
from patchmill.patching import split_plan
from tests.dataset.thoroughness import times
from tests.images import seeds
from tests.oracles.plan import KINDS
from tests.oracles.sequential import ImageSize, Size, sequential_regions
from tests.patching.plans import all_regions, coverage, images_patch_and_kept, named, numbers, plan_and_oracle

kinds = pytest.mark.parametrize("kind", KINDS)
percentages = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0]))


@kinds
@given(
    drawn=images_patch_and_kept(),
    percentage=percentages,
    minimum=st.integers(0, 20),
    seed=seeds,
    epoch=st.integers(0, 3),
)
def test_the_split_is_the_oracles(
    kind: str,
    drawn: tuple[list[ImageSize], Size, list[int] | None],
    percentage: float,
    minimum: int,
    seed: int,
    epoch: int,
) -> None:
    plan, oracle = plan_and_oracle(kind, *drawn)
    expected = oracle.split(percentage=percentage, minimum=minimum, seed=seed)
    if not expected[0].cells:
        with pytest.raises(ShapeError, match="expected training patches to be left"):
            plan.split(percentage=percentage, minimum=minimum, seed=seed)
        return
    training, validation, n_dropped, is_lowered = plan.split(percentage=percentage, minimum=minimum, seed=seed)
    assert all_regions(validation) == expected[1].cells
    assert [tuple(cell) for cell in training.cells(training.kept()).tolist()] == expected[0].cells
    assert (n_dropped, is_lowered) == expected[2:]
    assert len(training) == len(expected[0])
    found = all_regions(training, epoch=epoch, seed=seed)
    for item in {0, len(found) // 3, len(found) // 2, len(found) - 1}:
        assert found[item] == expected[0].region(item, epoch=epoch, seed=seed)


@kinds
@given(drawn=images_patch_and_kept(), percentage=st.floats(0, 0.4), minimum=st.integers(1, 5), seed=seeds)
def test_validation_shares_no_pixel_with_training(
    kind: str, drawn: tuple[list[ImageSize], Size, list[int] | None], percentage: float, minimum: int, seed: int
) -> None:
    images, patch, kept = drawn
    plan, _ = plan_and_oracle(kind, images, patch, kept)
    try:
        training, validation, _, _ = plan.split(percentage=percentage, minimum=minimum, seed=seed)
    except ShapeError:
        return
    reserved = coverage(images, patch, all_regions(validation, seed=seed))
    for epoch in range(times(10, slow=100)):
        seen = coverage(images, patch, all_regions(training, epoch=epoch, seed=seed))
        assert not any((a & b).any() for a, b in zip(reserved, seen, strict=True))


@kinds
def test_training_and_validation_take_only_what_a_filter_has_kept(kind: str) -> None:
    images, patch, kept = [(1, (1, 80, 80))], (1, 8, 8), list(range(0, 100, 3))
    plan, _ = plan_and_oracle(kind, images, patch, kept)
    training, validation, n_dropped, is_lowered = plan.split(percentage=0.2, minimum=1, seed=1)
    parts = [set(part.kept().tolist()) for part in (training, validation)]
    assert len(parts[1]) == 7
    assert parts[0] | parts[1] == set(kept)
    assert not parts[0] & parts[1]
    assert (n_dropped, is_lowered) == (0, False)


@pytest.mark.parametrize(("n_kept", "n_validation", "is_lowered"), [(100, 8, False), (16, 8, False), (12, 6, True)])
def test_the_minimum_is_lowered_for_what_a_filter_has_kept(n_kept: int, n_validation: int, is_lowered: bool) -> None:
    plan = Plan.stratified([("image", 100, (1, 8, 8))], (1, 8, 8)).keep(numbers(range(n_kept)))
    split = split_plan(plan, percentage=0.05, minimum=8, seed=1)
    assert (len(split.validation), split.n_patches, split.is_lowered) == (n_validation, n_kept, is_lowered)


@pytest.mark.parametrize("kind", ["random", "fixed_random"])
@pytest.mark.parametrize("kept", [None, [0, 1, 5, 6, 7, 20]])
def test_random_items_are_as_many_in_training_as_without_a_split(kind: str, kept: list[int] | None) -> None:
    plan, _ = plan_and_oracle(kind, [(2, (1, 30, 30))], (1, 8, 8), kept)
    split = split_plan(plan, percentage=0.2, minimum=1, seed=1)
    assert len(split.training) == len(plan)
    assert split.n_dropped == 0


@pytest.mark.parametrize("kind", ["random", "fixed_random"])
@pytest.mark.parametrize("kept", [None, list(range(0, 42, 3))])
def test_random_items_stay_in_their_samples_however_little_of_them_is_free(kind: str, kept: list[int] | None) -> None:
    images = [(2, (1, 24, 12)), (6, (1, 8, 16)), (1, (1, 24, 24)), (3, (1, 8, 20))]
    plan, _ = plan_and_oracle(kind, images, (1, 8, 8), kept)
    split = split_plan(plan, percentage=0.5, minimum=1, seed=1)
    free = {tuple(cell[:2]) for cell in split.training.cells(split.training.kept()).tolist()}
    assert split.n_dropped == len(plan) - len(split.training) > 0
    ends = split.training.image_ends().tolist()
    for epoch in range(20):
        regions = all_regions(split.training, epoch=epoch, seed=1)
        assert {region[:2] for region in regions} <= free
        assert [sum(region[0] < end for region in regions) for end in range(1, 5)] == ends


def test_stratified_items_stay_in_their_strata_however_little_of_them_is_free() -> None:
    # Most cells are surrounded by validation, so that hardly another origin than their own is free.
    plan = Plan.stratified([("image", 6, (1, 24, 24))], (1, 8, 8))
    training, _, _, _ = plan.split(percentage=0.8, minimum=1, seed=1)
    cells = training.cells(training.kept())
    n_moved = 0
    for epoch in range(50):
        regions = np.array(all_regions(training, epoch=epoch, seed=1))
        assert (regions[:, :2] == cells[:, :2]).all()
        assert (abs(regions - cells) <= 4).all()
        n_moved += (regions != cells).any(axis=1).sum()
    assert 0 < n_moved < 50 * len(cells)


@kinds
def test_a_part_of_a_split_is_filtered_and_split_as_well(kind: str) -> None:
    images, patch = [(1, (1, 100, 90))], (1, 8, 8)
    plan, _ = plan_and_oracle(kind, images, patch)
    training, first, _, _ = plan.split(percentage=0.1, minimum=1, seed=1)
    training, second, _, _ = training.keep(numbers(range(0, 156, 2))).split(percentage=0.1, minimum=1, seed=2)
    seen = [
        sum(coverage(images, patch, all_regions(part, epoch=epoch, seed=3))[0] for epoch in range(20)) > 0
        for part in (training, first, second)
    ]
    assert not (sum(part.astype(int) for part in seen) > 1).any()


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


@pytest.mark.parametrize("patching", KINDS)
@pytest.mark.parametrize("size", [(1, 8, 8), (1, 12, 12)])
def test_nothing_left_to_train_on_is_an_error(patching: str, size: Size) -> None:
    plan = getattr(Plan, patching)([("image", 1, size)], (1, 8, 8))
    with pytest.raises(ShapeError, match=r"expected training patches to be left.*Use larger images"):
        split_plan(plan, percentage=0.1, minimum=1, seed=0)


@pytest.mark.parametrize("images", [[], [("image", 0, (1, 8, 8))]])
@pytest.mark.parametrize("patching", KINDS)
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
