"""Augmentation draws one of the eight orientations, and lays patches down as NumPy would."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patchmill._core import Augmentation, PatchDataset, Plan
from tests.images import epochs, seeds
from tests.oracles.orientation import Orientation, draw_flipped_axis, draw_quarter_turns, orient

ALL = [Orientation(axis, turns) for axis in (None, -1, -2) for turns in range(4)]


def dataset(size: tuple[int, int], augmentation: Augmentation | None, n: int = 1) -> PatchDataset:
    pixels = np.arange(n * size[0] * size[1], dtype=np.float64).reshape(n, 1, 1, 1, *size)
    plan = Plan.sequential([("image", n, (1, *size))], (1, *size))
    return PatchDataset([("image", pixels)], [(0.0, 1.0)], plan, augmentation=augmentation)


def augmentation(axes: list[int], flip_p: float, rotation_p: float) -> Augmentation:
    return Augmentation(flip_y=-2 in axes, flip_x=-1 in axes, flip_probability=flip_p, rotation_probability=rotation_p)


def as_described(patch: np.ndarray, transpose: bool, flip_y: bool, flip_x: bool) -> np.ndarray:
    """What the stub says of (transpose, flip_y, flip_x), pixel by pixel."""
    height, width = patch.shape
    out = np.empty((width, height) if transpose else (height, width))
    for y, x in np.ndindex(out.shape):
        from_y, from_x = (x, y) if transpose else (y, x)
        out[y, x] = patch[height - 1 - from_y if flip_y else from_y, width - 1 - from_x if flip_x else from_x]
    return out


probabilities = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


@given(st.sampled_from([[], [-1], [-2], [-2, -1]]), probabilities, probabilities, st.booleans(), seeds, epochs)
def test_drawn_orientations_are_the_oracles(
    axes: list[int], flip_p: float, rotation_p: float, is_square: bool, seed: int, epoch: int
) -> None:
    size = (3, 3) if is_square else (2, 5)
    core = dataset(size, augmentation(axes, flip_p, rotation_p), n=30)
    items = np.array([(index, epoch) for index in range(30)])
    _, drawn = core.draw(items, seed=seed)
    patch = np.arange(size[0] * size[1], dtype=float).reshape(size)
    for index, flags in enumerate(drawn.astype(bool).tolist()):
        expected = Orientation(
            draw_flipped_axis(seed, epoch, index, axes=axes, p=flip_p),
            draw_quarter_turns(seed, epoch, index, is_square=is_square, p=rotation_p),
        )
        np.testing.assert_array_equal(as_described(patch, *flags), orient(patch, expected))


@given(st.integers(1, 40), seeds)
def test_a_square_patch_is_laid_down_in_all_eight_orientations(side: int, seed: int) -> None:
    core = dataset((side, side), augmentation([-2, -1], 0.5, 0.5))
    patch = np.arange(side * side, dtype=np.float32).reshape(side, side)
    items = np.array([(0, epoch) for epoch in range(150)])
    out = np.full((150, 1, 1, side, side), np.nan, dtype=np.float32)
    core.submit(items, (out,), seed=seed, num_threads=1).wait()
    _, drawn = core.draw(items, seed=seed)
    assert len(np.unique(drawn, axis=0)) == 8
    for flags, pixels in zip(drawn.astype(bool).tolist(), out, strict=True):
        np.testing.assert_array_equal(pixels[0, 0], as_described(patch, *flags))


def test_all_eight_orientations_come_as_often_as_two_independent_draws_say() -> None:
    n = 40_000
    core = dataset((4, 4), augmentation([-2, -1], 0.5, 0.5), n=n)
    _, drawn = core.draw(np.array([(index, 3) for index in range(n)]), seed=8)
    patch = np.arange(16).reshape(4, 4)
    probability: dict[bytes, float] = {}
    for axis, turns in product((None, -1, -2), range(4)):
        p = (0.5 if axis is None else 0.25) * (0.5 if turns == 0 else 0.5 / 3)
        key = orient(patch, Orientation(axis, turns)).tobytes()
        probability[key] = probability.get(key, 0) + p
    assert len(probability) == 8
    codes, counts = np.unique(drawn @ [4, 2, 1], return_counts=True)
    expected = [
        probability[as_described(patch, *(bool(code & bit) for bit in (4, 2, 1))).astype(patch.dtype).tobytes()]
        for code in codes
    ]
    assert stats.chisquare(counts, np.array(expected) * n).pvalue > 1e-4


def test_a_patch_that_is_not_square_makes_half_turns_only() -> None:
    core = dataset((4, 6), augmentation([-2, -1], 0.5, 0.5))
    _, drawn = core.draw(np.array([(0, epoch) for epoch in range(200)]), seed=1)
    assert not drawn[:, 0].any()
    assert {tuple(flags) for flags in drawn[:, 1:].tolist()} == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("axes", [[-1], [-2]])
def test_only_the_allowed_axis_is_flipped(axes: list[int]) -> None:
    core = dataset((3, 3), augmentation(axes, 1.0, 0.0), n=50)
    _, drawn = core.draw(np.array([(index, 0) for index in range(50)]), seed=1)
    assert {tuple(flags) for flags in drawn.tolist()} == {(0, int(axes == [-2]), int(axes == [-1]))}


def test_without_augmentation_patches_lie_as_in_the_image() -> None:
    for chosen in (None, augmentation([-2, -1], 0.0, 0.0), augmentation([], 1.0, 0.0)):
        _, drawn = dataset((3, 3), chosen, n=50).draw(np.array([(index, 0) for index in range(50)]), seed=1)
        assert not drawn.any()


def test_flips_and_turns_obey_the_laws_of_the_dihedral_group() -> None:
    patch = np.arange(25).reshape(5, 5)
    for axis in (-1, -2):
        flip = Orientation(axis)
        np.testing.assert_array_equal(orient(orient(patch, flip), flip), patch)
        # A flip turns the sense of a rotation around.
        back = orient(orient(orient(patch, flip), Orientation(None, 1)), flip)
        np.testing.assert_array_equal(back, orient(patch, Orientation(None, 3)))
    turned = patch
    for _ in range(4):
        turned = orient(turned, Orientation(None, 1))
    np.testing.assert_array_equal(turned, patch)
    assert len({orient(patch, orientation).tobytes() for orientation in ALL}) == 8
