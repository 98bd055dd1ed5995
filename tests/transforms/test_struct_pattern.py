"""structN2V: patterns around masked pixels have the oracle's values, which are uniform and leave no other trace."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from patchmill._core import N2vManipulate
from patchmill.errors import ConfigError, ShapeError
from tests.dataset.thoroughness import times
from tests.images import epochs, seeds
from tests.oracles.n2v_manipulate import manipulate, struct_steps
from tests.oracles.sequential import Size

AXES = ["horizontal", "vertical", "cross", "square"]
SPANS = [3, 5, 7, 9, 11, 13, 15]


def masking(axis: str = "horizontal", span: int = 5, **settings: Any) -> N2vManipulate:
    defaults = {"strategy": "uniform", "roi_size": 11, "masked_pixel_percentage": 1.0, "is_3d": False}
    return N2vManipulate(**(defaults | settings), struct_axis=axis, struct_span=span)


def masked(
    patch: NDArray[np.float32], by: N2vManipulate, *, seed: int = 1, epoch: int = 0, item: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    made, mask = np.full_like(patch, np.nan), np.full(patch.shape, 9, dtype=np.uint8)
    by.manipulate_into(patch, made, mask, seed=seed, epoch=epoch, item=item)
    return made, mask


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, Size, bool]:
    """Draw a number of channels, a size, and whether Z is an axis of the patch."""
    is_3d = draw(st.booleans())
    size_z = draw(st.integers(1, 4)) if is_3d else 1
    return draw(st.integers(1, 3)), (size_z, draw(st.integers(1, 24)), draw(st.integers(1, 24))), is_3d


@given(
    sizes(),
    st.sampled_from(["uniform", "median"]),
    st.sampled_from([3, 5, 11]),
    st.sampled_from([0.2, 1.0, 3.7, 10.0, 100.0]),
    st.sampled_from(AXES),
    st.sampled_from(SPANS),
    seeds,
    epochs,
    st.integers(0, 9),
)
def test_patches_are_the_oracles(
    drawn: tuple[int, Size, bool],
    strategy: str,
    roi_size: int,
    percentage: float,
    axis: str,
    span: int,
    seed: int,
    epoch: int,
    item: int,
) -> None:
    n_channels, size, is_3d = drawn
    assume(strategy == "uniform" or axis != "square" or span < roi_size or is_3d)
    patch = np.random.default_rng(seed).normal(size=(n_channels, *size)).astype(np.float32)
    patch[0] *= np.float32(2.0) ** (seed % 200 - 100)
    if seed % 2:
        patch = np.round(patch)
    patch += 0.0  # NumPy's median does not order the two zeros
    settings = {"strategy": strategy, "roi_size": roi_size, "is_3d": is_3d}
    expected, expected_mask = manipulate(
        patch,
        **settings,
        percentage=percentage,
        struct_axis=axis,
        struct_span=span,
        seed=seed,
        epoch=epoch,
        item=item,
    )
    by = masking(axis, span, **settings, masked_pixel_percentage=percentage)
    made, mask = masked(patch if is_3d else patch[:, 0], by, seed=seed, epoch=epoch, item=item)
    assert mask.tobytes() == expected_mask.tobytes()
    assert made.tobytes() == expected.tobytes()


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("strategy", ["uniform", "median"])
def test_masks_are_those_without_a_pattern(axis: str, strategy: str) -> None:
    patch = np.random.default_rng(3).normal(size=(2, 40, 33)).astype(np.float32)
    settings = {"strategy": strategy, "masked_pixel_percentage": 5.0}
    (_, plain), (_, mask) = masked(patch, masking("none", **settings)), masked(patch, masking(axis, **settings))
    assert mask.tobytes() == plain.tobytes()


@pytest.mark.parametrize("span", [3, 9])
@pytest.mark.parametrize("axis", AXES)
def test_only_the_pixels_of_patterns_are_overwritten_and_in_3d_in_their_plane(axis: str, span: int) -> None:
    patch = np.random.default_rng(2).normal(size=(2, 6, 40, 33)).astype(np.float32)
    settings = {"is_3d": True, "masked_pixel_percentage": 3.0}
    plain, mask = masked(patch, masking("none", **settings))
    made, _ = masked(patch, masking(axis, span, **settings))
    in_pattern = np.zeros(patch.shape, dtype=bool)
    for channel, z, y, x in np.argwhere(mask):
        for step_y, step_x in struct_steps(axis, span):
            if 0 <= y + step_y < 40 and 0 <= x + step_x < 33:
                in_pattern[channel, z, y + step_y, x + step_x] = True
    np.testing.assert_array_equal(made == plain, ~in_pattern)
    assert (in_pattern & (mask == 1)).any(), "some masked pixel lies in the pattern of another one"
    assert (~in_pattern & (mask == 1)).any(), "some masked pixel lies in no pattern"


def test_patterns_have_the_pixels_that_their_names_say() -> None:
    patch = np.zeros((1, 64, 64), dtype=np.float32)
    patch[0, 0, 0] = 1.0  # so that there are values to draw
    shapes = {}
    for axis in AXES:
        # One cell, one masked pixel: its replacement is 0, the values of its pattern are not.
        by = masking(axis, 5, masked_pixel_percentage=100 / 64**2)
        items = (masked(patch, by, item=item) for item in range(100))
        made, mask = next((made, mask) for made, mask in items if mask[0, 10:54, 10:54].any())
        [[_, y, x]] = np.argwhere(mask)
        shapes[axis] = [
            "".join(".#"[int(pixel != 0)] for pixel in row) for row in made[0, y - 3 : y + 4, x - 3 : x + 4]
        ]
    empty = "......."
    assert shapes["horizontal"] == [empty, empty, empty, ".##.##.", empty, empty, empty]
    assert shapes["vertical"] == [empty, "...#...", "...#...", empty, "...#...", "...#...", empty]
    assert shapes["cross"] == [empty, "...#...", "...#...", ".##.##.", "...#...", "...#...", empty]
    assert shapes["square"] == [empty, ".#####.", ".#####.", ".##.##.", ".#####.", ".#####.", empty]


def drawn_values(axis: str, span: int, *, n: int) -> NDArray[np.float64]:
    """Make n patches of one masked pixel each, and return the values of their patterns, scaled to 0..1."""
    patch = np.full((1, 16, 16), 5.0, dtype=np.float32)
    patch[0, 0, 0], patch[0, 15, 15] = -3.0, 7.0
    by = masking(axis, span, masked_pixel_percentage=100 / 16**2)
    steps, rows = struct_steps(axis, span), []
    for item in range(n):
        made, mask = masked(patch, by, item=item)
        [[_, y, x]] = np.argwhere(mask)
        if span // 2 <= min(y, x) and max(y, x) < 16 - span // 2:
            rows.append([made[0, y + step_y, x + step_x] for step_y, step_x in steps])
    return (np.array(rows, dtype=np.float64) + 3) / 10


@pytest.mark.parametrize(("axis", "span"), [("horizontal", 5), ("vertical", 3), ("cross", 7), ("square", 5)])
def test_values_are_uniform_over_the_range_of_the_channel(axis: str, span: int) -> None:
    values = drawn_values(axis, span, n=times(1500, slow=20_000))
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.size - len(np.unique(values)) < 5 + values.size**2 / 2**22
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-4
    for place in values.T:
        assert stats.kstest(place, "uniform").pvalue > 1e-5


def test_values_tell_nothing_of_each_other() -> None:
    # The two halves of a word, the words of a block, the blocks of a cell.
    parts = (drawn_values("square", 5, n=times(3000, slow=30_000)) * 4).astype(int).clip(0, 3)
    for one, other in [(0, 1), (0, 2), (1, 2), (6, 7), (7, 8), (0, 8), (3, 23)]:
        table = np.zeros((4, 4))
        np.add.at(table, (parts[:, one], parts[:, other]), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-4, (one, other)


def test_values_tell_nothing_of_where_the_masked_pixel_lies() -> None:
    patch = np.zeros((1, 16, 16), dtype=np.float32)
    patch[0, 0, 0] = 1.0
    by = masking("horizontal", 3, masked_pixel_percentage=100 / 16**2)
    table = np.zeros((7, 4))
    for item in range(times(3000, slow=30_000)):
        made, mask = masked(patch, by, item=item)
        [[_, y, x]] = np.argwhere(mask)
        if 1 <= x < 15:
            table[(x - 1) // 2, min(int(made[0, y, x + 1] * 4), 3)] += 1
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_channels_items_epochs_and_seeds_have_values_of_their_own() -> None:
    patch = np.zeros((3, 32, 32), dtype=np.float32)
    patch[:, 0, 0] = 1.0
    by = masking("square", 5, masked_pixel_percentage=100 / 32**2)
    values = [
        value
        for seed, epoch, item in product(range(3), repeat=3)
        for value in masked(patch, by, seed=seed, epoch=epoch, item=item)[0].ravel()
        if 0 < value < 1
    ]
    assert len(values) > 81 * 10
    # Of 2**24 values, few come twice by chance.
    assert len(set(values)) > len(values) - 5


def test_the_range_is_that_of_the_patch_as_it_was() -> None:
    # All pixels are masked: none keeps its value, but the values drawn still come from the whole range.
    patch = np.zeros((1, 30, 30), dtype=np.float32)
    patch[0, 11, 17] = 1000.0
    made, _ = masked(patch, masking("square", 3, masked_pixel_percentage=100.0, roi_size=3))
    assert stats.kstest(made.ravel() / 1000, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, -7.3, 3e38, 1e-45])
def test_a_constant_patch_stays_as_it_is(value: float) -> None:
    patch = np.full((2, 20, 20), value, dtype=np.float32)
    made, mask = masked(patch, masking("square", 7))
    np.testing.assert_array_equal(made, patch)
    assert mask.any()


def test_zeros_of_either_sign_are_drawn_as_the_positive_one() -> None:
    patch = np.zeros((1, 30, 30), dtype=np.float32)
    patch[:, ::2] *= -1
    for zeros in (patch, -patch, np.full_like(patch, -0.0)):
        made, _ = masked(zeros, masking("square", 3, masked_pixel_percentage=100.0))
        assert not np.signbit(made).any()


def test_the_greatest_range_does_not_overflow() -> None:
    patch = np.linspace(-1, 1, 400, dtype=np.float32).reshape(1, 20, 20) * np.finfo(np.float32).max
    made, _ = masked(patch, masking("square", 7))
    assert np.isfinite(made).all()


def test_the_median_is_taken_without_the_pattern() -> None:
    # Rows of 0 but for one row of 1000: outside of the row the median is 0, in it too, unless the row is in the window.
    patch = np.zeros((1, 31, 31), dtype=np.float32)
    patch[0, ::2] = 1000.0
    settings = {"strategy": "median", "roi_size": 3, "masked_pixel_percentage": 100 / 31**2}
    seen = set()
    for item in range(200):
        made, mask = masked(patch, masking("horizontal", 3, **settings), item=item)
        [[_, y, x]] = np.argwhere(mask)
        if 1 <= y < 30:
            # The rows above and below are all that is left: they are of the other kind.
            assert made[0, y, x] == 1000.0 - patch[0, y, x]
            seen.add(y % 2)
    assert seen == {0, 1}


def test_a_square_that_leaves_nothing_to_the_median_is_refused() -> None:
    for span in (5, 7):
        with pytest.raises(ConfigError, match=f"struct_span: expected less than roi_size, 5, .*, got {span}"):
            masking("square", span, strategy="median", roi_size=5)
    masking("square", 3, strategy="median", roi_size=5)
    masking("square", 7, strategy="median", roi_size=5, is_3d=True)
    masking("cross", 15, strategy="median", roi_size=3)
    masking("square", 15, strategy="uniform", roi_size=3)


@pytest.mark.parametrize("span", [0, 1, 2, 4, 14, 16, 17])
def test_a_span_without_a_middle_or_out_of_range_is_refused(span: int) -> None:
    with pytest.raises(ConfigError, match=f"struct_span: expected an odd number from 3 to 15, got {span}"):
        masking("horizontal", span)


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"struct_axis: expected none, horizontal, .*, got diagonal"):
        masking("diagonal")


def test_arrays_that_do_not_fit_are_refused() -> None:
    patch = np.zeros((2, 8, 8), dtype=np.float32)
    made, mask = np.zeros_like(patch), np.zeros(patch.shape, dtype=np.uint8)
    read_only = made.copy()
    read_only.flags.writeable = False
    wrong: list[tuple[Any, Any, Any]] = [
        (patch[:, None], made[:, None], mask[:, None]),
        (patch[0], made[0], mask[0]),
        (patch.transpose(0, 2, 1), made, mask),
        (patch[:, ::2], made[:, :4], mask[:, :4]),
        (patch[:, :0], made[:, :0], mask[:, :0]),
        (patch[:, :, :7].copy(), made, mask),
        (patch, made[:1], mask),
        (patch, made, mask[:, :7].copy()),
        (patch, made.astype(np.float64), mask),
        (patch, made, mask.astype(bool)),
        (patch, patch, mask),
        (patch, read_only, mask),
    ]
    for original, into, into_mask in wrong:
        with pytest.raises(ShapeError, match="contiguous"):
            masking().manipulate_into(original, into, into_mask, seed=1, epoch=0, item=0)
    assert not made.any()
    assert not mask.any()
