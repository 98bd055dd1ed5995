"""Images that come one at a time have the statistics and quantiles that they have together, to the last bit."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill._core import QuantilesAccumulator, StatisticsAccumulator, quantiles, statistics
from patchmill.errors import ConfigError, DataError, PatchmillWarning, ShapeError
from patchmill.sources import Image, compute_quantiles, compute_statistics, images_from_arrays
from tests.images import AXES, DTYPES, dtypes, layouts, random_image, random_pixels
from tests.oracles.quantiles import quantile
from tests.oracles.statistics import integer_moments, pooled_float_moments, square_root
from tests.sources.pixels import BAD, LEVELS, channels, inputs


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
