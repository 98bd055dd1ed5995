"""Noise2Void's masking is the oracle's, masks the share it is asked for, and never copies a pixel onto itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patchmill._core import N2vManipulate, PatchDataset, Plan
from patchmill.config import N2VManipulateConfig
from patchmill.errors import ConfigError, ShapeError
from patchmill.transforms import N2VManipulate
from tests.images import LAYOUTS, dtypes, epochs, lay_out, layouts, random_pixels, seeds
from tests.oracles.n2v_manipulate import draw_masked_pixels, manipulate
from tests.oracles.sequential import Size

strategies = st.sampled_from(["uniform", "median"])
roi_sizes = st.sampled_from([3, 5, 7, 11, 13])
percentages = st.one_of(st.floats(0.05, 10), st.sampled_from([0.05, 0.2, 1.0, 10.0, 50.0, 100.0]))


@st.composite
def patches(draw: st.DrawFn) -> tuple[int, Size, bool]:
    """Draw a number of channels, a size, and whether Z is an axis of the patch."""
    is_3d = draw(st.booleans())
    size_z = draw(st.integers(1, 12)) if is_3d else 1
    return draw(st.integers(1, 3)), (size_z, draw(st.integers(1, 40)), draw(st.integers(1, 40))), is_3d


def masked_item(
    patch: np.ndarray, masking: N2vManipulate, *, seed: int, epoch: int, index: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make the item of a patch (C, Z, Y, X) that is a whole image; the item before `index` are other samples."""
    images = np.broadcast_to(patch, (index + 1, 1, *patch.shape))
    plan = Plan.sequential([("image", index + 1, patch.shape[1:])], patch.shape[1:])
    core = PatchDataset([("image", images)], [(0.0, 1.0)] * len(patch), plan, n2v_manipulate=masking)
    masked, original = (np.full((1, *patch.shape), np.nan, dtype=np.float32) for _ in range(2))
    mask = np.full((1, *patch.shape), 9, dtype=np.uint8)
    core.submit(np.array([[index, epoch]]), (masked, original, mask), seed=seed, num_threads=1).wait()
    return masked[0], original[0], mask[0]


@given(patches(), strategies, roi_sizes, percentages, seeds, epochs, st.integers(0, 9))
def test_items_are_the_oracles(
    drawn: tuple[int, Size, bool],
    strategy: str,
    roi_size: int,
    percentage: float,
    seed: int,
    epoch: int,
    index: int,
) -> None:
    n_channels, size, is_3d = drawn
    patch = np.random.default_rng(seed).normal(size=(n_channels, *size)).astype(np.float32)
    if seed % 2:
        patch = np.round(patch)  # equal pixels, and zeros
    patch += 0.0  # NumPy's median does not order the two zeros
    masking = N2vManipulate(strategy=strategy, roi_size=roi_size, masked_pixel_percentage=percentage, is_3d=is_3d)
    masked, original, mask = masked_item(patch, masking, seed=seed, epoch=epoch, index=index)
    expected, expected_mask = manipulate(
        patch,
        seed=seed,
        epoch=epoch,
        item=index,
        strategy=strategy,
        roi_size=roi_size,
        percentage=percentage,
        is_3d=is_3d,
    )
    assert original.tobytes() == patch.tobytes()
    assert mask.tobytes() == expected_mask.tobytes()
    assert masked.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(masked[mask == 0], patch[mask == 0])


@given(patches(), roi_sizes, percentages, seeds, epochs)
def test_draws_are_the_oracles(
    drawn: tuple[int, Size, bool], roi_size: int, percentage: float, seed: int, epoch: int
) -> None:
    n_channels, size, is_3d = drawn
    masking = N2vManipulate(strategy="uniform", roi_size=roi_size, masked_pixel_percentage=percentage, is_3d=is_3d)
    for channel in range(n_channels):
        positions, replacements = masking.draw(seed=seed, epoch=epoch, item=5, channel=channel, size=size)
        expected = draw_masked_pixels(
            seed=seed,
            epoch=epoch,
            item=5,
            channel=channel,
            size=size,
            roi_size=roi_size,
            percentage=percentage,
            is_3d=is_3d,
        )
        assert ([tuple(row) for row in positions.tolist()], [tuple(row) for row in replacements.tolist()]) == expected


@pytest.mark.parametrize("is_3d", [False, True])
def test_cells_have_sides_of_float32_so_that_every_machine_has_the_same(is_3d: bool) -> None:
    side, size = 8.0, (64 if is_3d else 1, 64, 64)
    drawn = {
        N2vManipulate(
            strategy="uniform",
            roi_size=3,
            masked_pixel_percentage=100 / (side * (1 + difference)) ** (3 if is_3d else 2),
            is_3d=is_3d,
        )
        .draw(seed=1, epoch=0, item=0, channel=1, size=size)[0]
        .tobytes()
        for difference in (-1e-9, 0, 1e-9)
    }
    assert len(drawn) == 1


