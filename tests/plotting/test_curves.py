from __future__ import annotations

import math
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchmill.plotting.curves import svg_curves

WIDTH, HEIGHT = 720, 280
LOSSES = st.floats(-1e30, 1e30, allow_subnormal=False)


def read(svg):
    """The root, and the points of each curve; the points of a line that has gaps are one list."""
    root = ElementTree.fromstring(svg)
    paths = [path.get("d") for path in root.iter("path") if path.get("class").startswith("curve")]
    lines = [path.replace("M", " M ").replace("L", " L ").split() for path in paths]
    return root, [[float(word) for word in words if word not in "ML"] for words in lines], paths


def test_higher_values_are_drawn_higher_and_later_epochs_further_right():
    _, (numbers,), _ = read(svg_curves("losses", [1, 2, 3, 4], {"loss": [0.4, 0.1, 0.3, 0.2]}))
    x, y = numbers[::2], numbers[1::2]
    assert np.allclose(np.diff(x), np.diff(x)[0])
    assert x[0] < x[1]
    assert list(np.argsort(y)) == [0, 2, 3, 1]


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(LOSSES | st.none() | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=40),
    first=st.integers(1, 1000),
)
def test_whatever_the_values_are_all_points_lie_within_the_picture(values, first):
    epochs = [*range(first, first + len(values))]
    svg = svg_curves("a", epochs, {"a": values})
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        assert svg == ""
        return
    root, (numbers,), _ = read(svg)
    assert len(numbers) == 2 * len(finite)
    assert all(0 <= x <= WIDTH for x in numbers[::2])
    assert all(0 <= y <= HEIGHT for y in numbers[1::2])
    assert len([*root.iter("circle")]) == len(finite)


@pytest.mark.parametrize(("last", "is_log"), [(0.3, False), (0.1, True), (0.0, False), (-1.0, False)])
def test_the_axis_is_logarithmic_where_positive_values_span_much(last, is_log):
    values = [1.0, (1 + last) / 2, last]
    _, (numbers,), _ = read(svg_curves("a", [1, 2, 3], {"a": values}))
    is_straight = abs(numbers[1] + numbers[5] - 2 * numbers[3]) < 0.3
    assert is_straight is not is_log


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.12, 0.9], ["0.15", "0.2", "0.3", "0.5", "0.7"]),
        ([0.012, 0.9], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]),
        ([1e-6, 1.0], ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1"]),
        ([0.3, 1.1], ["0.4", "0.6", "0.8", "1"]),
        ([0.001, 0.001], ["0.0005", "0.001", "0.0015"]),
        ([0.0, 0.0], ["-1", "-0.5", "0", "0.5", "1"]),
    ],
)
def test_ticks_are_round_values(values, ticks):
    root, *_ = read(svg_curves("a", [1, 2], {"a": values}))
    texts = [text.text for text in root.iter("text") if text.get("text-anchor") == "end"]
    assert texts == ticks


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [(1, 1, [1]), (1, 2, [1, 2]), (1, 10, [1, 2, 4, 6, 8, 10]), (1, 100, [1, 20, 40, 60, 80, 100]), (7, 9, [7, 8, 9])],
)
def test_the_first_epoch_and_round_ones_are_named(first, last, ticks):
    epochs = [*range(first, last + 1)]
    root, *_ = read(svg_curves("a", epochs, {"a": [1.0] * len(epochs)}))
    texts = [text.text for text in root.iter("text") if text.get("text-anchor") == "middle"]
    assert texts == [str(tick) for tick in ticks]


def test_missing_values_leave_gaps():
    _, _, (path,) = read(svg_curves("a", [1, 2, 3, 4, 5], {"a": [1.0, 2.0, None, 1.0, 2.0]}))
    assert [letter for letter in path if letter in "ML"] == ["M", "L", "M", "L"]


def test_a_point_is_circled():
    root, (numbers, _), _ = read(svg_curves("a", [1, 2], {"a": [1.0, 2.0], "b": [3.0, 1.5]}, marked=(2, 2.0)))
    (mark,) = [circle for circle in root.iter("circle") if circle.get("class") == "mark"]
    assert [float(mark.get("cx")), float(mark.get("cy"))] == numbers[2:]


def test_long_curves_are_thinned_and_keep_their_ends():
    values = [float(n) for n in range(1, 25_002)]
    svg = svg_curves("a", [*range(1, 25_002)], {"a": values})
    _, (numbers,), _ = read(svg)
    assert len(numbers) <= 2 * 1002
    assert len(svg) < 30_000
    assert numbers[-2] == WIDTH - 14


def test_the_title_is_text():
    root, *_ = read(svg_curves("<b>loss</b> & more", [1], {"a": [1.0]}))
    assert root.find("title").text == "<b>loss</b> & more"


def test_drawing_needs_no_matplotlib():
    code = (
        "import sys; from patchmill.plotting.curves import svg_curves; svg_curves('a', [1], {'a': [1.0]}); "
        "print('matplotlib' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]
