from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from patchmill.sources import Image, images_from_tiffs
from patchmill.sources import thumbnail as thumbnails
from patchmill.sources.image import PIXEL_DTYPES
from patchmill.sources.thumbnail import thumbnail
from tests.dataset.thoroughness import times


def expected(plane, most_pixels, n_rows=None):
    """The means of blocks of a plane, or of their first rows, one after the other."""
    block = -(-max(plane.shape) // most_pixels)
    height, width = (max(1, size // block) for size in plane.shape)
    means = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            rows = plane[y * block : (y + 1) * block, x * block : (x + 1) * block].astype(np.float64)
            means[y, x] = rows[:n_rows].mean()
    return means


def noise(shape, dtype="u2"):
    return np.random.default_rng(0).integers(0, 2, shape).astype(dtype) * np.array(100, dtype)


@settings(max_examples=times(60, slow=1000), deadline=None)
@given(
    dtype=st.sampled_from(PIXEL_DTYPES),
    swap=st.booleans(),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    most_pixels=st.integers(1, 50),
    layout=st.sampled_from(["C", "F", "flipped", "channels last"]),
)
def test_a_thumbnail_is_the_means_of_blocks(dtype, swap, size, most_pixels, layout):
    dtype = np.dtype(dtype).newbyteorder("S" if swap else "=")
    array = noise((3, *size), dtype)
    if layout == "F":
        array = np.asfortranarray(array)
    elif layout == "flipped":
        array = array[:, ::-1, ::-1]
    elif layout == "channels last":
        array = np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)
    got = thumbnail(Image.of("image", array, "CYX"), 0, 1, 0, most_pixels=most_pixels)
    assert got.dtype == np.float32
    assert max(got.shape) <= most_pixels
    np.testing.assert_allclose(got, expected(array[1], most_pixels), rtol=1e-5)


def test_the_sample_the_channel_and_the_plane_are_those_asked_for():
    array = np.arange(2 * 3 * 2 * 4 * 5 * 6).reshape(2, 3, 2, 4, 5, 6)
    image = Image.of("image", array, "STCZYX")
    for s, t, c, z in [(0, 0, 0, 0), (1, 2, 1, 3), (1, 0, 0, 2), (0, 2, 1, 1)]:
        np.testing.assert_array_equal(thumbnail(image, 3 * s + t, c, z, most_pixels=6), array[s, t, c, z])


@pytest.mark.parametrize("axes", ["YX", "XY"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_mapped_image_gives_the_same(tmp_path, axes, byteorder):
    array = noise((300, 200), "u2")
    tifffile.imwrite(tmp_path / "image.tif", array, byteorder=byteorder)
    (image,) = images_from_tiffs([tmp_path / "image.tif"], axes)
    assert image.is_mapped
    plane = array if axes == "YX" else array.T
    for most_pixels in (300, 70, 1):
        got = thumbnail(image, 0, 0, 0, most_pixels=most_pixels)
        np.testing.assert_allclose(got, expected(plane, most_pixels), rtol=1e-5)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_of_a_large_plane_only_the_first_rows_of_each_block_are_read(tmp_path, monkeypatch, is_mapped):
    array = noise((300, 200), "u2")
    image = Image.of("image", array, "YX")
    if is_mapped:
        tifffile.imwrite(tmp_path / "image.tif", array)
        (image,) = images_from_tiffs([tmp_path / "image.tif"], "YX")
    block, n_blocks = 10, 30
    for n_rows in (1, 3, 10):
        monkeypatch.setattr(thumbnails, "READ_BYTES", n_rows * n_blocks * array[0].nbytes)
        got = thumbnail(image, 0, 0, 0, most_pixels=300 // block)
        np.testing.assert_allclose(got, expected(array, 300 // block, n_rows), rtol=1e-5)
