"""Sequential regions lie side by side and cover every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import Plan
from patchmill.errors import ShapeError
from patchmill.patching import create_plan
from patchmill.sources import images_from_arrays
from tests.oracles.sequential import ImageSize, Size, sequential_regions
from tests.patching.plans import all_regions, coverage, images_and_patch, named


@given(images_and_patch())
def test_regions_are_the_oracles(drawn: tuple[list[ImageSize], Size]) -> None:
    images, patch = drawn
    plan = Plan.sequential(named(images), patch)
    expected = sequential_regions(images, patch)
    assert len(plan) == len(expected)
    assert all_regions(plan) == expected


@given(images_and_patch())
def test_every_pixel_is_covered_and_none_outside(drawn: tuple[list[ImageSize], Size]) -> None:
    images, patch = drawn
    covered = coverage(images, patch, all_regions(Plan.sequential(named(images), patch)))
    assert all((pixels > 0).all() for pixels in covered)


def test_origins_go_in_steps_of_a_patch_and_end_with_the_image() -> None:
    plan = Plan.sequential([("image", 1, (1, 64, 100))], (1, 64, 32))
    assert [region[4] for region in all_regions(plan)] == [0, 32, 64, 68]
    whole = Plan.sequential([("image", 1, (1, 64, 96))], (1, 64, 32))
    assert [region[4] for region in all_regions(whole)] == [0, 32, 64]


def test_images_of_different_shapes_follow_one_another() -> None:
    images = images_from_arrays([np.zeros((2, 20, 30)), np.zeros((1, 16, 16)), np.zeros((3, 16, 40))], "TYX")
    plan = create_plan(images, [16, 16], "sequential")
    sizes = [(2, (1, 20, 30)), (1, (1, 16, 16)), (3, (1, 16, 40))]
    assert all_regions(plan) == sequential_regions(sizes, (1, 16, 16))


@pytest.mark.parametrize(("axis", "patch"), [("Z", (5, 8, 8)), ("Y", (4, 21, 8)), ("X", (4, 8, 31))])
@pytest.mark.parametrize("create", [Plan.sequential, Plan.stratified, Plan.random, Plan.fixed_random])
def test_a_patch_larger_than_an_image_is_refused(create: object, axis: str, patch: Size) -> None:
    images = [("large", 1, (9, 90, 90)), ("small.tif", 2, (4, 20, 30))]
    with pytest.raises(
        ShapeError, match=rf"^small\.tif, axis {axis}: expected at least {max(patch) if axis != 'Z' else 5}"
    ):
        create(images, patch)


def test_a_patch_without_pixels_is_refused() -> None:
    with pytest.raises(ShapeError, match="axis Y"):
        Plan.sequential([("image", 1, (1, 8, 8))], (1, 0, 8))


def test_an_item_that_is_not_there_is_an_index_error() -> None:
    plan = Plan.sequential([("image", 1, (1, 16, 16))], (1, 8, 8))
    for index in (4, -1):
        with pytest.raises(IndexError, match="below 4"):
            plan.regions(np.array([[index, 0]]), seed=0)


@given(st.integers(0, 3))
def test_the_epoch_and_the_seed_change_nothing(epoch: int) -> None:
    plan = Plan.sequential([("image", 2, (1, 20, 20))], (1, 8, 8))
    assert all_regions(plan, epoch=epoch, seed=epoch) == all_regions(plan)
