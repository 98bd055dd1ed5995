"""Axes: views in canonical order, and the way back."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchmill.errors import AxesError, ShapeError
from patchmill.sources import canonical_view, restore_axes, restored_axes

AXES = "STCZYX"


@st.composite
def axes_and_shape(draw: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    more = draw(st.lists(st.sampled_from("STCZ"), unique=True))
    axes = "".join(draw(st.permutations([*more, "Y", "X"])))
    return axes, tuple(draw(st.integers(1, 4)) for _ in axes)


@settings(deadline=None)
@given(axes_and_shape())
def test_canonical_view_is_a_view_with_every_axis_in_its_place(case: tuple[str, tuple[int, ...]]) -> None:
    axes, shape = case
    array = np.arange(math.prod(shape)).reshape(shape)
    view = canonical_view(array, axes.lower())
    assert np.shares_memory(view, array)
    assert view.shape == tuple(shape[axes.index(axis)] if axis in axes else 1 for axis in AXES)
    for index in np.ndindex(shape):
        at = tuple(index[axes.index(axis)] if axis in axes else 0 for axis in AXES)
        assert view[at] == array[index]


@settings(deadline=None)
@given(axes_and_shape())
def test_restore_axes_undoes_canonical_view(case: tuple[str, tuple[int, ...]]) -> None:
    axes, shape = case
    array = np.arange(math.prod(shape)).reshape(shape)
    view = canonical_view(array, axes)
    samples = view.reshape(-1, *view.shape[2:])
    np.testing.assert_array_equal(restore_axes(samples, axes, shape), array)
    assert restored_axes(axes, view.shape[2]) == axes


@settings(deadline=None)
@given(axes_and_shape(), st.integers(1, 3))
def test_restore_axes_puts_new_channels_where_restored_axes_says(
    case: tuple[str, tuple[int, ...]], n_channels: int
) -> None:
    axes, shape = case
    sizes = dict.fromkeys(AXES, 1) | dict(zip(axes, shape, strict=True)) | {"C": n_channels}
    canonical = np.arange(math.prod(sizes.values())).reshape([sizes[axis] for axis in AXES])
    restored = restore_axes(canonical.reshape(-1, *canonical.shape[2:]), axes, shape)
    target = restored_axes(axes, n_channels)
    assert restored.shape == tuple(sizes[axis] for axis in target)
    np.testing.assert_array_equal(canonical_view(restored, target), canonical)


def test_sample_and_time_fold_into_s_times_n_t_plus_t() -> None:
    array = np.arange(2 * 3).reshape(3, 2, 1, 1)  # T, S, Y, X
    view = canonical_view(array, "TSYX")
    folded = view.reshape(-1)
    for s, t in itertools.product(range(2), range(3)):
        assert folded[s * 3 + t] == array[t, s, 0, 0]


@pytest.mark.parametrize("shape", [(4,), (4, 4, 4)])
def test_axes_that_do_not_fit_name_the_axes_and_the_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(AxesError, match=r"'YX'.*\(4,"):
        canonical_view(np.zeros(shape), "YX")
    with pytest.raises(AxesError, match=r"\(4,.*'YX'"):
        restore_axes(np.zeros((1, 1, 1, 4, 4)), "YX", shape)


@pytest.mark.parametrize("shape", [(2, 1, 1, 4, 5), (1, 1, 2, 4, 5), (1, 1, 1, 5, 5), (1, 1, 4, 5)])
def test_predictions_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(4, 5\)"):
        restore_axes(np.zeros(shape), "YX", (4, 5))
