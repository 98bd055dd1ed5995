"""Training ends early when the losses say so."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from patchmill.config import Configuration, EarlyStoppingConfig
from patchmill.errors import TrainingError
from patchmill.training import EpochRecord, Trainer, load_checkpoint
from patchmill.training.stopping import reason_to_stop


def reasons(losses: list[float], **options: Any) -> list[str | None]:
    """Return why to stop after each epoch."""
    history = [EpochRecord(epoch, 9.0, loss, 1e-3, 1.0, 1.0, 0.0) for epoch, loss in enumerate(losses, 1)]
    config = EarlyStoppingConfig(**options)
    return [reason_to_stop(config, history[:n]) for n in range(1, len(history) + 1)]


def ends_after(losses: list[float], **options: Any) -> int | None:
    found = reasons(losses, **options)
    return next((epoch for epoch, reason in enumerate(found, 1) if reason is not None), None)


@pytest.mark.parametrize(
    ("losses", "options", "epoch"),
    [
        ([3, 2, 2, 2, 1], {"patience": 2}, 4),
        ([3, 2, 2, 1, 1, 1], {"patience": 2}, 6),
        ([3, 2, 1, 0], {"patience": 1}, None),
        ([3, 2.9, 2.8, 2.7], {"patience": 3, "min_delta": 0.5}, 4),
        ([3, 2.9, 2.4], {"patience": 2, "min_delta": 0.5}, None),
        ([1, 2, 3, 3, 3], {"patience": 2, "mode": "max"}, 5),
        ([3, 2, 0.4], {"stopping_threshold": 0.5}, 3),
        ([3, 2, 0.5], {"stopping_threshold": 0.5}, None),
        ([3, 2, 7], {"divergence_threshold": 5.0}, 3),
        ([3, 8, 1], {"divergence_threshold": 2.0, "mode": "max"}, 3),
        ([float("inf"), 2, float("nan"), 1], {"patience": 2}, None),
    ],
)
def test_training_ends_when_losses_improve_no_more(losses: list[float], options: dict[str, Any], epoch: int) -> None:
    assert ends_after(losses, **options) == epoch


def test_nothing_ends_without_a_configuration_or_an_epoch() -> None:
    assert reason_to_stop(None, [EpochRecord(1, 9.0, float("nan"), 1e-3, 1.0, 1.0, 0.0)]) is None
    assert reason_to_stop(EarlyStoppingConfig(), []) is None


def test_a_training_ends_early_says_why_and_stays_ended(
    n2v_config: Callable[..., Configuration],
    n2v_data: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = n2v_config(9, optimizer="SGD", optimizer_params={"lr": 1e-12})
    config.algorithm_config.model.use_batch_norm = False
    config.training_config.early_stopping_callback = EarlyStoppingConfig(patience=2)
    with caplog.at_level(logging.INFO, logger="patchmill"):
        report = Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config))
    assert len(report.history) == 3
    assert "Training ends after epoch 3: the loss has not improved for 2 epochs" in caplog.text
    again = Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config), resume=True)
    assert again.history == report.history


def test_a_validation_loss_that_is_not_finite_may_pass(
    n2v_config: Callable[..., Configuration], n2v_data: Callable[..., Any], tmp_path: Path
) -> None:
    config = n2v_config(2)
    data = n2v_data(config)
    data.val = [(data.val[0][0], torch.full_like(data.val[0][1], torch.inf), data.val[0][2])]
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    with pytest.raises(TrainingError, match="Epoch 1: expected a finite validation loss, got nan"):
        trainer.fit(data)
    config.training_config.early_stopping_callback = EarlyStoppingConfig(check_finite=False)
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    report = trainer.fit(data)
    assert [math.isnan(record.val_loss) for record in report.history] == [True, True]
    assert load_checkpoint(report.last).val_loss is None
    assert [math.isnan(record.val_loss) for record in trainer.fit(data, resume=True).history] == [True, True]
