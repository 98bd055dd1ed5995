"""Batches as a trainer of CAREamics gets them from a network, and CAREamics' own functions beside ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("careamics")

from careamics.config.data import DataConfig
from careamics.dataset.image_region_data import ImageRegionData
from careamics.lightning import CareamicsDataModule

from patchmill.careamics.prediction import replacements

HAS_TARGET_AXES = "target_axes" in ImageRegionData._fields

Network = Callable[[np.ndarray], np.ndarray]


def brighter(data: np.ndarray) -> np.ndarray:
    """A network whose output shows where each pixel came from."""
    return 2 * data + 1


def first_channel(data: np.ndarray) -> np.ndarray:
    """A network with one channel for all."""
    return data[:, :1] + data[:, -1:]


def three_channels(data: np.ndarray) -> np.ndarray:
    """A network that makes three channels of one."""
    return np.concatenate([data, data + 1, data + 2], axis=1)


def images(*shapes: Sequence[int]) -> list[np.ndarray]:
    """Images without two equal pixels."""
    return [np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1e5 * n for n, shape in enumerate(shapes)]


def data_module(
    data: Any,
    axes: str,
    tile: Sequence[int] | None = None,
    overlap: Sequence[int] | None = None,
    *,
    data_type: str = "array",
    batch_size: int = 3,
    **config: Any,
) -> CareamicsDataModule:
    """The data module of a prediction, tiled if there is a tile, with values as they are in the image."""
    channels = 3 if "C" in axes else 1
    given = DataConfig(
        mode="predicting",
        data_type=data_type,
        axes=axes,
        batch_size=batch_size,
        patching={"name": "tiled", "patch_size": tile, "overlaps": overlap} if tile else {"name": "whole"},
        normalization={"name": "mean_std", "input_means": [0.0] * channels, "input_stds": [1.0] * channels},
        num_workers=0,
        **config,
    )
    module = CareamicsDataModule(data_config=given, pred_data=data)
    module.setup("predict")
    return module


def predicted(module: CareamicsDataModule, network: Network = brighter) -> list[ImageRegionData]:
    """What ``Trainer.predict`` would return."""
    return [batch._replace(data=network(batch.data.numpy())) for (batch,) in module.predict_dataloader()]


@contextmanager
def replaced():
    """CAREamics with what ``replacements`` says in place."""
    with pytest.MonkeyPatch.context() as patch:
        for one in replacements():
            patch.setattr(one.owner, one.name, one.new, raising=False)
        yield


def files_below(folder: Path) -> list[Path]:
    """All files, relative to the folder."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def source_base(strategy: Any, module: CareamicsDataModule) -> None:
    """Tell a strategy where the sources lie, as the callback does when a trainer sets it up."""
    if HAS_TARGET_AXES:
        from careamics.lightning.callbacks.prediction.file_path_utils import common_source_base

        strategy.set_source_base(common_source_base(module.predict_source_paths))
