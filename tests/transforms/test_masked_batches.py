"""The masking of a whole batch: that of its patches, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import N2vManipulate
from patchmill.errors import ShapeError


def masking(*, is_3d: bool, strategy: str = "uniform") -> N2vManipulate:
    return N2vManipulate(strategy=strategy, roi_size=5, masked_pixel_percentage=4, is_3d=is_3d)


@given(
    st.one_of(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)),
        st.tuples(st.integers(1, 3), st.integers(1, 2), *[st.integers(1, 9)] * 3),
    ),
    st.sampled_from(["uniform", "median"]),
    st.sampled_from([1, 2, 3, 8]),
)
def test_a_batch_is_masked_like_its_patches(shape: tuple[int, ...], strategy: str, num_threads: int) -> None:
    by = masking(is_3d=len(shape) == 5, strategy=strategy)
    originals = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    masked, masks = np.empty_like(originals), np.empty(shape, np.uint8)
    by.manipulate_batch_into(originals, masked, masks, seed=1, epoch=2, num_threads=num_threads)
    for item, original in enumerate(originals):
        expected, mask = np.empty_like(original), np.empty(original.shape, np.uint8)
        by.manipulate_into(original, expected, mask, seed=1, epoch=2, item=item)
        np.testing.assert_array_equal(masked[item], expected)
        np.testing.assert_array_equal(masks[item], mask)


@pytest.mark.parametrize(
    ("shape", "is_3d"), [((1, 8, 8), False), ((1, 1, 8, 8), True), ((0, 8), False), ((), False), ((2, 1, 0, 8), False)]
)
def test_other_axes_are_refused(shape: tuple[int, ...], is_3d: bool) -> None:
    arrays: Any = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint8)
    with pytest.raises(ShapeError, match="axes BC"):
        masking(is_3d=is_3d).manipulate_batch_into(*arrays, seed=1, epoch=0, num_threads=1)


def test_outputs_of_another_size_are_refused() -> None:
    originals = np.zeros((2, 1, 8, 8), np.float32)
    for masked, masks in (((2, 1, 8, 9), (2, 1, 8, 8)), ((2, 1, 8, 8), (3, 1, 8, 8))):
        with pytest.raises(ShapeError, match="output"):
            masking(is_3d=False).manipulate_batch_into(
                originals, np.empty(masked, np.float32), np.empty(masks, np.uint8), seed=1, epoch=0, num_threads=1
            )


def test_no_patches_are_masked_at_once() -> None:
    empty = np.empty((0, 1, 8, 8), np.float32)
    masking(is_3d=False).manipulate_batch_into(
        empty, np.empty_like(empty), np.empty(empty.shape, np.uint8), seed=1, epoch=0, num_threads=2
    )
