"""Patch filters say of every cell what the slow definition says, and keep those that reach their thresholds."""

from __future__ import annotations

import logging
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from skimage.measure import shannon_entropy

from patchmill._core import filter_cells
from patchmill.config.filters import (
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    PatchFilter,
    ShannonPatchFilterConfig,
)
from patchmill.errors import ConfigError, DataError, ShapeError
from patchmill.patching import create_plan, filter_scores, kept_cells
from patchmill.sources import Image, canonical_view, images_from_arrays
from tests.dataset.processes import printed_by
from tests.images import AXES, DTYPES, dtypes, lay_out, layouts, random_image, random_pixels
from tests.oracles.crop import crop, samples
from tests.oracles.filters import cell_scores, log2
from tests.oracles.sequential import Size, sequential_regions
from tests.patching.plans import all_regions

NAMES = ["max", "mean_std", "shannon", "mask"]
NOISE = np.random.default_rng(1).poisson(3, (2, 3, 70, 90))
FILTERS: list[PatchFilter] = [
    MaxPatchFilterConfig(threshold=8, coverage=0.2),
    MeanStdPatchFilterConfig(mean_threshold=3, std_threshold=1.7),
    ShannonPatchFilterConfig(threshold=2.8),
    MaskPatchFilterConfig(coverage=0.95),
]


def scores_of(
    arrays: list[NDArray[Any]],
    axes: str,
    patch: Size,
    name: str,
    *,
    channel: int = 0,
    threshold: float | None = None,
    num_threads: int = 2,
) -> NDArray[np.float64]:
    inputs = [(f"image {number}", canonical_view(array, axes)) for number, array in enumerate(arrays)]
    return filter_cells(inputs, patch, name, channel=channel, threshold=threshold, num_threads=num_threads)


def with_few_values(array: NDArray[Any], seed: int) -> NDArray[Any]:
    """Put a few of its own values into an array, and both zeros: so that some are equal, and near a threshold."""
    rng = np.random.default_rng(seed)
    values = np.append(array.ravel()[:4], np.array([0, -0.0], array.dtype))
    array[...] = rng.choice(values, array.shape)
    return array


@given(st.data(), dtypes, st.sampled_from(AXES), layouts, st.sampled_from(NAMES), st.integers(0, 9999))
def test_scores_are_the_oracles(
    data: st.DataObject, dtype: np.dtype[Any], axes: str, layout: str, name: str, seed: int
) -> None:
    arrays = []
    for number in range(data.draw(st.integers(1, 2))):
        sizes = {"S": 2, "T": 1, "C": 2} | {letter: data.draw(st.integers(1, 13)) for letter in "ZYX"}
        array = random_image(axes, sizes, dtype, layout="rows", seed=seed + number)
        array = with_few_values(array, seed) if data.draw(st.booleans()) else array
        arrays.append(lay_out(array, layout))
    images = [samples(array, axes) for array in arrays]
    patch: Any = tuple(data.draw(st.integers(1, min(image.shape[axis] for image in images))) for axis in (2, 3, 4))
    channel = data.draw(st.integers(0, images[0].shape[1] - 1))
    values = st.sampled_from([float(pixel) for pixel in images[0].ravel()[:6]])
    threshold = data.draw(values | st.floats(-1e6, 1e6)) if name == "max" else None
    found = scores_of(arrays, axes, patch, name, channel=channel, threshold=threshold)
    expected = cell_scores(images, patch, name, channel=channel, threshold=threshold)
    if name == "mean_std" and dtype.kind == "f":
        largest = max(float(np.abs(image).max()) for image in images)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * largest)
    else:
        np.testing.assert_array_max_ulp(found, expected, 2 if name == "mean_std" else 0)


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype.kind == "f"], ids=str)
@pytest.mark.parametrize("patch", [(1, 5, 7), (2, 16, 33), (3, 1, 1), (1, 40, 50)])
def test_every_bit_of_mean_and_std_is_fixed_where_rows_run_along_x(dtype: np.dtype[Any], patch: Size) -> None:
    image = random_pixels((2, 1, 3, 40, 50), dtype, 3)
    found = scores_of([image], "SCZYX", patch, "mean_std")
    np.testing.assert_array_equal(found, cell_scores([samples(image, "SCZYX")], patch, "mean_std"))


