"""Trains with CAREamics 0.3.5, in an environment that has it: ``python with_careamics.py FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from careamics import CAREamist
from careamics.config.factories import create_advanced_care_config, create_advanced_n2v_config
from numpy.typing import NDArray

from restoration.job import PATCH_SIZE, Settings, run_trainer


def train(
    settings: Settings, images: NDArray[Any], targets: NDArray[Any] | None, work_dir: Path
) -> Callable[[NDArray[Any]], Any]:
    """Train, with what a user gets by default but for the settings; the weights are those of the default, too."""
    careamist = CAREamist(_configure(settings), work_dir=work_dir, enable_progress_bar=False)
    careamist.train(train_data=images, train_data_target=targets)
    return lambda test: careamist.predict(test)[0]


def _configure(settings: Settings) -> Any:
    arguments: dict[str, Any] = {
        "experiment_name": "quality",
        "data_type": "array",
        "axes": "SYX",
        "patch_size": PATCH_SIZE,
        "batch_size": settings.batch_size,
        "num_epochs": settings.num_epochs,
        "num_steps": settings.num_steps,
        "n_val_patches": settings.n_val_patches,
        "num_workers": 0,
        "trainer_params": {"accelerator": "cpu"},
        "model_params": {"depth": settings.depth, "num_channels_init": settings.num_channels_init},
        "lr_scheduler": "StepLR",
        "lr_scheduler_params": settings.lr_scheduler_params,
        "seed": settings.seed,
    }
    if settings.algorithm == "care":
        # By default it stops early, and would train for fewer steps.
        return create_advanced_care_config(
            **arguments, early_stopping_params={"monitor": "val_loss", "patience": settings.num_epochs}
        )
    return create_advanced_n2v_config(**arguments, use_n2v2=settings.algorithm == "n2v2")


if __name__ == "__main__":
    run_trainer(Path(sys.argv[1]), train)
