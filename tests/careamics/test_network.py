"""What is done to the network: it is faster, and its weights and predictions remain what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("careamics")

from careamics import CAREamist
from careamics.config.factories import create_n2v_config
from careamics.dataset.normalization import MeanStdNormalization

from patchmill.careamics import accelerated

DATA = np.random.default_rng(0).integers(0, 4000, (3, 64, 64)).astype(np.uint16)


def careamist(folder: Path, axes: str = "SYX", **given: Any) -> CAREamist:
    size = [8, 16, 16] if "Z" in axes else [32, 32]
    config = create_n2v_config(
        experiment_name="n2v", data_type="array", axes=axes, patch_size=size, batch_size=8, num_epochs=1, num_steps=2,
        n_val_patches=2,
    )  # fmt: skip
    return CAREamist(**(given or {"config": config}), work_dir=folder, enable_progress_bar=False)


@pytest.mark.parametrize(("axes", "shape"), [("SYX", (3, 64, 64)), ("ZYX", (16, 48, 48))])
def test_weights_lie_channels_last_and_checkpoints_go_both_ways(
    tmp_path: Path, axes: str, shape: tuple[int, ...]
) -> None:
    data = np.resize(DATA, shape)
    memory_format = torch.channels_last_3d if "Z" in axes else torch.channels_last
    tiles = (
        {"tile_size": (16, 32, 32), "tile_overlap": (4, 8, 8)}
        if "Z" in axes
        else {"tile_size": (32, 32), "tile_overlap": (8, 8)}
    )
    with accelerated():
        trained = careamist(tmp_path / "ours", axes)
        trained.train(train_data=data)
        weights = [
            parameter for parameter in trained.model.parameters() if parameter.ndim == len(tiles["tile_size"]) + 2
        ]
        assert weights
        assert all(weight.is_contiguous(memory_format=memory_format) for weight in weights)
        ours = trained.predict(data, **tiles)[0]
    [checkpoint] = (tmp_path / "ours").rglob("*last.ckpt")
    plain = careamist(tmp_path / "plain", checkpoint_path=checkpoint)
    theirs = plain.predict(data, **tiles)[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-2)
    other = careamist(tmp_path / "other", axes)
    other.train(train_data=data)
    [checkpoint] = (tmp_path / "other").rglob("*last.ckpt")
    with accelerated():
        again = careamist(tmp_path / "again", checkpoint_path=checkpoint).predict(data, **tiles)[0]
    np.testing.assert_allclose(again, other.predict(data, **tiles)[0], rtol=1e-5, atol=1e-2)


def test_a_faithful_network_is_left_alone(tmp_path: Path) -> None:
    with accelerated(faithful=True):
        trained = careamist(tmp_path)
        trained.train(train_data=DATA)
    assert all(parameter.is_contiguous() for parameter in trained.model.parameters())


@pytest.mark.parametrize("n_channels", [1, 3])
def test_predictions_are_brought_back_as_before(n_channels: int) -> None:
    means, stds = np.linspace(100, 900, n_channels).tolist(), np.linspace(20, 90, n_channels).tolist()
    normalization = MeanStdNormalization(means, stds)
    predicted = torch.randn(4, n_channels, 16, 16)
    expected = normalization.denormalize(predicted)
    with accelerated():
        found = normalization.denormalize(predicted)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-4)
    assert found.dtype == torch.float32
