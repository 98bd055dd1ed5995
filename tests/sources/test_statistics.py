"""Statistics are exact for integers, and the same for any number of threads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill.errors import DataError, PatchmillWarning, ShapeError
from patchmill.sources import Normalization, compute_statistics, images_from_arrays
from tests.images import AXES, dtypes, lay_out, layouts, random_image, random_pixels
from tests.oracles.statistics import float_moments, integer_moments, moments, square_root
from tests.sources.pixels import BAD, FLOATS, INTEGERS, channels, computed, noisy


def assert_exact(found: np.ndarray, arrays: list[np.ndarray], axes: str) -> None:
    for (mean, std, low, high), pixels in zip(found.T, channels(arrays, axes), strict=True):
        exact_mean, variance = integer_moments(pixels)
        exact_std = square_root(variance)
        assert abs(mean - float(exact_mean)) <= np.spacing(abs(float(exact_mean))), "the last bit of the mean"
        is_exact = exact_mean.denominator == 1 or abs(exact_mean * sum(array.size for array in pixels)) < 2**53
        assert not is_exact or mean == float(exact_mean), "a mean that is an integer, or of a sum that float64 holds"
        assert abs(std - exact_std) <= 2 * np.spacing(exact_std), "the last bits of the deviation"
        assert low == min(float(array.min()) for array in pixels)
        assert high == max(float(array.max()) for array in pixels)


@given(st.data(), st.sampled_from(INTEGERS), st.sampled_from(AXES), layouts, st.integers(0, 9999))
def test_integers_are_exact(data: st.DataObject, dtype: np.dtype, axes: str, layout: str, seed: int) -> None:
    arrays = []
    for number in range(data.draw(st.integers(1, 3))):
        sizes = {letter: data.draw(st.integers(1, 9)) for letter in "STZYX"} | {"C": 2}
        arrays.append(random_image(axes, sizes, dtype, layout=layout, seed=seed + number))
    assert_exact(computed(arrays, axes), arrays, axes)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_of_many_blocks_are_exact(dtype: np.dtype) -> None:
    arrays = [random_pixels((2, 300, 301), dtype, 1), random_pixels((1, 7, 90_000), dtype, 2)]
    assert_exact(computed(arrays, "TYX"), arrays, "TYX")


def test_a_small_spread_on_a_large_offset_is_exact() -> None:
    image = (2**53 - 3 + np.arange(300 * 300).reshape(300, 300) % 3).astype(np.uint64)
    mean, std, low, high = computed([image], "YX")[:, 0]
    assert (mean, low, high) == (2**53 - 2, 2**53 - 3, 2**53 - 1)
    assert abs(std - math.sqrt(2 / 3)) <= 2 * math.ulp(1.0)


@given(st.data(), st.sampled_from(FLOATS), st.sampled_from(AXES), layouts, st.integers(0, 9999))
def test_floats_are_exact_to_the_twelfth_digit(
    data: st.DataObject, dtype: np.dtype, axes: str, layout: str, seed: int
) -> None:
    arrays = []
    for number in range(data.draw(st.integers(1, 2))):
        sizes = {letter: data.draw(st.integers(1, 5)) for letter in "STZYX"} | {"C": 2}
        arrays.append(random_image(axes, sizes, dtype, layout=layout, seed=seed + number))
    for (mean, std, low, high), pixels in zip(computed(arrays, axes).T, channels(arrays, axes), strict=True):
        exact_mean, variance = moments(pixels)
        assert abs(mean - float(exact_mean)) <= 1e-12 * max(abs(float(exact_mean)), square_root(variance))
        assert math.isclose(std, square_root(variance), rel_tol=1e-12, abs_tol=0)
        assert low == min(float(array.min()) for array in pixels)
        assert high == max(float(array.max()) for array in pixels)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(
    "shape", [(1, 2, 1, 9, 16), (2, 1, 2, 300, 301), (1, 2, 1, 3, 70_001), (2, 2, 1, 1, 1), (1, 1, 1, 700, 3)]
)
def test_every_bit_of_floats_is_fixed_by_the_order_of_sums(dtype: np.dtype, shape: tuple[int, ...]) -> None:
    # In the first layout the channels lie apart, in the second side by side.
    images = [random_pixels(shape, dtype, seed) for seed in (1, 2)]
    side_by_side = [np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 1, -1)), -1, 1) for image in images]
    for arrays in (images, side_by_side):
        found = computed(arrays, "SCZYX")
        for (mean, std, *_), pixels in zip(found.T, channels(arrays, "SCZYX"), strict=True):
            assert (mean, std) == float_moments(pixels)


def precise(array: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation, summed without rounding: fsum rounds once."""
    pixels = array.astype(np.float64).ravel()
    mean = math.fsum(pixels) / pixels.size
    return mean, math.sqrt(math.fsum((pixels - mean) ** 2) / pixels.size)