@pytest.mark.parametrize(("size", "is_3d"), [((1, 64, 64), False), ((1, 33, 70), False), ((16, 32, 31), True)])
@pytest.mark.parametrize("percentage", [0.05, 0.2, 1.7, 10.0])
def test_the_expected_share_of_pixels_is_masked(size: Size, is_3d: bool, percentage: float) -> None:
    masking = N2vManipulate(strategy="uniform", roi_size=11, masked_pixel_percentage=percentage, is_3d=is_3d)
    counts = np.array([len(masking.draw(seed=1, epoch=0, item=i, channel=0, size=size)[0]) for i in range(400)])
    expected = np.prod(size) * percentage / 100
    # Cells draw independently: the count varies less than a binomial one.
    assert abs(counts.mean() - expected) < 4 * np.sqrt(expected / 400)
    assert counts.std() <= 1.2 * np.sqrt(expected)


def draws(size: Size, roi_size: int, *, is_3d: bool, n: int, percentage: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    masking = N2vManipulate(strategy="uniform", roi_size=roi_size, masked_pixel_percentage=percentage, is_3d=is_3d)
    drawn = [masking.draw(seed=3, epoch=1, item=item, channel=0, size=size) for item in range(n)]
    return np.concatenate([p for p, _ in drawn]), np.concatenate([r for _, r in drawn])


@pytest.mark.parametrize(("size", "is_3d"), [((1, 40, 40), False), ((15, 20, 20), True)])
@pytest.mark.parametrize("roi_size", [3, 5, 11])
def test_replacements_are_off_the_own_row_and_column_unless_clamped(size: Size, is_3d: bool, roi_size: int) -> None:
    positions, replacements = draws(size, roi_size, is_3d=is_3d, n=150)
    reach = roi_size // 2
    for axis in range(0 if is_3d else 1, 3):
        offsets = replacements[:, axis] - positions[:, axis]
        at_border = (positions[:, axis] == 0) | (positions[:, axis] == size[axis] - 1)
        assert (offsets[~at_border] != 0).all()
        assert abs(offsets).max() == reach
        assert replacements[:, axis].min() >= 0
        assert replacements[:, axis].max() < size[axis]
    if not is_3d:
        assert not positions[:, 0].any()
        assert not replacements[:, 0].any()


@pytest.mark.parametrize(("size", "is_3d"), [((1, 48, 48), False), ((20, 24, 24), True)])
@pytest.mark.parametrize("roi_size", [3, 11])
def test_offsets_are_uniform_and_independent_along_the_axes(size: Size, is_3d: bool, roi_size: int) -> None:
    positions, replacements = draws(size, roi_size, is_3d=is_3d, n=400)
    reach = roi_size // 2
    axes = list(range(0 if is_3d else 1, 3))
    far = np.all([(positions[:, a] >= reach) & (positions[:, a] < size[a] - reach) for a in axes], axis=0)
    offsets = (replacements - positions)[far][:, axes]
    assert len(offsets) > 5000
    columns = np.where(offsets < 0, offsets + reach, offsets + reach - 1)
    cells = np.ravel_multi_index(tuple(columns.T), [2 * reach] * len(axes))
    assert stats.chisquare(np.bincount(cells, minlength=(2 * reach) ** len(axes))).pvalue > 1e-4


def test_masked_pixels_are_spread_evenly() -> None:
    size = (1, 32, 32)
    positions, _ = draws(size, 11, is_3d=False, n=3000, percentage=1.0)
    counts = np.zeros(size[1:])
    np.add.at(counts, (positions[:, 1], positions[:, 2]), 1)
    expected = 3000 * 0.01
    # Neighbours exclude each other within a cell, so that counts vary less than independent ones.
    assert abs(counts.mean() - expected) < 0.5
    assert ((counts - expected) ** 2 / expected).mean() < 1.2


def test_channels_items_epochs_and_seeds_have_masks_of_their_own() -> None:
    masking = N2vManipulate(strategy="uniform", roi_size=5, masked_pixel_percentage=1.0, is_3d=False)
    drawn = {
        masking.draw(seed=seed, epoch=epoch, item=item, channel=channel, size=(1, 64, 64))[0].tobytes()
        for seed in range(3)
        for epoch in range(3)
        for item in range(3)
        for channel in range(3)
    }
    assert len(drawn) == 81


@given(st.floats(0.05, 10), seeds)
def test_a_masked_pixel_that_is_replaced_by_an_equal_one_is_masked(percentage: float, seed: int) -> None:
    patch = np.zeros((1, 1, 32, 32), dtype=np.float32)
    masking = N2vManipulate(strategy="median", roi_size=3, masked_pixel_percentage=percentage, is_3d=False)
    masked, _, mask = masked_item(patch, masking, seed=seed, epoch=0)
    positions, _ = masking.draw(seed=seed, epoch=0, item=0, channel=0, size=(1, 32, 32))
    assert not masked.any()
    assert {tuple(p) for p in np.argwhere(mask[0]).tolist()} == {tuple(p) for p in positions.tolist()}


@pytest.mark.parametrize("roi_size", [0, 1, 4, 10])
def test_a_region_without_a_centre_is_refused(roi_size: int) -> None:
    with pytest.raises(ConfigError, match="odd number of at least 3"):
        N2vManipulate(strategy="uniform", roi_size=roi_size, masked_pixel_percentage=1.0, is_3d=False)


@pytest.mark.parametrize("percentage", [0.0, -1.0, 100.1, float("nan"), float("inf")])
def test_a_share_out_of_range_is_refused(percentage: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 100"):
        N2vManipulate(strategy="uniform", roi_size=3, masked_pixel_percentage=percentage, is_3d=False)


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ConfigError, match="uniform or median, got mean"):
        N2vManipulate(strategy="mean", roi_size=3, masked_pixel_percentage=1.0, is_3d=False)


@given(patches(), dtypes, layouts, strategies, st.sampled_from(["none", "vertical", "cross"]), seeds, epochs)
def test_masked_arrays_are_the_oracles(
    drawn: tuple[int, Size, bool], dtype: np.dtype, layout: str, strategy: str, axis: str, seed: int, epoch: int
) -> None:
    n_channels, size, is_3d = drawn
    shape = (n_channels, *size) if is_3d else (n_channels, *size[1:])
    patch = lay_out(random_pixels(shape, dtype, seed % 100), layout)
    before = patch.copy()
    masking = N2VManipulate(7, 2.5, strategy, struct_mask_axis=axis, struct_mask_span=3, seed=seed)
    masked, original, mask = masking(patch, item=4, epoch=epoch)
    assert patch.tobytes() == before.tobytes()
    pixels = patch.astype(np.float32) + 0.0  # NumPy's median does not order the two zeros
    expected, expected_mask = manipulate(
        pixels.reshape(n_channels, *size),
        seed=seed,
        epoch=epoch,
        item=4,
        strategy=strategy,
        roi_size=7,
        percentage=2.5,
        is_3d=is_3d,
        struct_axis=axis,
        struct_span=3,
    )
    assert masked.shape == original.shape == mask.shape == shape
    assert (masked.dtype, original.dtype, mask.dtype) == (np.float32, np.float32, np.uint8)
    assert all(array.flags.c_contiguous for array in (masked, original, mask))
    np.testing.assert_array_equal(original, pixels)
    np.testing.assert_array_equal(masked, expected.reshape(shape))
    assert mask.tobytes() == expected_mask.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_float32_pixels_may_lie_anyhow_in_memory(layout: str) -> None:
    patch = np.random.default_rng(1).normal(size=(2, 20, 21)).astype(np.float32)
    masking = N2VManipulate(seed=1, masked_pixel_percentage=5.0)
    for one, other in zip(masking(lay_out(patch, layout), item=0), masking(patch, item=0), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_configuration_stands_for_the_parameters() -> None:
    config = N2VManipulateConfig(roi_size=5, masked_pixel_percentage=3.0, strategy="median", struct_mask_axis="cross")
    patch = np.random.default_rng(1).normal(size=(1, 40, 40))
    by_config = N2VManipulate(config, seed=8)
    by_parameters = N2VManipulate(5, 3.0, "median", struct_mask_axis="cross", seed=8)
    for _ in range(3):
        for one, other in zip(by_config(patch), by_parameters(patch), strict=True):
            assert one.tobytes() == other.tobytes()
    assert by_config.config == by_parameters.config == config
    with pytest.raises(ConfigError, match="N2VManipulate: expected a configuration or parameters, got one and"):
        N2VManipulate(config, strategy="median")


def test_parameters_of_arrays_masking_that_cannot_work_are_refused() -> None:
    for field, value in [
        ("roi_size", 4),
        ("masked_pixel_percentage", 0.0),
        ("strategy", "mean"),
        ("struct_mask_axis", "diagonal"),
        ("struct_mask_span", 6),
        ("remove_center", False),
    ]:
        with pytest.raises(ConfigError, match=field):
            N2VManipulate(**{field: value})
    square = N2VManipulate(5, 1.0, "median", struct_mask_axis="square", struct_mask_span=5)
    with pytest.raises(ConfigError, match="struct_span: expected less than roi_size"):
        square(np.zeros((1, 8, 8)))
    square(np.zeros((1, 8, 8, 8)))
    for wrong in (np.zeros((8, 8)), np.zeros((1, 1, 8, 8, 8)), np.zeros((1, 0, 8))):
        with pytest.raises(ShapeError, match=r"patch: expected pixels with the axes C\(Z\)YX"):
            N2VManipulate()(wrong)
