"""The letters that name axes."""

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill.config.axes import AXES, parse_axes
from patchmill.errors import AxesError


def test_every_order_of_every_subset_with_y_and_x_is_valid():
    for n_others in range(5):
        for others in combinations("STCZ", n_others):
            for letters in permutations([*others, "Y", "X"]):
                axes = "".join(letters)
                assert parse_axes(axes) == axes
                assert parse_axes(axes.lower()) == axes


@given(st.text(max_size=8))
def test_anything_else_is_refused(axes):
    letters = axes.upper()
    valid = set(letters) <= set(AXES) and len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters)
    if valid:
        assert parse_axes(axes) == letters
    else:
        with pytest.raises(AxesError):
            parse_axes(axes)


@pytest.mark.parametrize(
    ("axes", "advice"),
    [
        ("", "Add 'Y' and 'X'"),
        ("ZX", "Add 'Y'"),
        ("YXX", "Name 'X' only once"),
        ("QYX", "'Q' names no axis; use S (sample), T (time), C (channel), Z, Y and X"),
        ("ABYX", "'A' and 'B' name no axes"),
        (None, "Give them as one string"),
        (["Y", "X"], "Give them as one string"),
    ],
)
def test_the_error_says_what_is_allowed_what_came_and_what_to_do(axes, advice):
    with pytest.raises(AxesError) as error:
        parse_axes(axes)
    assert str(error.value).startswith("axes: expected ")
    assert f"got {axes!r}. " in str(error.value)
    assert advice in str(error.value)
