from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from patchmill import plotting
from patchmill.errors import (
    ConfigError,
    DataError,
    MissingFileError,
    MissingPackageError,
    OutputError,
    PatchmillError,
    ReadError,
    ShapeError,
)
from patchmill.plotting import EDGE, GAP, HEADER, plot_comparison, plot_losses

ROWS = [{"epoch": n, "train_loss": 1 / n, "val_loss": 1.5 / n + 0.1 * (n == 9)} for n in range(1, 10)]


def noise(height=96, width=128):
    return np.random.default_rng(0).normal(100, 20, (height, width)).astype(np.float32)


def drawn_figure(monkeypatch, history):
    """The axes that plot_losses draws, in place of a file."""
    figures = []
    monkeypatch.setattr(plotting, "_save", lambda figure, _: figures.append(figure))
    plot_losses(history, "unused.png")
    (axes,) = figures[0].axes
    return axes


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
    rows, columns = plotting._richest_window(image)
    assert columns.stop - columns.start == 75
    assert rows.start <= 120
    assert rows.stop >= 150
    assert columns.start <= 200
    assert columns.stop >= 240


def test_lightness_rises_evenly_with_the_value():
    tints = mpl.colors.LinearSegmentedColormap.from_list("tints", plotting.TINTS)(np.linspace(0, 1, 65))[:, :3]
    linear = np.where(tints <= 0.04045, tints / 12.92, ((tints + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    assert (np.diff(lightness) > 0).all()
    np.testing.assert_allclose(lightness, np.linspace(0, 100, 65), atol=5)


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


def test_the_same_images_give_the_same_bytes_whatever_the_settings_of_matplotlib(tmp_path):
    images = {"noisy": noise(), "truth": noise() * 0.5}
    plot_comparison(images, tmp_path / "first.png", captions={"noisy": "20.0 dB"})
    plot_losses(ROWS, tmp_path / "losses.png")
    settings = {"savefig.bbox": "tight", "font.size": 30, "image.origin": "lower", "axes.grid": True}
    with mpl.rc_context(settings):
        plot_comparison(images, tmp_path / "second.png", captions={"noisy": "20.0 dB"})
        plot_losses(ROWS, tmp_path / "again.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert (tmp_path / "losses.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_drawing_starts_no_pyplot_and_importing_no_matplotlib(tmp_path):
    code = (
        "import sys, numpy, patchmill.plotting as p; before = 'matplotlib' in sys.modules; "
        f"p.plot_comparison({{'a': numpy.eye(64)}}, {str(tmp_path / 'a.png')!r}); "
        f"p.plot_losses([{{'epoch': 1, 'train_loss': 1}}], {str(tmp_path / 'b.png')!r}); "
        "print(before, 'matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize(
    "draw", [lambda path: plot_comparison({"a": noise()}, path), lambda path: plot_losses(ROWS, path)]
)
def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'patchmill\[plot\]'") as caught:
        draw(tmp_path / "out.png")
    assert isinstance(caught.value, PatchmillError)
    assert isinstance(caught.value, ImportError)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "out.png"
    path.write_bytes(b"before")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=r"out\.png: expected .* got: No space left on device"):
        plot_comparison({"a": noise()}, path)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"out\.png: expected a file that can be written, got: No such file"):
        plot_comparison({"a": noise()}, tmp_path / "missing" / "out.png")
    with pytest.raises(OutputError, match=r"out\.png: expected a file"):
        plot_losses(ROWS, tmp_path / "missing" / "out.png")


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


def test_losses_from_a_csv_file_and_from_its_rows_give_the_same_picture(tmp_path):
    with (tmp_path / "losses.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*ROWS[0], "seconds"])
        writer.writeheader()
        writer.writerows(row | {"seconds": "?"} for row in ROWS)
    plot_losses(tmp_path / "losses.csv", tmp_path / "file.png")
    plot_losses(str(tmp_path / "losses.csv"), tmp_path / "name.png")
    plot_losses(ROWS, tmp_path / "rows.png")
    rows = (tmp_path / "rows.png").read_bytes()
    assert rows == (tmp_path / "file.png").read_bytes() == (tmp_path / "name.png").read_bytes()
    assert imread(tmp_path / "rows.png").shape == (560, 1000, 4)


def test_the_best_validation_epoch_is_marked(monkeypatch):
    axes = drawn_figure(monkeypatch, ROWS)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["training", "validation", "best: 0.1875 in epoch 8"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [row["val_loss"] for row in ROWS])


@pytest.mark.parametrize(("last", "scale"), [(0.9, "linear"), (0.1, "log"), (0.0, "linear"), (-1.0, "linear")])
def test_the_axis_is_logarithmic_where_positive_losses_span_much(monkeypatch, last, scale):
    axes = drawn_figure(monkeypatch, [{"epoch": 0, "train_loss": 1.0}, {"epoch": 1, "train_loss": last}])
    assert axes.get_yscale() == scale


def test_without_a_validation_only_the_training_is_drawn(monkeypatch):
    axes = drawn_figure(monkeypatch, [{"epoch": n, "train_loss": n, "val_loss": ""} for n in (1, 2)])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training"]


def test_missing_values_leave_gaps(monkeypatch):
    rows = [{"epoch": "1", "train_loss": "2", "val_loss": ""}, {"epoch": "2", "train_loss": "nan", "val_loss": "inf"}]
    axes = drawn_figure(monkeypatch, [*rows, {"epoch": "3", "train_loss": "1", "val_loss": "4"}])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2, np.nan, 1])
    assert axes.get_legend().get_texts()[-1].get_text() == "best: 4 in epoch 3"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "loss history: expected at least one finite train_loss, got none in 0 rows"),
        ([{"epoch": 1, "train_loss": "nan"}], "expected at least one finite train_loss, got none in 1 rows"),
        ([{"epoch": 1, "loss": 1.0}], r"expected epoch and train_loss in every row, got \['epoch', 'loss'\]"),
        ([{"epoch": 1, "train_loss": "low"}], "expected numbers in column train_loss, got .*'low'"),
    ],
)
def test_histories_without_losses_are_refused(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        plot_losses(rows, tmp_path / "out.png")
    assert not list(tmp_path.iterdir())


def test_a_history_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"nothing\.csv: expected a CSV file of losses, got No such file"):
        plot_losses(tmp_path / "nothing.csv", tmp_path / "out.png")
    with pytest.raises(ReadError, match="expected a CSV file of losses, got Is a directory"):
        plot_losses(tmp_path, tmp_path / "out.png")