def with_first(value: float) -> np.ndarray:
    image = noisy()
    image[0, 0] = value
    return image


FLOAT_IMAGES = {
    "noise": noisy(),
    "a large offset": noisy(1e6),
    "a very large offset": noisy(1e12),
    "a tiny spread": noisy(1.0, 1e-12),
    "tiny numbers": noisy(0.0, 1e-200),
    "a hot first pixel": with_first(1e4),
    "a very hot first pixel": with_first(1e9),
    "a column": noisy().reshape(-1, 1),
    "a row": noisy().reshape(1, -1),
    "a ramp": np.linspace(0, 1, 1 << 18).reshape(512, 512),
    "a constant": np.full((512, 512), 0.1),
    "a constant but for one": with_first(0) * 0 + 0.1 + np.eye(512)[:1] * 1e-9,
}


@pytest.mark.parametrize("name", FLOAT_IMAGES)
def test_floats_of_many_blocks_are_exact_to_the_twelfth_digit(name: str) -> None:
    image = FLOAT_IMAGES[name]
    mean, std = computed([image], "YX")[:2, 0]
    exact_mean, exact_std = precise(image)
    assert abs(mean - exact_mean) <= 1e-12 * max(abs(exact_mean), exact_std)
    # An offset takes digits of the pixels themselves.
    assert abs(std - exact_std) <= 1e-12 * exact_std + 1e-15 * abs(exact_mean)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "u8", "f2", "f4", "f8"])
def test_statistics_are_the_same_for_any_number_of_threads(dtype: str) -> None:
    arrays = [random_pixels((3, 2, 150, 333), np.dtype(dtype), 1), random_pixels((1, 2, 700, 99), np.dtype(dtype), 2)]
    expected = computed(arrays, "SCYX", 1)
    for num_threads in (2, 3, 8):
        np.testing.assert_array_equal(computed(arrays, "SCYX", num_threads), expected)


@given(dtypes, st.sampled_from(["unaligned", "reversed", "sparse", "read-only", "backwards in x"]), st.integers(0, 99))
def test_statistics_are_the_same_in_any_layout_of_rows(dtype: np.dtype, layout: str, seed: int) -> None:
    image = random_pixels((2, 3, 40, 50), dtype, seed)
    expected = computed([image], "CZYX")
    np.testing.assert_array_equal(computed([lay_out(image, layout)], "CZYX"), expected)
    swapped = image.astype(dtype.newbyteorder("S"))
    np.testing.assert_array_equal(computed([swapped], "CZYX"), expected)
    side_by_side = np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 0, -1)), -1, 0)
    np.testing.assert_array_equal(computed([side_by_side], "CZYX"), expected)


@given(st.sampled_from(FLOATS), st.integers(0, 99))
def test_columns_in_memory_change_the_last_bits_at_most(dtype: np.dtype, seed: int) -> None:
    image = random_pixels((300, 70), dtype, seed)
    found, expected = computed([np.asfortranarray(image)], "YX"), computed([image], "YX")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * expected[1, 0])


