"""Trains with patchmill: ``python with_patchmill.py FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from patchmill import CAREamist
from patchmill.config import Configuration, create_care_configuration, create_n2v_configuration
from restoration.job import PATCH_SIZE, Settings, run_trainer


def train(
    settings: Settings, images: NDArray[Any], targets: NDArray[Any] | None, work_dir: Path
) -> Callable[[NDArray[Any]], Any]:
    """Train, with what a user gets by default but for the settings; the weights are those of the default, too."""
    careamist = CAREamist(_configure(settings), work_dir)
    report = careamist.train(
        train_source=images, train_target=targets, val_percentage=0.0, val_minimum_split=settings.n_val_patches
    )
    predictor = CAREamist(report.best) if settings.algorithm == "care" else careamist
    return lambda test: predictor.predict(test)[0]


def _configure(settings: Settings) -> Configuration:
    arguments: dict[str, Any] = {
        "experiment_name": "quality",
        "data_type": "array",
        "axes": "SYX",
        "patch_size": PATCH_SIZE,
        "batch_size": settings.batch_size,
        "num_epochs": settings.num_epochs,
        "num_steps": settings.num_steps,
        "patching": "stratified",
        "model_params": {"depth": settings.depth, "num_channels_init": settings.num_channels_init},
        "lr_scheduler": "StepLR",
        "lr_scheduler_params": settings.lr_scheduler_params,
        "seed": settings.seed,
    }
    if settings.algorithm == "care":
        return create_care_configuration(**arguments)
    return create_n2v_configuration(**arguments, use_n2v2=settings.algorithm == "n2v2")


if __name__ == "__main__":
    run_trainer(Path(sys.argv[1]), train)
