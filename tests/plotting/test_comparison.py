from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from patchmill.errors import ConfigError, DataError, ShapeError
from patchmill.plotting import plot_comparison
from patchmill.plotting.comparison import _richest_window
from patchmill.plotting.style import EDGE, GAP, HEADER
from tests.plotting.pictures import noise


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(96, 128), (512, 512), (1, 1), (3, 400), (400, 3), (700, 900)])
def test_a_comparison_of_any_number_and_shape_is_a_png_of_bounded_size(tmp_path, number, shape):
    path = tmp_path / "comparison.png"
    plot_comparison({f"image {n}": noise(*shape) for n in range(number)}, path)
    height, width, _ = imread(path).shape
    assert width <= 1700
    assert height <= 3200
    assert [file.name for file in tmp_path.iterdir()] == ["comparison.png"]


def test_three_images_of_512_pixels_are_drawn_pixel_by_pixel(tmp_path):
    image = np.zeros((512, 512))
    image[::2, 1::2] = image[1::2, ::2] = 1
    plot_comparison({"a": image, "b": image, "c": image}, tmp_path / "out.png")
    picture = imread(tmp_path / "out.png")[..., :3]
    assert picture.shape[1] == 2 * EDGE + 3 * 512 + 2 * GAP
    for number in range(3):
        left = EDGE + number * (512 + GAP)
        # The first eight pixels in each direction lie outside the frame around the magnified part.
        corner = picture[HEADER + 504 : HEADER + 512, left + 504 : left + 512].mean(axis=-1)
        assert np.array_equal(corner > 0.5, image[504:, 504:] > 0.5)


def test_equal_values_get_equal_colours_in_all_images(tmp_path):
    dark, bright = np.full((512, 512), 20.0), np.full((512, 512), 80.0)
    scale = np.tile(np.linspace(0, 100, 512), (512, 1))
    plot_comparison({"dark": dark, "bright": bright, "scale": scale}, tmp_path / "out.png")
    picture = imread(tmp_path / "out.png")[..., :3]
    row = HEADER + 500
    starts = [EDGE + number * (512 + GAP) for number in range(3)]
    np.testing.assert_allclose(picture[row, starts[0] + 500], picture[row, starts[2] + 102], atol=0.03)
    np.testing.assert_allclose(picture[row, starts[1] + 500], picture[row, starts[2] + 409], atol=0.03)


def test_the_reference_decides_the_contrast(tmp_path):
    images = {"narrow": noise(), "wide": 5 * noise() - 400}
    for reference in ("narrow", "wide"):
        plot_comparison(images, tmp_path / f"{reference}.png", reference=reference)
    plot_comparison(images, tmp_path / "last.png")
    narrow, wide, last = ((tmp_path / f"{name}.png").read_bytes() for name in ("narrow", "wide", "last"))
    assert last == wide
    assert last != narrow


def test_the_part_with_most_structure_is_magnified():
    image = np.zeros((200, 300), np.float32)
    image[120:150, 200:240] = noise(30, 40)
    rows, columns = _richest_window(image)
    assert columns.stop - columns.start == 75
    assert rows.start <= 120
    assert rows.stop >= 150
    assert columns.start <= 200
    assert columns.stop >= 240


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, ">u2", np.uint64, np.float16, np.float64])
def test_images_of_any_real_dtype_are_drawn(tmp_path, dtype):
    plot_comparison({"image": (noise() > 100).astype(dtype)}, tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_constant_images_and_not_finite_pixels_are_drawn(tmp_path):
    holes = noise()
    holes[3, 4], holes[50, 60] = np.nan, np.inf
    plot_comparison({"constant": np.zeros((96, 128)), "holes": holes}, tmp_path / "holes.png")
    plot_comparison({"holes": holes, "constant": np.zeros((96, 128))}, tmp_path / "constant.png")
    assert len(list(tmp_path.iterdir())) == 2


def test_long_titles_and_captions_shrink_until_they_fit(tmp_path):
    plot_comparison({"t" * 100: noise(), "u": noise()}, tmp_path / "out.png", captions={"t" * 100: "c" * 100})
    picture = imread(tmp_path / "out.png")[:HEADER, :, :3]
    half = picture.shape[1] // 2
    between = picture[:, half - GAP // 2 + 2 : half + GAP // 2 - 2]
    assert np.ptp(between, axis=(0, 1)).max() == 0


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        ({}, {}, DataError, "expected at least one, got none"),
        ({"a": np.zeros((2, 8, 8))}, {}, ShapeError, r"'a': expected 2 axes \(Y, X\), .* got shape \(2, 8, 8\)"),
        ({"a": np.zeros((0, 8))}, {}, ShapeError, r"got shape \(0, 8\)"),
        ({"a": np.zeros((8, 8)), "b": np.zeros((8, 9))}, {}, ShapeError, r"'b': expected shape \(8, 8\).*\(8, 9\)"),
        ({"a": np.full((8, 8), np.nan)}, {}, DataError, "'a': expected finite values"),
        ({"a": np.zeros((8, 8))}, {"captions": {"b": "1 dB"}}, ConfigError, r"expected among \['a'\], got 'b'"),
        ({"a": np.zeros((8, 8))}, {"reference": "b"}, ConfigError, r"expected among \['a'\], got 'b'"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(tmp_path, images, options, error, message):
    with pytest.raises(error, match=message):
        plot_comparison(images, tmp_path / "out.png", **options)
    assert not list(tmp_path.iterdir())
