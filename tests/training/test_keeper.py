"""The checkpoints that were asked for are there, and no others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from patchmill.config import CheckpointConfig, Configuration
from patchmill.training import EpochRecord, Trainer, load_checkpoint
from patchmill.training.keeper import Keeper

LOSSES = [5.0, 3.0, 4.0, 1.0, 2.0, 6.0]
"""The validation losses of the epochs; the training losses fall with each."""


def keep(folder: Path, **options: Any) -> dict[str, str]:
    """Keep checkpoints of some epochs, and return the names that are there with what is in them."""
    keeper = Keeper(folder, CheckpointConfig(**options))
    for epoch, loss in enumerate(LOSSES, 1):
        record = EpochRecord(epoch, 10.0 - epoch, loss, 1e-3, 1.0, 1.0, 0.0)
        keeper.keep_epoch(str(epoch).encode(), record)
        again = Keeper(folder, CheckpointConfig(**options))
        again.load_state_dict(keeper.state_dict())
        keeper = again
    keeper.finish(str(epoch).encode(), record)
    return {path.name.removesuffix(".safetensors"): path.read_text() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, {"best": "4", "epoch_0002": "2", "epoch_0004": "4", "epoch_0005": "5", "last": "6"}),
        ({"save_top_k": 1}, {"best": "4", "last": "6"}),
        ({"save_top_k": 0}, {"last": "6"}),
        ({"save_top_k": 2, "mode": "max"}, {"best": "6", "epoch_0001": "1", "epoch_0006": "6", "last": "6"}),
        ({"save_top_k": 2, "monitor": "train_loss"}, {"best": "6", "epoch_0005": "5", "epoch_0006": "6", "last": "6"}),
        ({"save_top_k": 1, "monitor": None}, {"best": "6", "last": "6"}),
        ({"save_top_k": 1, "every_n_epochs": 3}, {"best": "3", "last": "6"}),
        ({"save_top_k": 1, "every_n_epochs": 9}, {"best": "6", "last": "6"}),
        (
            {"save_top_k": 2, "auto_insert_metric_name": True},
            {"best": "4", "epoch_0004-val_loss_1": "4", "epoch_0005-val_loss_2": "5", "last": "6"},
        ),
    ],
)
def test_the_best_and_the_last_are_kept(tmp_path: Path, options: dict[str, Any], kept: dict[str, str]) -> None:
    assert keep(tmp_path, **options) == kept


def test_all_epochs_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    kept = keep(tmp_path, save_top_k=-1)
    assert [kept[f"epoch_{epoch:04d}"] for epoch in range(1, 7)] == list("123456")


def test_the_last_may_wait_for_the_end(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, CheckpointConfig(save_last=False))
    record = EpochRecord(1, 1.0, 1.0, 1e-3, 1.0, 1.0, 0.0)
    keeper.keep_epoch(b"1", record)
    assert not keeper.last.exists()
    keeper.finish(b"1", record)
    assert keeper.last.read_bytes() == b"1"


def test_time_is_an_interval_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("patchmill.training.keeper.time.monotonic", lambda: now[0])
    keeper = Keeper(tmp_path, CheckpointConfig(train_time_interval=timedelta(minutes=1)))
    due = []
    for now[0] in (0.0, 59.0, 60.0, 61.0, 119.0, 120.0, 500.0):
        due.append(keeper.is_due(1))
    assert due == [False, False, True, False, False, True, True]


def test_steps_are_an_interval_too(
    n2v_config: Callable[..., Configuration],
    n2v_data: Callable[..., object],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = n2v_config(2, checkpoint_params={"every_n_train_steps": 2, "save_top_k": -1, "verbose": True})
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)
    with caplog.at_level(logging.INFO, logger="patchmill"):
        trainer.fit(n2v_data(config, n_train=5))
    names = [f"epoch_{name}.safetensors" for name in ("0001", "0001_step_000002", "0001_step_000004", "0002")]
    names += ["epoch_0002_step_000006.safetensors", "epoch_0002_step_000008.safetensors"]
    names += ["epoch_0002_step_000010.safetensors"]
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.glob("epoch*")) == sorted(names)
    assert load_checkpoint(folder / names[1]).epoch == 0
    assert f"Checkpoint: {folder / names[1]}" in caplog.text


def test_weights_alone_cannot_be_resumed(
    n2v_config: Callable[..., Configuration], n2v_data: Callable[..., object], tmp_path: Path
) -> None:
    config = n2v_config(1, checkpoint_params={"save_weights_only": True})
    Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config))
    assert not (tmp_path / "checkpoints" / "training_state.safetensors").exists()
