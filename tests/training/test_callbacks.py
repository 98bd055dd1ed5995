"""Who is told what; a terminal gets a bar, anything else a line of the log per epoch."""

from __future__ import annotations

import dataclasses
import io
import logging
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from patchmill.config import Configuration
from patchmill.training import EpochRecord, Trainer
from patchmill.training.callbacks import (
    Callback,
    Callbacks,
    FitStart,
    Pictures,
    ProgressBar,
    ProgressLog,
    ReportFiles,
    create_callbacks,
)
from patchmill.training.callbacks import progress as progress_module
from patchmill.training.meter import Meter

RECORD = EpochRecord(
    epoch=2, train_loss=0.12345, val_loss=0.2, learning_rate=1e-3, seconds=1.0, patches_per_s=1234.5, waiting_share=0.02
)
BEFORE = dataclasses.replace(RECORD, epoch=1, val_loss=0.15)


@pytest.fixture
def start(n2v_config: Callable[..., Configuration], tmp_path: Path) -> FitStart:
    return FitStart(n2v_config(3), tmp_path, num_epochs=3, steps_per_epoch=2)


@pytest.fixture
def meter() -> Meter:
    meter = Meter(torch.device("cpu"))
    meter.add(torch.tensor(0.5), 4)
    return meter


def console(width: int = 120) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def last_lines(screen: Console) -> list[str]:
    """The two lines that are left when the bar has been closed."""
    assert isinstance(screen.file, io.StringIO)
    return re.sub(r"\x1b\[\??\d+[a-zA-Z]", "", screen.file.getvalue()).splitlines()[-2:]


@pytest.mark.parametrize(
    ("show", "terminal", "expected"),
    [
        (None, True, ProgressBar),
        (None, False, ProgressLog),
        (True, False, ProgressBar),
        (False, True, ProgressLog),
    ],
)
def test_a_bar_is_for_terminals_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, start: FitStart, show: bool | None, terminal: bool, expected: type
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    first, *others = create_callbacks(start.configuration, device=torch.device("cpu"), progress=show)
    assert type(first) is expected
    assert [type(other) for other in others] == [ReportFiles, Pictures]


def test_the_bar_shows_epoch_losses_speed_waiting_and_remaining_time(
    start: FitStart, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: clock[0])
    screen = console()
    bar = ProgressBar(screen)
    bar.on_start(start)
    for _ in range(4):
        clock[0] += 600
        bar.on_step(meter)
    bar.on_epoch(BEFORE, None)
    bar.on_epoch(RECORD, None)
    bar.close()
    first, second = last_lines(screen)
    assert first.startswith("Epoch 3/3 ")
    assert first.endswith(" 0:20:00 left")
    assert second == "loss 0.1235, val 0.2000 (best 0.1500), 1234 patches/s, 2% waiting"


def test_the_bar_goes_on_where_a_training_is_resumed(
    start: FitStart, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: clock[0])
    screen = console()
    bar = ProgressBar(screen)
    bar.on_start(dataclasses.replace(start, num_epochs=10, steps_per_epoch=10, history=(BEFORE, RECORD), steps_done=5))
    clock[0] = 2.0
    bar.on_step(meter)
    bar.close()
    first, second = last_lines(screen)
    assert first.startswith("Epoch 3/10 ")
    # 74 batches are left, and the one since the start took two seconds.
    assert first.endswith(" 0:02:28 left")
    filled, room = len(re.findall("[━╸╺]", first)), len(first) - len("Epoch 3/10 0:02:28 left") - 1
    assert filled == pytest.approx(0.26 * room, abs=1)
    assert second.startswith("loss 0.5000, val 0.2000 (best 0.1500), ")


@pytest.mark.parametrize("train_loss", [0.12345, 1.2345e-7, 123456.0])
def test_the_bar_fits_80_columns(start: FitStart, train_loss: float) -> None:
    screen = console(80)
    bar = ProgressBar(screen)
    bar.on_start(dataclasses.replace(start, num_epochs=1000))
    bar.on_epoch(dataclasses.replace(RECORD, train_loss=train_loss, val_loss=train_loss, patches_per_s=123456.0), None)
    bar.close()
    first, second = last_lines(screen)
    assert len(first) == 80
    assert first.startswith("Epoch 3/1000 ")
    assert second.endswith(" 123456 patches/s, 2% waiting")
    assert len(second) <= 80


def test_between_two_drawings_a_batch_is_only_counted(
    start: FitStart, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: 0.0)
    screen = console()
    bar = ProgressBar(screen)
    bar.on_start(start)
    drawn = screen.file.getvalue()
    monkeypatch.setattr(meter, "mean_loss", lambda: pytest.fail("waited for the device"))
    for _ in range(5):
        bar.on_step(meter)
    assert screen.file.getvalue() == drawn
    bar.close()


def test_nothing_is_left_of_a_bar_that_is_closed(start: FitStart) -> None:
    threads, out, err = threading.active_count(), sys.stdout, sys.stderr
    screen = console()
    bar = ProgressBar(screen)
    bar.on_start(start)
    assert threading.active_count() == threads
    bar.close()
    bar.close()
    assert (sys.stdout, sys.stderr) == (out, err)
    assert screen.file.getvalue().count("\x1b[?25h") == 1


def test_the_log_has_a_line_per_epoch_and_nothing_is_printed(
    n2v_config: Callable[..., Configuration],
    n2v_data: Callable[..., object],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    config = n2v_config(2)
    with caplog.at_level(logging.INFO, logger="patchmill"):
        Trainer(config, work_dir=tmp_path, device="cpu").fit(n2v_data(config))
    assert [record.name for record in caplog.records] == ["patchmill"] * 2
    assert [record.message[:15] for record in caplog.records] == ["Epoch 1/2: loss", "Epoch 2/2: loss"]
    assert capfd.readouterr() == ("", "")


def test_all_are_closed_the_last_one_first_although_one_fails() -> None:
    closed = []

    class Closing(Callback):
        def __init__(self, name: str, error: Exception | None = None) -> None:
            self.name, self.error = name, error

        def close(self) -> None:
            closed.append(self.name)
            if self.error:
                raise self.error

    callbacks = Callbacks([Closing("first"), Closing("second", ValueError("full")), Closing("third")])
    with pytest.raises(ValueError, match="full"):
        callbacks.close()
    assert closed == ["third", "second", "first"]
