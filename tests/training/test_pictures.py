"""Panels and losses.png: when they are drawn, and what happens where they cannot be."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from patchmill.config import Configuration
from patchmill.errors import OutputError
from patchmill.training import EpochRecord, Trainer, TrainingReport
from patchmill.training.callbacks import FitStart, Pictures, ValidationPatches
from patchmill.training.callbacks import pictures as pictures_module
from patchmill.training.callbacks.pictures import is_picture_epoch

PATCHES = ValidationPatches(*np.random.default_rng(0).normal(size=(3, 2, 1, 8, 8)).astype(np.float32))


def record(epoch: int, val_loss: float | None = 1.0) -> EpochRecord:
    return EpochRecord(epoch, 0.5, val_loss, 1e-3, 2.0, 100.0, 0.1)


@pytest.fixture
def start(n2v_config: Callable[..., Configuration], tmp_path: Path) -> FitStart:
    return FitStart(n2v_config(30), tmp_path, num_epochs=30, steps_per_epoch=2)


def train(start: FitStart, losses: list[float | None], patches: ValidationPatches | None = PATCHES) -> Pictures:
    """Tell of the epochs after those that ended before, with these losses of the validation."""
    pictures = Pictures()
    pictures.on_start(start)
    for epoch, loss in enumerate(losses, start=len(start.history) + 1):
        pictures.on_epoch(record(epoch, loss), patches)
    return pictures


def panels(work_dir: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("epoch_")) for path in work_dir.glob("panels/*"))


def test_epochs_with_pictures_lie_further_and_further_apart() -> None:
    chosen = [epoch for epoch in range(1, 100) if is_picture_epoch(epoch)]
    assert chosen == [1, 2, 3, 5, 8, 12, 18, 27, 41, 62, 93]


def test_a_training_leaves_a_panel_of_the_first_epoch_and_of_the_last_and_its_losses(
    n2v_config: Callable[..., Configuration], n2v_data: Callable[..., object], tmp_path: Path
) -> None:
    config = n2v_config(4)
    Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config))
    assert panels(tmp_path) == [1, 2, 3, 4]
    assert imread(tmp_path / "losses.png").shape == (560, 1000, 4)


def test_the_best_epoch_and_the_last_have_a_panel_when_the_training_ends(start: FitStart) -> None:
    losses = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.6, 0.7, 0.8, 0.9]
    pictures = train(start, losses)
    assert panels(start.work_dir) == [1, 2, 3, 5, 8]
    report = TrainingReport.from_history(
        [record(1)], seconds=1.0, best=start.work_dir / "best", last=start.work_dir / "last"
    )
    pictures.on_end(report)
    assert panels(start.work_dir) == [1, 2, 3, 5, 6, 8, 10]


def test_so_they_do_where_it_is_broken_off(start: FitStart) -> None:
    train(start, [1.0, 0.9, 0.8, 0.7]).close()
    assert panels(start.work_dir) == [1, 2, 3, 4]
    assert (start.work_dir / "losses.png").is_file()


def test_the_losses_are_drawn_at_the_first_epoch_then_now_and_then_and_when_the_training_ends(
    start: FitStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(pictures_module, "plot_losses", lambda rows, _: drawn.append(len(rows)))
    pictures = train(start, [1.0] * 8)
    assert drawn == [1]
    pictures.close()
    assert drawn == [1, 8]
    monkeypatch.setattr(pictures_module, "LOSSES_EVERY_S", 0.0)
    train(start, [1.0] * 8)
    assert drawn[2:] == [1, 2, 3, 5, 8]


def test_panels_of_another_training_are_removed_and_nothing_else(start: FitStart) -> None:
    folder = start.work_dir / "panels"
    folder.mkdir()
    for name in ("epoch_0001.png", "epoch_0007.png", "epoch_12345.png", "epoch_best.png", "mine.png"):
        (folder / name).touch()
    train(start, [])
    assert {path.name for path in folder.iterdir()} == {"epoch_best.png", "mine.png"}


def test_panels_of_epochs_before_are_kept_where_a_training_is_resumed(start: FitStart) -> None:
    train(start, [1.0, 0.3, 0.5]).close()
    before = (start.work_dir / "panels" / "epoch_0002.png").read_bytes()
    history = (record(1, 1.0), record(2, 0.3))
    train(dataclasses.replace(start, history=history), [0.5, 0.4]).close()
    assert panels(start.work_dir) == [1, 2, 3, 4]
    assert (start.work_dir / "panels" / "epoch_0002.png").read_bytes() == before


@pytest.mark.parametrize("algorithm", ["n2v", "care"])
def test_the_parts_are_named_as_the_algorithm_has_them(
    start: FitStart, care_config: Configuration, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}
    monkeypatch.setattr(pictures_module, "plot_panel", lambda parts, _, **options: drawn.update(parts, **options))
    config = start.configuration if algorithm == "n2v" else care_config
    train(dataclasses.replace(start, configuration=config), [0.25])
    names = ["masked", "prediction", "original"] if algorithm == "n2v" else ["input", "prediction", "target"]
    assert list(drawn) == [*names, "title", "caption"]
    for name, part in zip(names, (PATCHES.inputs, PATCHES.predictions, PATCHES.targets), strict=True):
        np.testing.assert_array_equal(drawn[name], part)
    assert (drawn["title"], drawn["caption"]) == ("Epoch 1 of 30", "validation loss 0.25")


def test_only_the_planes_that_are_drawn_are_kept_of_volumes(start: FitStart, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    monkeypatch.setattr(
        pictures_module, "plot_panel", lambda parts, *_, **__: shapes.extend(part.shape for part in parts.values())
    )
    train(start, [1.0], ValidationPatches(*np.zeros((3, 2, 5, 9, 8, 8), np.float32)))
    assert shapes == [(2, 3, 8, 8)] * 3


def test_without_a_validation_only_the_losses_are_drawn(start: FitStart) -> None:
    train(start, [None, None], patches=None).close()
    assert [path.name for path in start.work_dir.iterdir()] == ["losses.png"]


def test_without_matplotlib_training_goes_on_and_one_line_says_so(
    start: FitStart, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with caplog.at_level(logging.INFO, logger="patchmill"):
        train(start, [1.0, 0.9]).close()
    (line,) = caplog.records
    assert line.levelno == logging.INFO
    assert "pip install 'patchmill[plot]'" in line.message
    assert not list(start.work_dir.iterdir())


@pytest.mark.parametrize("error", [OutputError("epoch_0001.png: expected room"), MemoryError("no room")])
def test_a_picture_that_cannot_be_drawn_ends_no_training_and_is_told_once(
    start: FitStart, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pictures_module, "plot_panel", fail)
    train(start, [1.0, 0.9, 0.8]).close()
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.message == f"Pictures of the training: {error}"


def test_a_folder_that_cannot_be_made_ends_no_training(start: FitStart, caplog: pytest.LogCaptureFixture) -> None:
    (start.work_dir / "panels").write_text("a file where the folder should be")
    train(start, [1.0, 0.9]).close()
    assert [line.levelno for line in caplog.records] == [logging.WARNING]
