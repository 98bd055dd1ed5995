"""TensorBoard and W&B, stood for by modules with the same signatures, which note their calls."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from patchmill.config import Configuration
from patchmill.errors import MissingPackageError, OutputError, TrainingError
from patchmill.training import EpochRecord, TrainingReport
from patchmill.training.callbacks import (
    Callbacks,
    FitStart,
    TensorBoardLogger,
    ValidationPatches,
    WandbLogger,
    create_callbacks,
)

PATCHES = ValidationPatches(*np.random.default_rng(0).normal(size=(3, 2, 1, 8, 8)).astype(np.float32))


class SummaryWriter:
    """The part of torch.utils.tensorboard.SummaryWriter that is used."""

    made: list[SummaryWriter] = []

    def __init__(
        self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""
    ) -> None:
        self.log_dir, self.purge_step = log_dir, purge_step
        self.scalars: dict[str, dict[int, float]] = {}
        self.images: dict[int, np.ndarray] = {}
        self.n_flushed = 0
        self.is_closed = False
        self.made.append(self)

    def add_scalar(
        self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False
    ) -> None:
        self.scalars.setdefault(tag, {})[global_step] = scalar_value

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW") -> None:
        assert (tag, dataformats) == ("validation", "HWC")
        self.images[global_step] = img_tensor

    def flush(self) -> None:
        self.n_flushed += 1

    def close(self) -> None:
        self.is_closed = True


class Run:
    """The part of a run of W&B that is used."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.id = options["id"] or "1a2b3c"
        self.metrics: list[tuple[str, str | None]] = []
        self.rows: list[dict[str, Any]] = []
        self.exit_code: int | None = None

    def define_metric(self, name, step_metric=None, step_sync=None, hidden=None, summary=None, overwrite=None) -> None:
        self.metrics.append((name, step_metric))

    def log(self, data, step=None, commit=None) -> None:
        self.rows.append(data)

    def finish(self, exit_code=None) -> None:
        self.exit_code = exit_code


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> type[SummaryWriter]:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(SummaryWriter, "made", [])
    return SummaryWriter


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("wandb")
    module.runs = []

    def init(*, reinit=None, **options: Any) -> Run:
        assert set(options) == {"project", "name", "dir", "config", "id", "resume", "settings"}
        assert reinit == "create_new"
        module.runs.append(Run(options))
        return module.runs[-1]

    module.init, module.Error = init, type("Error", (Exception,), {})
    module.Image, module.Settings = Path, SimpleNamespace
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return module


def record(epoch: int, val_loss: float | None = 0.25) -> EpochRecord:
    return EpochRecord(epoch, 0.5, val_loss, 1e-3, 2.0, 100.0, 0.125)


@pytest.fixture
def start(n2v_config: Callable[..., Configuration], tmp_path: Path) -> FitStart:
    return FitStart(n2v_config(4), tmp_path, num_epochs=4, steps_per_epoch=2)


def train(start: FitStart, logger: str, val_losses: list[float | None], *, ended: bool = True) -> None:
    """Tell all callbacks of a training with this logger of the epochs after those that ended before."""
    config = start.configuration.checked_copy()
    config.training_config.logger = logger
    callbacks = Callbacks(create_callbacks(config, device=torch.device("cpu"), progress=False))
    history = list(start.history)
    try:
        callbacks.on_start(start)
        for epoch, loss in enumerate(val_losses, start=len(history) + 1):
            history.append(record(epoch, loss))
            callbacks.on_epoch(history[-1], None if loss is None else PATCHES)
        if ended:
            callbacks.on_end(TrainingReport.from_history(history, seconds=1.0, best=Path("best"), last=Path("last")))
    finally:
        callbacks.close()