@pytest.mark.parametrize("patch", [(1, 34, 70), (1, 2, 3), (1, 33, 64), (8, 17, 9), (7, 32, 32), (1, 1, 70)])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "f2", "<f4", "f8"])
def test_near_is_the_window_of_scipy(dtype: str, patch: Size) -> None:
    rng = np.random.default_rng(2)
    image = rng.poisson(2, (1, 1, 8, 34, 70)).astype(dtype)
    windows = [max(length // 2, 1) for length in patch]
    for threshold in (0, 2, 7, 8, 8.5):
        patches = [crop([image], region, patch)[0] for region in sequential_regions([(1, (8, 34, 70))], patch)]
        near = [maximum_filter(pixels.astype(np.float64), windows, mode="constant") > threshold for pixels in patches]
        found = scores_of([image], "SCZYX", patch, "max", threshold=threshold)
        assert found[:, 0].tolist() == [np.mean(pixels) for pixels in near]


def test_what_lies_around_a_patch_is_not_bright() -> None:
    image = np.full((8, 8), -100, np.int16)
    assert scores_of([image], "YX", (1, 8, 8), "max", threshold=-50).tolist() == [[0.0]]
    image[0, 0] = -40
    # A window of four pixels from two before to one after: three rows and columns see the corner.
    assert scores_of([image], "YX", (1, 8, 8), "max", threshold=-50).tolist() == [[9 / 64]]


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8"])
def test_a_pixel_given_as_the_threshold_does_not_exceed_it(dtype: str) -> None:
    image = np.full((4, 4), 0.1, dtype)
    assert scores_of([image], "YX", (1, 4, 4), "max", threshold=0.1).tolist() == [[0.0]]
    assert scores_of([image], "YX", (1, 4, 4), "max", threshold=0.0999).tolist() == [[1.0]]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_thresholds_beyond_the_type_are_never_or_always_exceeded(dtype: np.dtype[Any]) -> None:
    image = random_pixels((8, 8), dtype)
    for threshold, share in ((1e300, 0.0), (math.inf, 0.0), (-1e300, 1.0), (-math.inf, 1.0)):
        assert scores_of([image], "YX", (1, 8, 8), "max", threshold=threshold).tolist() == [[share]]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_entropy_is_that_of_scikit_image(dtype: np.dtype[Any]) -> None:
    noise = random_pixels((1, 1, 2, 40, 60), dtype, 5)
    few = with_few_values(noise.copy(), 6)
    for image in (noise, few):
        patches = [
            crop([image], region, (1, 20, 25))[0] for region in sequential_regions([(1, (2, 40, 60))], (1, 20, 25))
        ]
        expected = [shannon_entropy(pixels.astype(dtype.newbyteorder("="))) for pixels in patches]
        np.testing.assert_allclose(scores_of([image], "SCZYX", (1, 20, 25), "shannon")[:, 0], expected, rtol=1e-12)


def test_entropy_is_exact_where_it_is_an_integer() -> None:
    image = np.arange(64).reshape(8, 8)
    for n_values in (1, 2, 4, 8, 16, 32, 64):
        for dtype in (np.uint8, np.float64):
            found = scores_of([(image % n_values).astype(dtype)], "YX", (1, 8, 8), "shannon")
            assert found.tolist() == [[math.log2(n_values)]]
    assert scores_of([np.full((3, 5), 0.7)], "YX", (1, 3, 5), "shannon").tolist() == [[0.0]]


def test_both_zeros_are_one_value() -> None:
    for dtype in ("f2", ">f4", "f8"):
        image = np.array([[0.0, -0.0], [-0.0, 0.0]], dtype)
        assert scores_of([image], "YX", (1, 2, 2), "shannon").tolist() == [[0.0]]


@pytest.mark.parametrize(
    "image",
    [
        np.arange(1 << 14) << 39,
        np.arange(1 << 14) * 2.0**-20,
        np.arange(1 << 14).astype(np.float32),
        np.arange(1 << 14),
    ],
    ids=["high bits", "fractions", "float integers", "low bits"],
)
def test_values_at_equal_steps_are_told_apart(image: NDArray[Any]) -> None:
    assert scores_of([image.reshape(128, 128)], "YX", (1, 128, 128), "shannon").tolist() == [[14.0]]


@given(st.integers(1, 2**53))
def test_the_oracles_logarithm_is_one(number: int) -> None:
    assert math.isclose(log2(number), math.log2(number), rel_tol=1e-15, abs_tol=1e-15)


@pytest.mark.parametrize("dtype", ["?", "u1", ">u2", "i4", "u8", "f2", "<f4", "f8"])
def test_what_is_marked_is_not_zero(dtype: str) -> None:
    mask = np.zeros((8, 8), dtype)
    mask[:2] = 1
    mask[0, 0] = np.array(7 if dtype != "f2" else 6e-8, dtype)
    assert scores_of([mask], "YX", (1, 8, 8), "mask").tolist() == [[0.25]]
    assert scores_of([mask], "YX", (1, 4, 4), "mask").tolist() == [[0.5], [0.5], [0.0], [0.0]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "f2", "<f4", "f8"])
def test_scores_are_the_same_for_any_number_of_threads(name: str, dtype: str) -> None:
    arrays = [random_pixels((3, 2, 150, 333), np.dtype(dtype), 1), random_pixels((1, 2, 700, 99), np.dtype(dtype), 2)]
    threshold = 10.0 if name == "max" else None
    expected = scores_of(arrays, "SCYX", (1, 16, 31), name, channel=1, threshold=threshold, num_threads=1)
    for num_threads in (2, 3, 8):
        found = scores_of(arrays, "SCYX", (1, 16, 31), name, channel=1, threshold=threshold, num_threads=num_threads)
        np.testing.assert_array_equal(found, expected)


@given(dtypes, st.sampled_from(["unaligned", "reversed", "sparse", "read-only", "backwards in x"]), st.integers(0, 99))
def test_scores_are_the_same_in_any_layout_of_rows(dtype: np.dtype[Any], layout: str, seed: int) -> None:
    image = random_pixels((2, 3, 40, 50), dtype, seed)
    for name in NAMES:
        score = {"patch": (2, 20, 16), "name": name, "threshold": 5.0 if name == "max" else None}
        expected = scores_of([image], "CZYX", **score)
        np.testing.assert_array_equal(scores_of([lay_out(image, layout)], "CZYX", **score), expected)
        swapped = image.astype(dtype.newbyteorder("S"))
        np.testing.assert_array_equal(scores_of([swapped], "CZYX", **score), expected)


def test_a_row_longer_than_any_piece_of_work_is_scored() -> None:
    image = np.random.default_rng(3).poisson(3, (3, 2_000)).astype(np.uint16)
    for name in NAMES:
        threshold = 9.0 if name == "max" else None
        found = scores_of([image], "YX", (1, 2, 1_500), name, threshold=threshold)
        np.testing.assert_array_max_ulp(
            found, cell_scores([samples(image, "YX")], (1, 2, 1_500), name, threshold=threshold), 2
        )


def masks_of(images: list[Image], patch_filter: PatchFilter) -> list[Image] | None:
    if patch_filter.name != "mask":
        return None
    return [Image.of("mask", np.ascontiguousarray(image.pixels[:, :, :1]), "STCZYX") for image in images]


@pytest.mark.parametrize("patch_filter", FILTERS, ids=lambda patch_filter: patch_filter.name)
@pytest.mark.parametrize("patch", [(16, 16), (2, 32, 9)])
def test_kept_cells_are_those_that_reach_every_threshold(patch_filter: PatchFilter, patch: tuple[int, ...]) -> None:
    images = images_from_arrays(NOISE, "CZYX")
    masks = masks_of(images, patch_filter)
    least = {"max": [0.2], "mean_std": [3, 1.7], "shannon": [2.8], "mask": [0.95]}[patch_filter.name]
    scores = filter_scores(images, patch, patch_filter, masks)
    kept = kept_cells(images, patch, patch_filter, masks)
    assert kept.dtype == np.uint64
    assert kept.tolist() == [cell for cell, row in enumerate(scores.tolist()) if np.all(np.array(row) >= least)]
    assert 0 < len(kept) < len(scores) == len(create_plan(images, patch, "sequential"))


@pytest.mark.parametrize("patch_filter", FILTERS, ids=lambda patch_filter: patch_filter.name)
def test_images_one_at_a_time_keep_the_same_cells(patch_filter: PatchFilter) -> None:
    arrays = [NOISE[0, 0], NOISE[0, 1, :33, :40], NOISE[1, 0, 20:, 7:]]
    images = images_from_arrays([array.astype(np.uint16) for array in arrays], "YX")
    first, kept = 0, []
    for image in images:
        kept += [
            first + cell
            for cell in kept_cells([image], [16, 16], patch_filter, masks_of([image], patch_filter)).tolist()
        ]
        first += len(create_plan([image], [16, 16], "sequential"))
    assert kept == kept_cells(images, [16, 16], patch_filter, masks_of(images, patch_filter)).tolist()
    assert len(kept) > 0


def test_cells_are_those_of_the_sequential_plan() -> None:
    image = np.zeros((2, 3, 20, 30), np.uint8)
    plan = create_plan(images_from_arrays(image, "TZYX"), [2, 8, 8], "sequential")
    for cell, (_, sample, z, y, x) in enumerate(all_regions(plan)):
        image[...] = 0
        image[sample, z : z + 2, y : y + 8, x : x + 8] = 1
        images = images_from_arrays(image, "TZYX")
        assert cell in kept_cells(images, [2, 8, 8], MeanStdPatchFilterConfig(mean_threshold=1))


def test_coverage_is_a_quarter_in_2d_and_an_eighth_in_3d() -> None:
    mask = np.zeros((2, 8, 8), np.uint8)
    images, masks = images_from_arrays(mask, "ZYX"), images_from_arrays(mask, "ZYX")
    mask.reshape(-1)[:16] = 1
    assert kept_cells(images, [2, 8, 8], MaskPatchFilterConfig(), masks).tolist() == [0]
    assert kept_cells(images, [8, 8], MaskPatchFilterConfig(), masks).tolist() == [0]
    mask.reshape(-1)[15] = 0
    assert kept_cells(images, [2, 8, 8], MaskPatchFilterConfig(), masks).tolist() == []
    assert kept_cells(images, [8, 8], MaskPatchFilterConfig(), masks).tolist() == []


def test_only_the_reference_channel_is_looked_at() -> None:
    image = np.full((2, 8, 8), np.nan)
    image[1] = 5
    images = images_from_arrays(image, "CYX")
    assert kept_cells(images, [8, 8], MeanStdPatchFilterConfig(mean_threshold=5, ref_channel=1)).tolist() == [0]
    with pytest.raises(DataError, match="channel 0"):
        kept_cells(images, [8, 8], MeanStdPatchFilterConfig(mean_threshold=5))


def test_no_images_have_no_cells() -> None:
    assert kept_cells([], [8, 8], ShannonPatchFilterConfig(threshold=1)).tolist() == []


def test_the_share_that_is_kept_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    image = np.zeros((16, 8), np.uint8)
    image[:8] = 9
    with caplog.at_level(logging.INFO, logger="patchmill"):
        kept_cells(images_from_arrays([image, image], "YX"), [8, 8], MeanStdPatchFilterConfig(mean_threshold=5))
    assert caplog.messages == ["array 0 and 1 more: the patch filter 'mean_std' keeps 2 of 4 cells (50.0 %)"]


def test_a_reference_channel_that_is_not_there_is_refused() -> None:
    images = [Image.of(f"{n}.tif", np.zeros((n, 8, 8)), "CYX") for n in (3, 2)]
    with pytest.raises(ShapeError, match=r"^2\.tif: expected more than 2 channels, for the reference channel 2, got 2"):
        kept_cells(images, [8, 8], ShannonPatchFilterConfig(threshold=1, ref_channel=2))


def test_an_image_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(ShapeError, match="axis Y: expected at least 16 pixels"):
        kept_cells(images_from_arrays(np.zeros((8, 32)), "YX"), [16, 16], ShannonPatchFilterConfig(threshold=1))


@pytest.mark.parametrize("shape", [(2, 1, 9, 8), (2, 2, 8, 8), (1, 1, 8, 8)])
def test_a_mask_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    images = images_from_arrays([np.zeros((1, 3, 8, 8)), np.zeros((2, 3, 8, 8))], "TCYX")
    masks = [Image.of("mask", np.zeros(of_mask), "TCYX") for of_mask in ((1, 1, 8, 8), shape)]
    t, c, y, x = shape
    expected = rf"^array 1: expected a mask of the shape \(1, 2, 1, 1, 8, 8\).*, got \(1, {t}, {c}, 1, {y}, {x}\)"
    with pytest.raises(ShapeError, match=expected):
        kept_cells(images, [8, 8], MaskPatchFilterConfig(), masks)


def test_masks_are_given_to_the_filter_that_needs_them_and_to_no_other() -> None:
    images = images_from_arrays(np.zeros((8, 8)), "YX")
    with pytest.raises(ConfigError, match="masks: expected one mask per image for the patch filter 'mask', got none"):
        kept_cells(images, [8, 8], MaskPatchFilterConfig())
    with pytest.raises(ConfigError, match="masks: expected none for the patch filter 'shannon', got 1"):
        kept_cells(images, [8, 8], ShannonPatchFilterConfig(threshold=1), images)
    with pytest.raises(ShapeError, match="masks: expected one for each of 1 images, got 2"):
        kept_cells(images, [8, 8], MaskPatchFilterConfig(), images * 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_threads", [1, 2, 8])
@pytest.mark.parametrize(("dtype", "value"), [("f2", np.nan), (">f4", -np.inf), ("f8", 1e300), ("u8", 2**60)])
def test_the_first_bad_pixel_of_the_first_bad_cell_is_named(
    name: str, num_threads: int, dtype: str, value: Any
) -> None:
    image = np.zeros((2, 2, 3, 640, 650), dtype)
    for place in ((0, 1, 1, 100, 333), (0, 1, 1, 100, 334), (0, 1, 2, 0, 0), (1, 1, 0, 0, 0), (0, 0, 0, 0, 0)):
        image[place] = value
    turned = np.ascontiguousarray(np.swapaxes(image, -1, -2)).swapaxes(-1, -2)
    threshold = 0.0 if name == "max" else None
    for depth, pixel in ((1, "z=1, y=100, x=333"), (3, "z=2, y=0, x=0")):
        for array in (image, turned):
            with pytest.raises(DataError, match=rf"^image 0, sample 0, channel 1, pixel \({pixel}\): expected"):
                scores_of(
                    [array], "SCZYX", (depth, 64, 64), name, channel=1, threshold=threshold, num_threads=num_threads
                )


def test_a_score_that_there_is_not_is_refused() -> None:
    image = np.zeros((8, 8))
    for name, threshold in (("median", None), ("max", None), ("mask", 1.0)):
        with pytest.raises(ConfigError, match=f"patch filter: expected .*, got {name} with"):
            scores_of([image], "YX", (1, 8, 8), name, threshold=threshold)
    with pytest.raises(ConfigError, match="threshold: expected a number, got NaN"):
        scores_of([image], "YX", (1, 8, 8), "max", threshold=math.nan)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_is_heard_while_cells_are_scored() -> None:
    script = """
    from patchmill._core import filter_cells

    endless = np.broadcast_to(np.arange(1 << 13, dtype=np.uint32), (1, 1, 1, 1 << 12, 1 << 13, 1 << 13))
    patches = {"mean_std": (1, 512, 512), "shannon": (64, 256, 256), "mask": (1 << 10, 1 << 13, 1 << 13)}
    for name, patch in patches.items():
        seconds = seconds_until_interrupted(
            lambda: filter_cells([("endless", endless)], patch, name, channel=0, num_threads=2))
        assert seconds < 2, f"{name}: {seconds:.2f} s"
    print("heard")
    """
    assert printed_by(script) == "heard\n"
