"""Flips and turns of arrays are those that the datasets draw, of every type, layout and number of axes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchmill.dataset import EpochIndex
from patchmill.errors import ConfigError, ShapeError
from patchmill.transforms import XYFlip, XYRandomRotate90
from tests.images import dtypes, epochs, lay_out, layouts, random_pixels, seeds
from tests.oracles.orientation import Orientation, draw_flipped_axis, draw_quarter_turns, orient

probabilities = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


@st.composite
def patches(draw: st.DrawFn) -> NDArray[Any]:
    """Draw a patch C(Z)YX, square or not."""
    height = draw(st.integers(1, 9))
    width = draw(st.one_of(st.just(height), st.integers(1, 9)))
    depth = draw(st.sampled_from([(), (1,), (3,)]))
    shape = (draw(st.integers(1, 3)), *depth, height, width)
    return lay_out(random_pixels(shape, draw(dtypes), draw(st.integers(0, 99))), draw(layouts))


def assert_laid_down(found: NDArray[Any], patch: NDArray[Any], orientation: Orientation) -> None:
    expected = orient(patch, orientation)
    assert found.flags.c_contiguous
    assert found.dtype == patch.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


@given(patches(), st.sampled_from([[-1], [-2], [-2, -1]]), probabilities, seeds, epochs, st.integers(0, 2**40))
def test_flips_are_the_oracles(
    patch: NDArray[Any], axes: list[int], p: float, seed: int, epoch: int, item: int
) -> None:
    flip = XYFlip(flip_x=-1 in axes, flip_y=-2 in axes, p=p, seed=seed)
    found, target, others = flip(patch, item=item, epoch=epoch)
    assert (target, others) == (None, {})
    assert_laid_down(found, patch, Orientation(draw_flipped_axis(seed, epoch, item, axes=axes, p=p)))


@given(patches(), probabilities, seeds, epochs, st.integers(0, 2**40))
def test_turns_are_the_oracles(patch: NDArray[Any], p: float, seed: int, epoch: int, item: int) -> None:
    found, target, others = XYRandomRotate90(p, seed)(patch, item=item, epoch=epoch)
    assert (target, others) == (None, {})
    is_square = patch.shape[-2] == patch.shape[-1]
    turns = draw_quarter_turns(seed, epoch, item, is_square=is_square, p=p)
    assert_laid_down(found, patch, Orientation(None, turns))


def test_a_patch_that_is_not_square_makes_half_turns_only() -> None:
    patch = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    for item in range(20):
        assert_laid_down(XYRandomRotate90(p=1, seed=1)(patch, item=item)[0], patch, Orientation(None, 2))


@pytest.mark.parametrize("transform", [XYFlip(p=1, seed=3), XYRandomRotate90(p=1, seed=3)])
def test_targets_and_further_arrays_are_laid_down_as_the_patch_is(transform: Any) -> None:
    patch = np.arange(2 * 5 * 6 * 6, dtype=np.uint16).reshape(2, 5, 6, 6)
    for item in range(20):
        found, target, others = transform(patch, patch[:1] * 2.0, item=item, labels=patch[0, 0] - 7, again=patch)
        assert list(others) == ["labels", "again"]
        np.testing.assert_array_equal(target, found[:1] * 2.0)
        np.testing.assert_array_equal(others["labels"], found[0, 0] - 7)
        np.testing.assert_array_equal(others["again"], found)
        assert all(array.flags.c_contiguous for array in (found, target, *others.values()))
        assert not np.array_equal(found, patch)


@pytest.mark.parametrize("kind", [XYFlip, XYRandomRotate90])
def test_calls_without_an_item_are_those_of_items_in_order(kind: Any) -> None:
    patch = np.arange(16).reshape(1, 4, 4)
    counted, known = kind(seed=5), kind(seed=5)
    for item in range(30):
        # A call for an item does not count.
        known_to_be, _, _ = counted(patch, item=123)
        np.testing.assert_array_equal(known_to_be, known(patch, item=123)[0])
        np.testing.assert_array_equal(counted(patch)[0], known(patch, item=item, epoch=0)[0])


def test_an_index_of_a_sampler_is_of_its_epoch() -> None:
    patch = np.arange(16).reshape(1, 4, 4)
    turn = XYRandomRotate90(seed=5)
    for index in range(30):
        expected, _, _ = turn(patch, item=index, epoch=7)
        np.testing.assert_array_equal(turn(patch, item=EpochIndex(index, 7))[0], expected)
        np.testing.assert_array_equal(turn(patch, item=EpochIndex(index, 8), epoch=7)[0], expected)
        np.testing.assert_array_equal(turn(patch, item=np.int32(index), epoch=np.uint8(7))[0], expected)


@pytest.mark.parametrize("kind", [XYFlip, XYRandomRotate90])
def test_a_pickled_transform_goes_on_where_it_was(kind: Any) -> None:
    patch = np.arange(16).reshape(1, 4, 4)
    transform = kind()
    for _ in range(3):
        transform(patch)
    again = pickle.loads(pickle.dumps(transform))
    assert again.seed == transform.seed
    for _ in range(20):
        np.testing.assert_array_equal(transform(patch)[0], again(patch)[0])


def test_what_does_not_fit_is_refused() -> None:
    patch = np.zeros((1, 4, 6))
    for transform in (XYFlip(), XYRandomRotate90()):
        for wrong in (patch[0], patch[None, None], patch[:, :0], patch[:0]):
            with pytest.raises(ShapeError, match=r"patch: expected pixels with the axes C\(Z\)YX, got the shape"):
                transform(wrong)
        with pytest.raises(ShapeError, match=r"target: expected the size \(4, 6\) of the patch .* got .*\(1, 4, 5\)"):
            transform(patch, patch[..., :5])
        with pytest.raises(ShapeError, match=r"labels: expected the size \(4, 6\)"):
            transform(patch, labels=patch[0, 0])


def test_parameters_that_cannot_work_are_refused() -> None:
    for p in (-0.1, 1.1, float("nan"), "often"):
        with pytest.raises(ConfigError, match="p: expected"):
            XYFlip(p=p)
        with pytest.raises(ConfigError, match="p: expected"):
            XYRandomRotate90(p=p)
    with pytest.raises(ConfigError, match="Leave XYFlipConfig out to flip nothing"):
        XYFlip(flip_x=False, flip_y=False)