@pytest.mark.parametrize("logger", ["tensorboard", "wandb"])
def test_a_logger_that_is_not_installed_is_told_before_anything_is_written(
    start: FitStart, logger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, logger, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(
        MissingPackageError, match=rf"expected the package {logger}.*pip install 'patchmill\[{logger}]'"
    ):
        train(start, logger, [1.0])
    assert not list(start.work_dir.iterdir())


def test_tensorboard_gets_losses_learning_rate_and_speed_of_each_epoch(
    start: FitStart, tensorboard: type[SummaryWriter]
) -> None:
    train(start, "tensorboard", [0.25] * 3)
    (writer,) = tensorboard.made
    assert Path(writer.log_dir) == start.work_dir / "tb_logs"
    assert writer.scalars == {
        "train_loss": {1: 0.5, 2: 0.5, 3: 0.5},
        "val_loss": {1: 0.25, 2: 0.25, 3: 0.25},
        "learning_rate": {1: 1e-3, 2: 1e-3, 3: 1e-3},
        "patches_per_s": {1: 100.0, 2: 100.0, 3: 100.0},
        "waiting_share": {1: 0.125, 2: 0.125, 3: 0.125},
    }
    assert writer.n_flushed == 3
    assert writer.is_closed


def test_tensorboard_gets_the_panels_that_were_drawn_and_that_of_the_last_epoch(
    start: FitStart, tensorboard: type[SummaryWriter]
) -> None:
    train(start, "tensorboard", [0.25] * 4)
    (writer,) = tensorboard.made
    assert sorted(writer.images) == [1, 2, 3, 4]
    for epoch, image in writer.images.items():
        expected = imread(start.work_dir / "panels" / f"epoch_{epoch:04d}.png")
        assert image.dtype == np.uint8
        np.testing.assert_allclose(image / 255, expected[..., :3], atol=1e-6)


def test_tensorboard_hides_what_is_trained_again(start: FitStart, tensorboard: type[SummaryWriter]) -> None:
    train(start, "tensorboard", [])
    train(dataclasses.replace(start, history=(record(1), record(2))), "tensorboard", [0.25])
    fresh, resumed = tensorboard.made
    assert (fresh.purge_step, resumed.purge_step) == (1, 3)
    assert list(resumed.scalars["train_loss"]) == [3]


def test_without_a_validation_there_is_no_loss_of_it(
    start: FitStart, tensorboard: type[SummaryWriter], wandb: ModuleType
) -> None:
    for logger in ("tensorboard", "wandb"):
        train(start, logger, [None])
    assert "val_loss" not in tensorboard.made[0].scalars
    assert [list(row) for row in wandb.runs[0].rows] == [
        ["epoch", "train_loss", "learning_rate", "patches_per_s", "waiting_share"]
    ]


def test_wandb_gets_the_configuration_and_each_epoch(start: FitStart, wandb: ModuleType) -> None:
    train(start, "wandb", [0.25] * 4)
    (run,) = wandb.runs
    assert run.options["project"] == "patchmill"
    assert run.options["name"] == "test"
    assert Path(run.options["dir"]) == start.work_dir / "wandb_logs"
    assert Configuration.model_validate(run.options["config"]) == start.configuration
    assert run.options["settings"].console == "off"
    assert run.metrics == [("epoch", None), ("*", "epoch")]
    values = {
        "train_loss": 0.5,
        "val_loss": 0.25,
        "learning_rate": 1e-3,
        "patches_per_s": 100.0,
        "waiting_share": 0.125,
    }
    panels = [{"validation": start.work_dir / "panels" / f"epoch_000{epoch}.png"} for epoch in (1, 2, 3, 4)]
    rows = [{"epoch": epoch, **values, **panel} for epoch, panel in zip((1, 2, 3), panels, strict=False)]
    assert run.rows == [*rows, {"epoch": 4, **values}, {"epoch": 4, **panels[3]}]
    assert run.exit_code == 0


def test_wandb_goes_on_with_the_run_of_a_resumed_training(start: FitStart, wandb: ModuleType) -> None:
    train(start, "wandb", [0.25], ended=False)
    train(dataclasses.replace(start, history=(record(1),)), "wandb", [0.25])
    train(start, "wandb", [0.25])
    assert [run.options["id"] for run in wandb.runs] == [None, "1a2b3c", None]
    assert [run.options["resume"] for run in wandb.runs] == [None, "allow", None]
    assert [run.exit_code for run in wandb.runs] == [1, 0, 0]


def test_the_project_of_the_environment_counts(
    start: FitStart, wandb: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "cells")
    train(start, "wandb", [])
    assert wandb.runs[0].options["project"] == "cells"


def test_a_run_that_cannot_begin_is_an_error_before_training(start: FitStart, wandb: ModuleType) -> None:
    no_key = wandb.Error("no key")

    def fail(**_: object) -> None:
        raise no_key

    wandb.init = fail
    with pytest.raises(TrainingError, match=r"expected a run to begin, got: no key\. Run 'wandb login'"):
        train(start, "wandb", [0.25])


@pytest.mark.parametrize(("logger", "folder"), [("tensorboard", "tb_logs"), ("wandb", "wandb_logs")])
def test_a_folder_that_cannot_be_written_is_an_error_before_training(
    start: FitStart,
    tensorboard: type[SummaryWriter],
    wandb: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    logger: str,
    folder: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensorboard, "__init__", fail)
    wandb.init = fail
    with pytest.raises(OutputError, match=rf"{folder}: expected .* got: No space left on device"):
        train(start, logger, [0.25])


@pytest.mark.parametrize(("kind", "logger"), [(TensorBoardLogger, "tensorboard"), (WandbLogger, "wandb")])
def test_a_log_that_cannot_be_written_later_is_told_once_and_ends_no_training(
    start: FitStart,
    tensorboard: type[SummaryWriter],
    wandb: ModuleType,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    kind: type,
    logger: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for written, name in ((tensorboard, "add_scalar"), (tensorboard, "close"), (Run, "log"), (Run, "finish")):
        monkeypatch.setattr(written, name, fail)
    with caplog.at_level(logging.WARNING, logger="patchmill"):
        train(start, logger, [0.25] * 3)
    (line,) = caplog.records
    assert line.message == f"{kind.__name__}: [Errno 28] No space left on device"
    assert (start.work_dir / "report.html").is_file()
