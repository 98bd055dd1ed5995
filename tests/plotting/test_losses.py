from __future__ import annotations

import csv

import numpy as np
import pytest
from matplotlib.image import imread

from patchmill.errors import DataError, MissingFileError, ReadError
from patchmill.plotting import losses, plot_losses
from tests.plotting.pictures import ROWS


def drawn_figure(monkeypatch, history):
    """The axes that plot_losses draws, in place of a file."""
    figures = []
    monkeypatch.setattr(losses, "save_figure", lambda figure, _: figures.append(figure))
    plot_losses(history, "unused.png")
    (axes,) = figures[0].axes
    return axes


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
