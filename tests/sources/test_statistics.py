"""Statistics are exact for integers and quantiles for all, and both are the same for any number of threads."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import QuantilesAccumulator, StatisticsAccumulator, quantiles, statistics
from patchmill.errors import ConfigError, DataError, PatchmillWarning, ShapeError
from patchmill.sources import (
    Image,
    Normalization,
    canonical_view,
    compute_quantiles,
    compute_statistics,
    images_from_arrays,
)
from tests.images import AXES, DTYPES, dtypes, lay_out, layouts, random_image, random_pixels
from tests.oracles.crop import samples
from tests.oracles.quantiles import quantile
from tests.oracles.statistics import float_moments, integer_moments, moments, pooled_float_moments, square_root

INTEGERS = [dtype for dtype in DTYPES if dtype.kind in "bui"]
FLOATS = [dtype for dtype in DTYPES if dtype.kind == "f"]


def computed(arrays: list[np.ndarray], axes: str, num_threads: int = 2) -> np.ndarray:
    """Return rows of means, standard deviations, minima and maxima, with a column for each channel."""
    return np.array(statistics(inputs(arrays, axes), num_threads=num_threads))


def inputs(arrays: list[np.ndarray], axes: str) -> list[tuple[str, np.ndarray]]:
    return [(f"image {number}", canonical_view(array, axes)) for number, array in enumerate(arrays)]


def channels(arrays: list[np.ndarray], axes: str) -> list[list[np.ndarray]]:
    """Return the pixels of each channel, image by image."""
    images = [samples(array, axes) for array in arrays]
    return [[image[:, channel] for image in images] for channel in range(images[0].shape[1])]


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


def noisy(offset: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return offset + spread * np.random.default_rng(4).normal(size=(512, 512))


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


BAD = [
    ("f2", np.nan, "a finite number"),
    ("f2", np.inf, "a finite number"),
    ("f4", np.nan, "a finite number"),
    (">f4", -np.inf, "a finite number"),
    ("f4", 1e16, "a magnitude of at most 2^53"),
    ("f8", np.nan, "a finite number"),
    (">f8", np.inf, "a finite number"),
    ("f8", 2.0**53 + 2, "a magnitude of at most 2^53"),
    ("f8", -1e300, "a magnitude of at most 2^53"),
    ("f8", 1e308, "a magnitude of at most 2^53"),
    ("u8", 2**53 + 1, "a magnitude of at most 2^53"),
    (">u8", 2**64 - 1, "a magnitude of at most 2^53"),
    ("i8", -(2**53) - 1, "a magnitude of at most 2^53"),
    (">i8", -(2**63), "a magnitude of at most 2^53"),
]


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


LEVELS = [0.0, 0.01, 0.25, 1 / 3, 0.5, 0.99, 1.0]


@given(st.data(), dtypes, st.sampled_from(AXES), layouts, st.integers(0, 9999))
def test_quantiles_are_those_of_numpy(data: st.DataObject, dtype: np.dtype, axes: str, layout: str, seed: int) -> None:
    arrays = []
    for number in range(data.draw(st.integers(1, 3))):
        sizes = {letter: data.draw(st.integers(1, 9)) for letter in "STZYX"} | {"C": 2}
        arrays.append(random_image(axes, sizes, dtype, layout=layout, seed=seed + number))
    levels = [*LEVELS, data.draw(st.floats(0, 1))]
    found = quantiles(inputs(arrays, axes), levels, num_threads=2)
    assert found == [[quantile(pixels, level) for level in levels] for pixels in channels(arrays, axes)]


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", ">u2", "u4", ">i8", "f2", "f4", ">f8"])
def test_quantiles_of_many_blocks_and_channels_are_the_same_for_any_number_of_threads(dtype: str) -> None:
    arrays = [random_pixels((2, 5, 150, 333), np.dtype(dtype), 1), random_pixels((1, 5, 400, 99), np.dtype(dtype), 2)]
    expected = [[quantile(pixels, level) for level in LEVELS] for pixels in channels(arrays, "SCYX")]
    for num_threads in (1, 2, 3, 8):
        assert quantiles(inputs(arrays, "SCYX"), LEVELS, num_threads=num_threads) == expected


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "<f4", "f8"])
def test_quantiles_that_several_threads_count_are_the_same(dtype: str) -> None:
    image = random_pixels((1500, 1000), np.dtype(dtype), 1)
    expected = [[quantile([image], level) for level in (0.01, 0.99)]]
    for num_threads in (1, 2, 3, 8):
        assert quantiles(inputs([image], "YX"), [0.01, 0.99], num_threads=num_threads) == expected


@pytest.mark.parametrize("dtype", ["i4", "u8", "f4", "f8"])
def test_quantiles_of_neighbours_far_from_zero_are_exact(dtype: str) -> None:
    first = np.array([2**24 - 300 if dtype == "f4" else 2**31 - 300 if dtype == "i4" else 2**53 - 300], dtype)
    image = (first + np.arange(289, dtype=dtype)).reshape(17, 17)
    found = quantiles(inputs([image], "YX"), LEVELS, num_threads=2)
    assert found == [[quantile([image], level) for level in LEVELS]]


def test_an_outlier_takes_no_precision_from_quantiles() -> None:
    image = noisy().astype(np.float32)
    image[3, 4] = 1e15
    assert quantiles(inputs([image], "YX"), [0.01, 0.99], num_threads=2) == [
        [quantile([image], 0.01), quantile([image], 0.99)]
    ]


def test_quantiles_are_over_all_images_in_either_byte_order() -> None:
    arrays = [random_pixels((2, 50, 60), np.dtype("<u2"), 1), random_pixels((2, 9, 7), np.dtype(">u2"), 2)]
    found = compute_quantiles(images_from_arrays(arrays, "CYX"), [0.5, 0.1])
    assert found == [[quantile(pixels, 0.5), quantile(pixels, 0.1)] for pixels in channels(arrays, "CYX")]


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_no_levels_have_no_quantiles(dtype: str) -> None:
    assert quantiles(inputs([np.zeros((2, 3, 3), dtype)], "CYX"), [], num_threads=1) == [[], []]


@pytest.mark.parametrize("level", [-0.1, 1.1, math.nan, math.inf])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(ConfigError, match=r"levels: expected numbers from 0 to 1, got"):
        quantiles(inputs([np.zeros((3, 3))], "YX"), [0.5, level], num_threads=1)


@pytest.mark.parametrize(("dtype", "value", "expected"), BAD)
def test_quantiles_name_a_bad_pixel(dtype: str, value: Any, expected: str) -> None:
    image = np.zeros((3, 2, 300, 301), dtype=dtype)
    image[1, 1, 299, 7] = image[2, 0, 0, 0] = value
    with pytest.raises(DataError) as raised:
        quantiles(inputs([image], "SCYX"), [0.5], num_threads=2)
    where = f"image 0, sample 1, channel 1, pixel (z=0, y=299, x=7): expected {expected}, got "
    assert str(raised.value).startswith(where)


def test_quantiles_of_other_data_types_are_refused() -> None:
    arrays = [np.zeros((5, 5), np.uint8), np.zeros((5, 5), np.uint16)]
    with pytest.raises(ShapeError, match="image 1: expected pixels of u8, as in image 0, got u16"):
        quantiles(inputs(arrays, "YX"), [0.5], num_threads=1)


def in_turn(parts: list[list[tuple[str, np.ndarray]]], num_threads: int, *, per_channel: bool = True) -> np.ndarray:
    """Return what `computed` does, of images that come in parts."""
    accumulator = StatisticsAccumulator(per_channel=per_channel)
    for part in parts:
        accumulator.update(part, num_threads=num_threads)
    return np.array(accumulator.finish())


def quantiles_in_turn(
    parts: list[list[tuple[str, np.ndarray]]],
    num_threads: int,
    *,
    levels: Sequence[float] = LEVELS,
    per_channel: bool = True,
) -> tuple[list[list[float]], int]:
    """Return quantiles of images that come in parts, in another order each time, and how often they came."""
    accumulator = QuantilesAccumulator(levels, per_channel=per_channel)
    for n_passes in range(1, 99):
        for part in parts:
            accumulator.update(part, num_threads=num_threads)
        found = accumulator.end_pass()
        if found is not None:
            return found, n_passes
        parts = parts[::-1]
    raise AssertionError


@given(st.data(), dtypes, st.sampled_from(AXES), layouts, st.booleans(), st.integers(0, 9999))
def test_images_that_come_in_parts_have_the_same_statistics_to_the_last_bit(
    data: st.DataObject, dtype: np.dtype, axes: str, layout: str, per_channel: bool, seed: int
) -> None:
    arrays = []
    for number in range(data.draw(st.integers(1, 5))):
        sizes = {letter: data.draw(st.integers(1, 9)) for letter in "STZYX"} | {"C": 2}
        order = data.draw(st.sampled_from("<>"))
        arrays.append(random_image(axes, sizes, dtype.newbyteorder(order), layout=layout, seed=seed + number))
    together = inputs(arrays, axes)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arrays)), max_size=4)))
    parts = [together[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    num_threads = data.draw(st.sampled_from([1, 2, 3, 8]))
    expected = np.array(statistics(together, per_channel=per_channel, num_threads=2))
    np.testing.assert_array_equal(in_turn(parts, num_threads, per_channel=per_channel), expected)
    found, n_passes = quantiles_in_turn(parts, num_threads, per_channel=per_channel)
    assert found == quantiles(together, LEVELS, per_channel=per_channel, num_threads=2)
    assert n_passes == max(dtype.itemsize // 2, 1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_large_images_that_come_one_by_one_have_the_same_statistics_to_the_last_bit(dtype: np.dtype) -> None:
    shapes = [(2, 5, 150, 333), (1, 5, 700, 99), (3, 5, 2, 2), (1, 5, 3, 70_001)]
    arrays = [random_pixels(shape, dtype, seed) for seed, shape in enumerate(shapes)]
    together = inputs(arrays, "SCYX")
    parts, levels = [[image] for image in together], [0.01, 0.99]
    expected = np.array(statistics(together, num_threads=1)), quantiles(together, levels, num_threads=1)
    for num_threads in (1, 2, 3, 8):
        np.testing.assert_array_equal(in_turn(parts, num_threads), expected[0])
        assert quantiles_in_turn(parts, num_threads, levels=levels)[0] == expected[1]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_channels_together_are_one_distribution(dtype: np.dtype, n_channels: int) -> None:
    arrays = [random_pixels((2, n_channels, 41, 333), dtype, 1), random_pixels((1, n_channels, 300, 301), dtype, 2)]
    found = np.array(statistics(inputs(arrays, "SCYX"), per_channel=False, num_threads=2))
    of_channels = channels(arrays, "SCYX")
    pixels = [array for channel in of_channels for array in channel]
    assert found.shape == (4, n_channels)
    assert (found == found[:, :1]).all()
    if dtype.kind == "f":
        assert tuple(found[:2, 0]) == pooled_float_moments([[c[:, np.newaxis] for c in part] for part in of_channels])
    else:
        mean, variance = integer_moments(pixels)
        np.testing.assert_array_max_ulp(found[:2, 0], np.array([float(mean), square_root(variance)]), 2)
    assert found[2, 0] == min(float(array.min()) for array in pixels)
    assert found[3, 0] == max(float(array.max()) for array in pixels)
    expected = [[quantile(pixels, level) for level in LEVELS]] * n_channels
    assert quantiles(inputs(arrays, "SCYX"), LEVELS, per_channel=False, num_threads=2) == expected


class Opened:
    """Images that are opened when they are asked for, and must be gone when the next one is."""

    def __init__(self, arrays: list[np.ndarray], axes: str) -> None:
        self.arrays, self.axes, self.n_opened = arrays, axes, 0

    def __iter__(self) -> Iterator[Image]:
        last = None
        for number, array in enumerate(self.arrays):
            assert last is None or last() is None, "the image before is still held"
            image = Image.of(f"file {number}.tif", array.copy(), self.axes)
            last = weakref.ref(image.pixels)
            self.n_opened += 1
            yield image
            del image


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "<f4", "f8"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_files_are_opened_one_at_a_time(dtype: str, per_channel: bool) -> None:
    arrays = [random_pixels((2, 40 + number, 50), np.dtype(dtype), number) for number in range(4)]
    images, files = images_from_arrays(arrays, "CYX"), Opened(arrays, "CYX")
    assert compute_statistics(iter(files), per_channel=per_channel) == compute_statistics(
        images, per_channel=per_channel
    )
    assert files.n_opened == 4
    expected = compute_quantiles(images, LEVELS, per_channel=per_channel)
    assert compute_quantiles(files, LEVELS, per_channel=per_channel) == expected
    assert compute_quantiles(lambda: iter(files), LEVELS, per_channel=per_channel) == expected
    assert files.n_opened == 4 + 2 * 4 * max(np.dtype(dtype).itemsize // 2, 1)


def test_statistics_have_the_range_of_every_channel() -> None:
    image = random_pixels((3, 20, 30), np.dtype(np.int16), 1)
    found = compute_statistics(images_from_arrays(image, "CYX"))
    assert found.minima == tuple(image.min((1, 2)))
    assert found.maxima == tuple(image.max((1, 2)))


@pytest.mark.parametrize(("dtype", "value", "expected"), BAD)
def test_a_bad_pixel_of_a_file_is_named(dtype: str, value: Any, expected: str) -> None:
    arrays = [(np.arange(2 * 300 * 301).reshape(2, 300, 301) % 50).astype(dtype) for _ in range(3)]
    arrays[1][1, 299, 7] = arrays[2][0, 0, 0] = value
    files = Opened(arrays, "CYX")
    where = f"file 1.tif, sample 0, channel 1, pixel (z=0, y=299, x=7): expected {expected}, got "
    for per_channel in (True, False):
        with pytest.raises(DataError) as raised:
            compute_statistics(iter(files), per_channel=per_channel)
        assert str(raised.value).startswith(where)
        with pytest.raises(DataError) as raised:
            compute_quantiles(files, LEVELS, per_channel=per_channel)
        assert str(raised.value).startswith(where)


def test_an_image_that_cannot_be_used_adds_nothing_to_statistics() -> None:
    good = inputs([random_pixels((2, 300, 400), np.dtype(np.float32), 1)], "CYX")
    bad = inputs([good[0][1][0, 0].copy()], "CZYX")
    bad[0][1][..., -1, -1] = np.nan
    accumulator = StatisticsAccumulator()
    for expected in (np.zeros((4, 0)), np.array(statistics(good, num_threads=2))):
        with pytest.raises(DataError, match="y=299, x=399"):
            accumulator.update(bad, num_threads=2)
        np.testing.assert_array_equal(np.array(accumulator.finish()), expected)
        accumulator.update(good, num_threads=2)


def test_quantiles_begin_anew_after_an_image_that_cannot_be_used() -> None:
    good, bad = inputs([np.arange(100.0).reshape(10, 10)], "YX"), inputs([np.full((10, 10), np.inf)], "YX")
    accumulator = QuantilesAccumulator([0.5])
    accumulator.update(good, num_threads=2)
    assert accumulator.end_pass() is None
    with pytest.raises(DataError):
        accumulator.update(bad, num_threads=2)
    for n_passes in range(4):
        accumulator.update(good, num_threads=2)
        assert accumulator.end_pass() == (None if n_passes < 3 else [[49.5]])


def test_later_images_are_compared_with_the_first() -> None:
    first, wider = (("first.tif", np.zeros((1, 1, n, 1, 5, 5), np.float32)) for n in (2, 3))
    for accumulator in (StatisticsAccumulator(), QuantilesAccumulator([0.5])):
        accumulator.update([first], num_threads=1)
        with pytest.raises(ShapeError, match=r"^later\.tif: expected 2 channels, as in first\.tif, got 3"):
            accumulator.update([("later.tif", wider[1])], num_threads=1)
    accumulator = QuantilesAccumulator([0.5])
    accumulator.update([first], num_threads=1)
    with pytest.raises(ShapeError, match=r"^later\.tif: expected pixels of f32, as in first\.tif, got f64"):
        accumulator.update([("later.tif", first[1].astype(np.float64))], num_threads=1)


def test_passes_over_other_images_are_refused() -> None:
    images = images_from_arrays([np.zeros((5, 6), np.float32), np.ones((5, 6), np.float32)], "YX")
    passes = iter([images, images[:1]])
    message = "images: expected the same in every pass, 60 pixels as in the first one, got 30"
    with pytest.raises(ConfigError, match=message):
        compute_quantiles(lambda: iter(next(passes)), [0.5])
    accumulator = QuantilesAccumulator([0.5])
    accumulator.update(inputs([np.zeros((5, 6), np.uint8)], "YX"), num_threads=1)
    assert accumulator.end_pass() == [[0.0]]
    with pytest.raises(ConfigError, match="images: expected no more of them: all quantiles are found, got 1"):
        accumulator.update(inputs([np.zeros((5, 6), np.uint8)], "YX"), num_threads=1)


def test_quantiles_of_what_can_be_gone_through_once_are_refused() -> None:
    images = images_from_arrays(np.zeros((5, 6), np.uint8), "YX")
    with pytest.raises(
        ConfigError, match="images: expected something that can be gone through several times, got a gen"
    ):
        compute_quantiles((image for image in images), [0.5])


def test_no_images_are_refused() -> None:
    for images in ([], ()):
        with pytest.raises(ConfigError, match="images: expected at least one, got none"):
            compute_statistics(images)
        with pytest.raises(ConfigError, match="images: expected at least one, got none"):
            compute_statistics(iter(images))
        for several_times in (images, images.__iter__):
            with pytest.raises(ConfigError, match="images: expected at least one, got none"):
                compute_quantiles(several_times, [0.5])
    assert QuantilesAccumulator([0.5]).end_pass() == []


def test_a_constant_channel_of_files_warns_once_and_is_named() -> None:
    arrays = [
        np.stack([random_pixels((20, 20), np.dtype(np.float64), seed), np.full((20, 20), 0.1)]) for seed in (1, 2)
    ]
    with pytest.warns(PatchmillWarning) as warned:
        compute_statistics(iter(Opened(arrays, "CYX")))
    assert [str(warning.message)[:61] for warning in warned] == [
        "file 0.tif and 1 more, channel 1: expected pixels that differ"
    ]
    assert compute_statistics(iter(Opened(arrays, "CYX")), per_channel=False).stds[1] > 0
    constant = [np.full((2, 5, 5), 7)] * 3
    with pytest.warns(PatchmillWarning) as warned:
        compute_statistics(Opened(constant, "CYX"), per_channel=False)
    assert [str(warning.message)[:58] for warning in warned] == [
        "file 0.tif and 2 more, all channels: expected pixels that "
    ]
