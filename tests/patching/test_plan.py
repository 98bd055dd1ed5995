"""Plans of every kind: their items are the oracle's, over all cells or over those that a filter has kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import Augmentation, PatchDataset, Plan
from patchmill.errors import ConfigError, ShapeError
from patchmill.patching import create_plan
from tests.images import epochs, seeds
from tests.oracles import plan as oracle
from tests.oracles.sequential import ImageSize, Size, overlap, sequential_regions
from tests.patching.plans import CASES, all_regions, images_patch_and_kept, numbers, plan_and_oracle

Drawn = tuple[list[ImageSize], Size, list[int] | None]

kinds = pytest.mark.parametrize("kind", oracle.KINDS)


@dataclass(frozen=True)
class Header:
    """What is known of an image before its pixels are read."""

    name: str
    n_samples: int
    size_zyx: Size


@kinds
@given(drawn=images_patch_and_kept(), seed=seeds, epoch=epochs)
def test_regions_are_the_oracles(kind: str, drawn: Drawn, seed: int, epoch: int) -> None:
    plan, expected = plan_and_oracle(kind, *drawn)
    assert len(plan) == len(expected)
    items = sorted({0, len(plan) // 3, len(plan) // 2, len(plan) - 1})
    found = plan.regions(np.array([(item, epoch) for item in items]), seed=seed)
    assert [tuple(row) for row in found.tolist()] == [expected.region(item, epoch=epoch, seed=seed) for item in items]


@kinds
@given(drawn=images_patch_and_kept(), seed=seeds, epoch=st.integers(0, 3))
def test_regions_lie_in_their_samples(kind: str, drawn: Drawn, seed: int, epoch: int) -> None:
    plan, expected = plan_and_oracle(kind, *drawn)
    for image, sample, *origin in all_regions(plan, epoch=epoch, seed=seed):
        n_samples, size = expected.images[image]
        assert sample < n_samples
        assert all(0 <= origin[axis] <= size[axis] - expected.patch[axis] for axis in range(3))


@pytest.mark.parametrize("kind", ["stratified", "random", "fixed_random"])
@given(drawn=images_patch_and_kept().filter(lambda drawn: drawn[2] is not None), seed=seeds)
def test_what_is_drawn_of_kept_cells_covers_half_of_one_along_every_axis(kind: str, drawn: Drawn, seed: int) -> None:
    plan, expected = plan_and_oracle(kind, *drawn)
    for region in all_regions(plan, seed=seed):
        cells = [cell for cell in expected.cells if cell[:2] == region[:2]]
        distances = [[abs(a - b) for a, b in zip(cell[2:], region[2:], strict=True)] for cell in cells]
        assert any(all(2 * d <= p for d, p in zip(far, expected.patch, strict=True)) for far in distances)


@kinds
@given(drawn=images_patch_and_kept())
def test_the_cells_that_are_kept_are_told(kind: str, drawn: Drawn) -> None:
    images, patch, kept = drawn
    plan, _ = plan_and_oracle(kind, images, patch, kept)
    cells = sequential_regions(images, patch)
    assert plan.n_cells == len(cells)
    found = plan.kept()
    if kept is None:
        assert found is None
        assert plan.n_kept == len(cells)
    else:
        assert found is not None
        assert found.dtype == np.uint64
        assert found.tolist() == kept
        assert plan.n_kept == len(kept)
    # Any of them, in any order, more than once.
    some = [*range(0, len(cells), 3), len(cells) - 1, 0]
    assert [tuple(row) for row in plan.cells(numbers(some)).tolist()] == [cells[number] for number in some]


@kinds
def test_what_is_kept_twice_is_in_both(kind: str) -> None:
    plan, _ = plan_and_oracle(kind, [(2, (1, 16, 24))], (1, 8, 8), [9, 1, 3, 5, 1])
    twice, expected = plan.keep(numbers([5, 6, 3])), plan_and_oracle(kind, [(2, (1, 16, 24))], (1, 8, 8), [3, 5])[0]
    kept = twice.kept()
    assert kept is not None
    assert kept.tolist() == [3, 5]
    assert all_regions(twice, seed=4) == all_regions(expected, seed=4)
    assert plan.n_kept == 4


@kinds
@pytest.mark.parametrize("kept", [None, [0, 30, 31]])
def test_random_and_stratified_regions_differ_in_every_epoch_and_the_others_never(
    kind: str, kept: list[int] | None
) -> None:
    plan, _ = plan_and_oracle(kind, *CASES[-1], kept)
    drawn = {tuple(all_regions(plan, epoch=epoch, seed=1)) for epoch in range(5)}
    seeded = {tuple(all_regions(plan, seed=seed)) for seed in range(5)}
    assert len(drawn) == (5 if kind in ("stratified", "random") else 1)
    assert len(seeded) == (1 if kind == "sequential" else 5)


def test_fixed_patches_are_flipped_and_turned_anew_in_every_epoch() -> None:
    augmentation = Augmentation(flip_y=True, flip_x=True, flip_probability=0.5, rotation_probability=0.5)
    plan = Plan.fixed_random([("image", 1, (1, 40, 50))], (1, 8, 8))
    image = np.zeros((1, 1, 1, 1, 40, 50), dtype=np.uint8)
    dataset = PatchDataset([("image", image)], [(0.0, 1.0)], plan, augmentation=augmentation)
    draws = [dataset.draw(np.array([(i, epoch) for i in range(len(plan))]), seed=3) for epoch in range(5)]
    assert len({regions.tobytes() for regions, _ in draws}) == 1
    assert len({orientations.tobytes() for _, orientations in draws}) == 5


@kinds
def test_a_plan_is_made_of_headers(kind: str) -> None:
    headers = [Header("a.tif", 2, (1, 20, 30)), Header("b.tif", 1, (1, 16, 16))]
    images, patch = [(2, (1, 20, 30)), (1, (1, 16, 16))], (1, 16, 16)
    kept = np.array([1, 2, 8])
    for chosen in (None, kept):
        plan = create_plan(headers, [16, 16], kind, chosen)
        expected, _ = plan_and_oracle(kind, images, patch, None if chosen is None else chosen.tolist())
        assert all_regions(plan, seed=7) == all_regions(expected, seed=7)
    with pytest.raises(ShapeError, match=r"^b\.tif, axis Y"):
        create_plan(headers, [20, 16], kind)


@kinds
def test_a_filter_that_keeps_nothing_is_refused(kind: str) -> None:
    plan, _ = plan_and_oracle(kind, [(3, (1, 16, 24))], (1, 8, 8))
    with pytest.raises(ConfigError, match=r"^patch filter: expected some of the 18 patches .* none \(0 %\).*threshold"):
        plan.keep(numbers([]))
    with pytest.raises(ConfigError, match="some of the 2 patches"):
        plan.keep(numbers([1, 2])).keep(numbers([3]))


@kinds
@pytest.mark.parametrize("number", [18, 2**64 - 1])
def test_a_cell_that_is_not_there_is_refused(kind: str, number: int) -> None:
    plan, _ = plan_and_oracle(kind, [(3, (1, 16, 24))], (1, 8, 8))
    with pytest.raises(ConfigError, match=f"kept: expected numbers of cells below 18, got {number}"):
        plan.keep(numbers([0, number]))
    with pytest.raises(IndexError, match=f"below 18, got {number}"):
        plan.cells(numbers([number]))


def test_a_cell_before_the_first_is_refused() -> None:
    with pytest.raises(ConfigError, match="below 9"):
        create_plan([Header("image", 9, (1, 8, 8))], [8, 8], "stratified", np.array([0, -1]))


@kinds
@pytest.mark.parametrize("is_filtered", [False, True])
def test_items_of_many_images_are_found(kind: str, is_filtered: bool) -> None:
    """Images of one to four cells; a filter keeps the second cell of each that has two or more."""
    rng = np.random.default_rng(8)
    n_images = 100_000
    n_cells = rng.integers(1, 5, n_images)
    plan: Plan = getattr(Plan, kind)([(f"{i}.tif", 1, (1, 8, 8 * int(n))) for i, n in enumerate(n_cells)], (1, 8, 8))
    first = np.cumsum(n_cells) - n_cells
    images = np.repeat(np.arange(n_images), n_cells)
    if is_filtered:
        images = np.flatnonzero(n_cells > 1)
        plan = plan.keep((first[images] + 1).astype(np.uint64))
    assert len(plan) == len(images)
    items = np.concatenate([rng.integers(0, len(plan), 1000), [0, len(plan) - 1]])
    regions = plan.regions(np.stack([items, items], axis=1), seed=1)
    assert (regions[:, 0] == images[items]).all()
    if is_filtered:
        assert (abs(regions[:, 4] - 8) <= 4).all()


def test_regions_overlap_as_the_oracle_says() -> None:
    """The oracle's own notion of overlap, which the tests of splits rely on."""
    assert overlap((0, 0, 0, 0, 0), (0, 0, 0, 7, 7), (1, 8, 8))
    assert not overlap((0, 0, 0, 0, 0), (0, 0, 0, 8, 0), (1, 8, 8))
    assert not overlap((0, 0, 0, 0, 0), (0, 1, 0, 0, 0), (1, 8, 8))
