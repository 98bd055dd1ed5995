from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import BboxImage, imread
from matplotlib.text import Annotation

from patchmill.errors import ConfigError, ShapeError
from patchmill.plotting import panel, plot_panel
from tests.plotting.pictures import batch

STAGES = ("input", "prediction", "target")


def drawn(monkeypatch, parts, **options):
    """The images that plot_panel draws, row by row, and the figure, in place of a file."""
    figures = []
    monkeypatch.setattr(panel, "save_figure", lambda figure, _: figures.append(figure))
    plot_panel(parts, "unused.png", title="Epoch 1", caption="loss 0.5", **options)
    images = [artist for artist in figures[0].artists if isinstance(artist, BboxImage)]
    return [images[row : row + len(parts)] for row in range(0, len(images), len(parts))], figures[0]


@pytest.mark.parametrize("size", [(8, 8), (24, 512), (512, 24), (5, 24, 32), (512, 512)])
@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_patches_of_any_kind_are_a_png_of_bounded_size(tmp_path, size, n_channels):
    plot_panel(batch(4, n_channels, size, STAGES), tmp_path / "out.png", title="Epoch 1")
    height, width, _ = imread(tmp_path / "out.png").shape
    assert width <= 760
    assert height <= 1000
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("reference", [None, "input"])
def test_a_row_has_the_contrast_of_its_reference(monkeypatch, reference):
    parts = batch(2, parts=STAGES)
    parts["target"] *= 10
    rows, _ = drawn(monkeypatch, parts, reference=reference)
    for item, row in enumerate(rows):
        expected = np.percentile(parts[reference or "target"][item], [0.5, 99.5])
        for image in row:
            np.testing.assert_allclose(image.get_clim(), expected, rtol=1e-6)


@pytest.mark.parametrize(("n_channels", "n_rows"), [(1, 4), (2, 6), (3, 6), (5, 6)])
def test_as_many_patches_are_drawn_as_there_is_room_for(monkeypatch, n_channels, n_rows):
    parts = batch(4, n_channels, parts=STAGES)
    rows, _ = drawn(monkeypatch, parts)
    assert len(rows) == n_rows
    per_item = min(n_channels, 3)
    for number, row in enumerate(rows):
        for image, part in zip(row, parts.values(), strict=True):
            np.testing.assert_array_equal(image.get_array(), part[number // per_item, number % per_item])


def test_pixels_stay_squares_where_they_are_whole_multiples(monkeypatch):
    rows, _ = drawn(monkeypatch, batch(1, 1, (32, 32), STAGES))
    assert rows[0][0].get_interpolation() == "nearest"
    rows, _ = drawn(monkeypatch, batch(1, 1, (512, 512), STAGES))
    assert rows[0][0].get_interpolation() in {"antialiased", "auto"}


def test_each_patch_is_where_its_stage_and_its_number_are(monkeypatch):
    rows, figure = drawn(monkeypatch, batch(2, 2, (32, 32), STAGES))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1]
    titles = [text for text in figure.texts if text.get_text() in STAGES]
    labels = [artist for artist in figure.artists if isinstance(artist, Annotation)]
    assert [label.get_text() for label in labels] == [f"{item}, channel {n}" for item in (1, 2) for n in (0, 1)]
    for row, label in zip(rows, labels, strict=True):
        for image, title in zip(row, titles, strict=True):
            box = image.get_window_extent()
            assert title.get_window_extent().x0 == pytest.approx(box.x0, abs=2)
            shown = pixels[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)]
            factor = box.width / 32
            assert factor.is_integer()
            corner = image.to_rgba(image.get_array())[-1, 0] * 255
            np.testing.assert_allclose(shown[round(factor / 2), round(factor / 2)], corner, atol=1)
        first = row[0].get_window_extent()
        assert first.x0 < label.get_window_extent().x0 < first.x1
        assert first.y0 < label.get_window_extent().y0 < label.get_window_extent().y1 < first.y1


def test_title_caption_and_stages_are_written_within_the_picture(monkeypatch):
    _, figure = drawn(monkeypatch, batch(1, 1, (512, 24), STAGES))
    FigureCanvasAgg(figure).draw()
    texts = {text.get_text(): text.get_window_extent() for text in figure.texts if text.get_text()}
    assert set(texts) == {"Epoch 1", "loss 0.5", *STAGES}
    for extent in texts.values():
        assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width
        assert 0 <= extent.y0 < extent.y1 <= figure.bbox.height
    assert texts["Epoch 1"].x1 < texts["loss 0.5"].x0
    assert texts["Epoch 1"].y0 > texts["input"].y1


def test_patches_without_a_finite_value_are_drawn(tmp_path):
    plot_panel({"input": np.full((1, 1, 8, 8), np.nan, np.float32)}, tmp_path / "out.png", title="")
    assert (tmp_path / "out.png").is_file()


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    parts = {"input": np.zeros((2, 1, 8, 8)), "target": np.zeros((2, 1, 8, 9))}
    with pytest.raises(ShapeError, match="'target' of the batch"):
        plot_panel(parts, tmp_path / "out.png", title="")
    with pytest.raises(ShapeError, match="expected at least one part, got none"):
        plot_panel({}, tmp_path / "out.png", title="")
    with pytest.raises(ConfigError, match=r"expected one of \['patch'\], got 'target'"):
        plot_panel(batch(parts=("patch",)), tmp_path / "out.png", title="", reference="target")
    assert not list(tmp_path.iterdir())
