"""Quantiles are exact for all types, and the same for any number of threads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import quantiles
from patchmill.errors import ConfigError, DataError, ShapeError
from patchmill.sources import compute_quantiles, images_from_arrays
from tests.images import AXES, dtypes, layouts, random_image, random_pixels
from tests.oracles.quantiles import quantile
from tests.sources.pixels import BAD, LEVELS, channels, inputs, noisy


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
