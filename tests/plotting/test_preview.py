from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread

from patchmill.errors import ShapeError
from patchmill.plotting import Cell, plot_preview, preview
from patchmill.plotting.overview import TINT_OF_CELL, TINTED, _seen_cells, arrange
from patchmill.plotting.style import ACCENT, GAP
from tests.dataset.thoroughness import times
from tests.plotting.pictures import batch, noise, overview

LEGEND = {Cell.TRAINING: "training: 7 cells", Cell.VALIDATION: "validation: 2 cells"}
N2V, PAIR, ALONE = ("masked", "original", "mask"), ("input", "target"), ("patch",)


def drawn(monkeypatch, parts, overviews, **options):
    """The figure that plot_preview draws, in place of a file."""
    figures = []
    monkeypatch.setattr(preview, "save_figure", lambda figure, _: figures.append(figure))
    plot_preview(parts, overviews, "unused.png", legend=LEGEND, **options)
    return figures[0]


def split_axes(figure, parts):
    """The axes of the patches, row by row, and those of the overviews."""
    n_columns, n_items = len(parts), len(next(iter(parts.values())))
    n_rows = n_items * max(min(part.shape[1], 3) for part in parts.values())
    patches = figure.axes[: n_rows * n_columns]
    return [patches[row * n_columns : (row + 1) * n_columns] for row in range(n_rows)], figure.axes[len(patches) :]


def colour(pixels, axes, y, x):
    """The colour of the picture at a place in some axes."""
    column, row = axes.transData.transform((x, y))
    return pixels[pixels.shape[0] - 1 - int(row), int(column), :3] / 255


def render(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


@pytest.mark.parametrize("parts", [N2V, PAIR, ALONE])
@pytest.mark.parametrize("size", [(24, 512), (700, 24), (5, 24, 32), (512, 512)])
@pytest.mark.parametrize("n_channels", [1, 5])
def test_batches_of_any_kind_are_a_png_of_bounded_size(tmp_path, parts, size, n_channels):
    made = batch(2, n_channels, size, parts)
    plot_preview(made, [overview()], tmp_path / "out.png", legend=LEGEND, captions=["one", "two"])
    height, width, _ = imread(tmp_path / "out.png").shape
    assert width <= 1600
    assert height <= 1700
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("sizes", [[], [(60, 100)], [(900, 50), (50, 900)], [(64, 64)] * 4, [(60, 100)] * 3])
def test_any_number_of_images_of_any_size_fits(tmp_path, sizes):
    overviews = [overview(size, (20, 25), plane=noise(*size)) for size in sizes]
    plot_preview(batch(), overviews, tmp_path / "out.png", legend=LEGEND)
    height, width, _ = imread(tmp_path / "out.png").shape
    assert width <= 1600
    assert height <= 1000


@settings(max_examples=times(50, slow=1000), deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=5),
    width=st.integers(400, 1500),
    height=st.integers(400, 1500),
)
def test_images_keep_their_shape_and_do_not_overlap(sizes, width, height):
    boxes = arrange(sizes, width, height)
    assert len(boxes) == len(sizes)
    for (size_y, size_x), (left, top, wide, tall) in zip(sizes, boxes, strict=True):
        assert left >= 0
        assert top >= 0
        assert left + wide <= width + 1
        assert top + tall <= height + 1
        if min(wide, tall) > 1:
            assert wide / tall == pytest.approx(size_x / size_y)
    for number, (left, top, wide, tall) in enumerate(boxes):
        for other_left, other_top, other_wide, other_tall in boxes[:number]:
            is_beside = left >= other_left + other_wide + GAP - 1 or other_left >= left + wide + GAP - 1
            is_below = top >= other_top + other_tall + GAP or other_top >= top + tall + GAP
            assert is_beside or is_below


@settings(max_examples=times(50, slow=1000), deadline=None)
@given(data=st.data())
def test_the_greater_cell_is_seen_where_cells_overlap(data):
    patch_size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    size = tuple(data.draw(st.integers(least, 40)) for least in patch_size)
    picture = overview(size, patch_size)
    cells = np.array(data.draw(st.lists(st.sampled_from(Cell), min_size=picture.cells.size, max_size=None)))
    cells = cells[: picture.cells.size].reshape(picture.cells.shape).astype(np.uint8)
    picture = overview(size, patch_size, cells)

    expected = np.zeros(size, np.uint8)
    for row, y in enumerate(picture.origins[0]):
        for column, x in enumerate(picture.origins[1]):
            window = expected[y : y + patch_size[0], x : x + patch_size[1]]
            np.maximum(window, cells[row, column], out=window)
    np.testing.assert_array_equal(_seen_cells(picture, *size), expected)
    doubled = _seen_cells(picture, 2 * size[0], 2 * size[1])
    np.testing.assert_array_equal(doubled, expected.repeat(2, axis=0).repeat(2, axis=1))


def test_cells_are_tinted_by_what_becomes_of_them(monkeypatch):
    cells = np.full((3, 4), Cell.TRAINING, np.uint8)
    chosen = {(0, 0): Cell.VALIDATION, (1, 2): Cell.FILTERED, (2, 3): Cell.LEFT_OUT, (0, 3): Cell.TRAINING}
    for place, cell in chosen.items():
        cells[place] = cell
    parts = batch()
    figure = drawn(monkeypatch, parts, [overview(cells=cells)])
    pixels = render(figure)
    _, (axes,) = split_axes(figure, parts)
    for (row, column), cell in chosen.items():
        got = colour(pixels, axes, 20 * row + 10, 25 * column + 12)
        tint = np.array(to_rgb(TINT_OF_CELL.get(cell, "black"))) * TINTED  # the image itself is black
        np.testing.assert_allclose(got, tint, atol=0.02)
    # The border of a cell is all but the colour itself.
    border = colour(pixels, axes, 10, 24.95)
    np.testing.assert_allclose(border, np.array(to_rgb(ACCENT)), atol=0.1)


