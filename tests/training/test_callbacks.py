"""A terminal gets a bar, anything else a line of the log per epoch."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from patchmill.training.progress import ProgressBar, ProgressLog, create_progress
from rich.console import Console

from patchmill.config import Configuration
from patchmill.training import EpochRecord, Trainer
from patchmill.training.meter import Meter

RECORD = EpochRecord(
    epoch=2, train_loss=0.12345, val_loss=0.2, learning_rate=1e-3, seconds=1.0, patches_per_s=1234.5, waiting_share=0.02
)


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
    monkeypatch: pytest.MonkeyPatch, show: bool | None, terminal: bool, expected: type
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert type(create_progress(show, 3, 10)) is expected


def test_the_bar_shows_epoch_losses_speed_waiting_and_remaining_time() -> None:
    out = io.StringIO()
    meter = Meter(torch.device("cpu"))
    meter.add(torch.tensor(0.5), 4)
    with ProgressBar(3, 2, Console(file=out, force_terminal=True, width=120)) as progress:
        for _ in range(4):
            progress.step(meter)
        progress.epoch(RECORD)
    last = out.getvalue()
    for text in ("Epoch 3/3", "loss 0.1235, val 0.2000, 1234 patches/s, 2% waiting", ":"):
        assert text in last


def test_the_bar_fits_80_columns() -> None:
    out = io.StringIO()
    with ProgressBar(100, 2, Console(file=out, force_terminal=True, width=80)) as progress:
        progress.epoch(RECORD)
    assert "Epoch 3/100" in out.getvalue()
    assert "2% waiting" in out.getvalue()


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