def test_statistics_are_over_all_images_together() -> None:
    arrays = [random_pixels((50, 60), np.dtype(np.uint16), 1), random_pixels((9, 7), np.dtype(np.uint16), 2)]
    found = compute_statistics(images_from_arrays(arrays, "YX"))
    pixels = np.concatenate([array.ravel() for array in arrays])
    assert found.means == (pixels.mean(),)
    np.testing.assert_allclose(found.stds, pixels.std(), rtol=1e-13)
    assert Normalization.by_mean_and_std(found.means, found.stds).pairs == [
        (found.means[0], 1 / (found.stds[0] + 1e-6))
    ]


def test_the_deviation_is_that_of_the_population() -> None:
    assert computed([np.array([[1, 3]], dtype=np.uint8)], "YX")[:2, 0].tolist() == [2.0, 1.0]
    single = computed([np.array([[7.5]])], "YX")[:, 0]
    assert single.tolist() == [7.5, 0.0, 7.5, 7.5]


@pytest.mark.parametrize(("dtype", "value", "expected"), BAD)
@given(st.data(), layouts)
def test_a_bad_pixel_is_named(dtype: str, value: Any, expected: str, data: st.DataObject, layout: str) -> None:
    shape = (2, 3, 2, 2, 37, 11)
    place = tuple(data.draw(st.integers(0, length - 1)) for length in shape)
    image = np.zeros(shape, dtype=dtype)
    image[place] = value
    s, t, c, z, y, x = place
    where = f"image 1, sample {3 * s + t}, channel {c}, pixel (z={z}, y={y}, x={x}): expected {expected}, got "
    with pytest.raises(DataError) as raised:
        computed([np.zeros(shape, dtype=dtype), lay_out(image, layout)], "STCZYX")
    assert str(raised.value).startswith(where)
    assert str(raised.value).endswith("Replace such pixels, or crop them away.")


@pytest.mark.parametrize("num_threads", [1, 2, 8])
def test_the_first_of_several_bad_pixels_is_named(num_threads: int) -> None:
    image = np.zeros((4, 400, 500), dtype=np.float32)
    for place in ((3, 0, 0), (1, 399, 0), (1, 200, 40), (1, 200, 39), (2, 0, 0)):
        image[place] = np.nan
    with pytest.raises(DataError, match=r"sample 1, channel 0, pixel \(z=0, y=200, x=39\)"):
        computed([image], "TYX", num_threads)


@pytest.mark.parametrize("dtype", ["u8", "i8", "f8", "f4"])
def test_two_to_the_53_is_not_too_large(dtype: str) -> None:
    image = np.zeros((5, 5), dtype=dtype)
    image[1, 1] = 2**53
    assert computed([image], "YX")[3, 0] == 2**53


def test_bad_pixels_that_cancel_out_are_found() -> None:
    image = np.zeros((100, 100))
    image[3, 4], image[3, 5] = 1e17, -1e17
    with pytest.raises(DataError, match=r"y=3, x=4"):
        computed([image], "YX")


def test_images_with_other_channels_are_refused() -> None:
    with pytest.raises(ShapeError, match="image 1: expected 2 channels, as in image 0, got 3"):
        computed([np.zeros((2, 5, 5)), np.zeros((3, 5, 5))], "CYX")


def test_a_constant_channel_warns_and_is_named() -> None:
    image = random_pixels((3, 20, 20), np.dtype(np.float64), 1)
    image[2] = 0.1
    with pytest.warns(PatchmillWarning, match="array, channel 2: expected pixels that differ, got 0.1 everywhere"):
        found = compute_statistics(images_from_arrays(image, "CYX"))
    assert (found.means[2], found.stds[2]) == (0.1, 0.0)


def test_a_row_longer_than_a_block_is_exact() -> None:
    image = random_pixels((2, 200_001), np.dtype(np.int64), 3)
    assert_exact(computed([image], "YX"), [image], "YX")


def test_a_mean_that_is_no_integer_is_rounded_once() -> None:
    assert computed([np.array([[0, 0, 1]], dtype=np.uint8)], "YX")[0, 0] == 1 / 3