def test_masked_pixels_are_framed_in_both_images_and_dots_in_the_mask(monkeypatch):
    parts = batch(n_channels=2)
    parts["mask"][0, 1] = 0
    parts["mask"][0, 1, 7, 9] = 1
    rows, _ = split_axes(drawn(monkeypatch, parts, [overview()]), parts)
    for row, expected in zip(rows, [{(5, 3), (30, 20)}, {(9, 7)}, {(5, 3), (30, 20)}, {(5, 3), (30, 20)}], strict=True):
        for axes, title in zip(row, parts, strict=True):
            (marks,) = axes.collections
            assert {tuple(place) for place in marks.get_offsets().tolist()} == expected
            filled = marks.get_facecolor()
            assert (len(filled) > 0) == (title == "mask")


def test_a_masked_pixel_can_be_seen_in_the_mask_of_a_large_patch(monkeypatch):
    parts = batch(1, size=(1024, 1024))
    figure = drawn(monkeypatch, parts, [])
    pixels = render(figure)
    rows, _ = split_axes(figure, parts)
    np.testing.assert_allclose(colour(pixels, rows[0][2], 3, 5), to_rgb(ACCENT), atol=0.15)


def test_masked_and_original_share_a_contrast_and_pairs_do_not(monkeypatch):
    parts = batch()
    parts["masked"][0, 0, 3, 5] = 900.0
    rows, _ = split_axes(drawn(monkeypatch, parts, [overview()]), parts)
    for row in rows:
        assert row[0].images[0].get_clim() == row[1].images[0].get_clim()
    pair = batch(parts=PAIR)
    pair["target"] *= 50
    rows, _ = split_axes(drawn(monkeypatch, pair, [overview()]), pair)
    (_, high), (_, higher) = (axes.images[0].get_clim() for axes in rows[0])
    assert higher > 20 * high


def test_the_middle_planes_of_the_first_three_channels_are_drawn(monkeypatch):
    parts = batch(2, 5, (9, 24, 32), ALONE)
    rows, _ = split_axes(drawn(monkeypatch, parts, [overview()]), parts)
    assert len(rows) == 6
    for number, (axes,) in enumerate(rows):
        expected = parts["patch"][number // 3, number % 3, 4]
        np.testing.assert_array_equal(axes.images[0].get_array(), expected)
        assert axes.texts[0].get_text() == f"{number // 3 + 1}, channel {number % 3}"


def test_a_target_with_fewer_channels_leaves_places_empty(monkeypatch):
    parts = batch(2, 3, parts=PAIR)
    parts["target"] = parts["target"][:, :1]
    figure = drawn(monkeypatch, parts, [])
    assert [len(axes.images) for axes in figure.axes] == [1] * 8


def test_where_patches_were_cut_is_framed_and_labelled(monkeypatch):
    parts = batch()
    _, (axes,) = split_axes(drawn(monkeypatch, parts, [overview(patches={"1": (3, 7), "2": (40, 60)})]), parts)
    boxes = {
        text.get_text(): (box.get_y(), box.get_x(), box.get_height(), box.get_width())
        for text, box in zip(axes.texts, axes.patches, strict=True)
    }
    assert boxes == {"1": (3, 7, 20, 25), "2": (40, 60, 20, 25)}


def test_frames_of_patches_in_a_large_image_can_be_seen(monkeypatch):
    plane = np.zeros((100, 100), np.float32)
    large = overview((40_000, 40_000), (64, 64), plane=plane, patches={"1": (100, 200)})
    parts = batch()
    figure = drawn(monkeypatch, parts, [large])
    _, (axes,) = split_axes(figure, parts)
    (box,) = axes.patches
    width = axes.transData.transform((box.get_width(), 0)) - axes.transData.transform((0, 0))
    assert width[0] == pytest.approx(6, abs=0.1)


def test_the_legend_and_the_captions_stand_beneath(monkeypatch):
    figure = drawn(monkeypatch, batch(), [overview()], captions=["first", "x" * 300])
    render(figure)
    written = {text.get_text(): text for text in figure.texts}
    assert {*LEGEND.values(), "first", "x" * 300} <= written.keys()
    assert written["first"].get_window_extent().y0 > written["x" * 300].get_window_extent().y0 > 0
    assert written["x" * 300].get_window_extent().x1 <= figure.bbox.width
    swatches = [to_hex(artist.get_facecolor()) for artist in figure.artists]
    assert swatches[1] == ACCENT


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "batch: expected at least one part, got none"),
        ({"patch": np.zeros((2, 8, 8))}, r"'patch' of the batch: expected \(B, C, \(Z\), Y, X\).* got \(2, 8, 8\)"),
        ({"patch": np.zeros((0, 1, 8, 8))}, r"got \(0, 1, 8, 8\)"),
        (
            {"input": np.zeros((2, 1, 8, 8)), "target": np.zeros((2, 1, 8, 9))},
            r"'target' of the batch: .* the shape of 'input', which is \(2, 1, 8, 8\), got \(2, 1, 8, 9\)",
        ),
        ({"input": np.zeros((2, 1, 8, 8)), "target": np.zeros((3, 1, 8, 8))}, r"got \(3, 1, 8, 8\)"),
    ],
)
def test_batches_that_are_none_are_refused(tmp_path, parts, message):
    with pytest.raises(ShapeError, match=message):
        plot_preview(parts, [overview()], tmp_path / "out.png", legend=LEGEND)
    assert not list(tmp_path.iterdir())
